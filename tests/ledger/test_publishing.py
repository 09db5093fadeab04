"""The office's use cases, on a real log: done once, from any process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger import publishing
from ledger.events import KeyAdded, KeyRetired, RuleSetPublished, SeedChainAnchored, WeekListed
from ledger.ids import OFFICE
from ledger.office import WeekListedOtherwise
from ledger.seeds import SeedChain
from tests.examples import MASTER, RULES
from tests.ledger.playing import PATIENCE, House

KEY = {"key_id": "0a1b2c3d", "public_key": "fairpool.test+0a1b2c3d+AQID", "purpose": "checkpoints"}
WHO = {"actor": "operator:1", "request": "publish"}


def test_what_is_published_is_in_the_office_once(house: House) -> None:
    """Each is answered with its first fact, also to another process, and to one that has just started."""

    def all_of_it(each: House) -> list[str]:
        return [
            publishing.publish_rules(each.ledger, rules=RULES, **WHO).token,
            publishing.anchor_seeds(each.ledger, **WHO).token,
            publishing.add_key(each.ledger, **KEY, **WHO).token,
            publishing.list_week(each.ledger, week="2026-W46", size=9, root=bytes(32), **WHO).token,
            publishing.retire_key(each.ledger, key_id=KEY["key_id"], **WHO).token,
        ]

    first = all_of_it(house)
    assert first == [f"office:{position}" for position in range(1, 6)]
    assert house.events(RuleSetPublished, SeedChainAnchored, WeekListed, week=OFFICE) == [
        RuleSetPublished(
            rules=RULES, rules_hash=house.events(RuleSetPublished, week=OFFICE)[0].rules_hash, version="1"
        ),
        SeedChainAnchored(anchor=SeedChain(MASTER).anchor, length=520),
        WeekListed(root="00" * 32, size=9, week="2026-W46"),
    ]
    listed = publishing.listed_week(house.another().ledger, week="2026-W46")
    assert listed is not None
    assert listed.token == "office:4"
    assert publishing.listed_week(house.ledger, week="2026-W47") is None


def test_keys_are_told_with_when_they_came_and_went(house: House) -> None:
    """By who reads the log anew as by who wrote it."""
    assert publishing.keys(house.ledger) == []
    added = publishing.add_key(house.ledger, **KEY, **WHO)
    assert added.event == KeyAdded(**KEY)
    retired = publishing.retire_key(house.ledger, key_id=KEY["key_id"], **WHO)
    assert retired.event == KeyRetired(key_id=KEY["key_id"])
    for each in (house, house.another()):
        assert publishing.keys(each.ledger) == [(*KEY.values(), added.at, retired.at)]


def test_listed_week_is_refused_with_another_root(house: House) -> None:
    """Also by a process that has not seen it listed."""
    publishing.list_week(house.ledger, week="2026-W46", size=9, root=bytes(32), **WHO)
    with pytest.raises(WeekListedOtherwise, match="2026-W46 is listed at office:1"):
        publishing.list_week(house.another().ledger, week="2026-W46", size=9, root=bytes(31) + b"\1", **WHO)


def test_many_processes_publish_at_once(house: House) -> None:
    """One of them does it, the others are told."""
    houses = [house, *(house.another() for _ in range(3))]
    with ThreadPoolExecutor(4) as threads:
        tokens = list(
            threads.map(lambda each: publishing.add_key(each.ledger, **KEY, **WHO).token, houses, timeout=PATIENCE)
        )
    assert set(tokens) == {"office:1"}
    assert house.recorder(OFFICE).head().position == 1
