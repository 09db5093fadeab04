"""What the office publishes stands once, for ever, and in one order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.events import KeyAdded, KeyRetired, RuleSetPublished, SeedChainAnchored, WeekListed
from ledger.facts import Fact
from ledger.office import KeyNotInUse, KeyTaken, Office, WeekListedOtherwise
from ledger.rules import Rules, rules_hash
from ledger.week import UnsoundRules
from tests.examples import RULES
from tests.given import given, recorded_at

LATE = Rules(late_entry=True)
KEY = KeyAdded(key_id="0a1b2c3d", public_key="fairpool.test+0a1b2c3d+AQID", purpose="checkpoints")
LISTED = WeekListed(root="ab" * 32, size=7, week="2026-W47")


def published(rules: Rules) -> RuleSetPublished:
    return RuleSetPublished(rules=rules, rules_hash=rules_hash(rules), version="1")


def publishing(rules: Rules) -> Any:
    return lambda office: office.publish(rules=rules)


def adding(**changes: str) -> Any:
    said = {"key_id": KEY.key_id, "public_key": KEY.public_key, "purpose": KEY.purpose} | changes
    return lambda office: office.add_key(**said)


def retiring(key_id: str = KEY.key_id) -> Any:
    return lambda office: office.retire_key(key_id=key_id)


def listing(**changes: Any) -> Any:
    said = {"week": LISTED.week, "size": LISTED.size, "root": LISTED.root} | changes
    return lambda office: office.list_week(**said)


def test_rule_set_is_published_once() -> None:
    """By its hash: the same values are the same rules, others are others."""
    given(Office).when(publishing(RULES)).then(published(RULES))
    again = given(Office, published(RULES)).when(publishing(Rules())).then()
    assert publishing(RULES)(again) is again.rule_sets[rules_hash(RULES)]
    given(Office, published(RULES)).when(publishing(LATE)).then(published(LATE))


def test_rules_that_no_week_can_be_played_by_are_not_published() -> None:
    """They would only be refused when a week opens."""
    given(Office).when(publishing(Rules(grant=0, pool_max=0))).raises(UnsoundRules, "grant, pool_max")


def test_seed_chain_is_anchored_once() -> None:
    """A lost master is followed by another chain, which everybody sees."""
    first, second = (SeedChainAnchored(anchor=anchor * 32, length=520) for anchor in ("ab", "cd"))
    anchoring = [lambda office, a=each: office.anchor(anchor=a.anchor, length=a.length) for each in (first, second)]
    given(Office).when(anchoring[0]).then(first)
    given(Office, first).when(anchoring[0]).then()
    given(Office, first).when(anchoring[1]).then(second)


def test_key_signs_from_when_it_is_added_until_it_is_retired() -> None:
    """Either is written down once, with the text by which anybody can check a signature."""
    given(Office).when(adding()).then(KEY)
    given(Office, KEY).when(adding()).then()
    retired = KeyRetired(key_id=KEY.key_id)
    given(Office, KEY).when(retiring()).then(retired)
    office = given(Office, KEY, retired).when(retiring()).then()
    (key,) = office.all_keys()
    assert key == (KEY.key_id, KEY.public_key, "checkpoints", recorded_at(1), recorded_at(2))


def test_key_that_is_retired_never_comes_back() -> None:
    """What it signed is held against the time in which it was in use."""
    given(Office, KEY, KeyRetired(key_id=KEY.key_id)).when(adding()).raises(KeyTaken, "was retired at 2026-W47:2")


def test_id_of_a_key_stands_for_one_key() -> None:
    """Another key under it is refused."""
    given(Office, KEY).when(adding(public_key="other")).raises(KeyTaken, "stands for another key since")


def test_unknown_key_is_not_retired() -> None:
    """There is nothing to retire."""
    given(Office, KEY).when(retiring("ffffffff")).raises(KeyNotInUse, "key ffffffff was never added")


def test_week_is_listed_once() -> None:
    """Asked again, with the same size and root, it is the first listing."""
    given(Office).when(listing()).then(LISTED)
    again = given(Office, LISTED).when(listing()).then()
    assert listing()(again) is again.weeks[LISTED.week]


@pytest.mark.parametrize("other", [{"size": 8}, {"root": "cd" * 32}])
def test_listed_week_cannot_be_another(other: dict[str, Any]) -> None:
    """Whoever changed the log of a final week afterwards cannot have it listed anew."""
    given(Office, LISTED).when(listing(**other)).raises(WeekListedOtherwise, "2026-W47 is listed at 2026-W47:1")


names = st.sampled_from(["a", "b", "c"])


class OfficeMachine(RuleBasedStateMachine):
    """An office beside plain dictionaries."""

    def __init__(self) -> None:
        super().__init__()
        self.given = given(Office)
        self.grants: set[int] = set()
        self.anchors: set[str] = set()
        self.keys: dict[str, tuple[str, bool]] = {}
        self.weeks: dict[str, int] = {}

    def asks(self, command: Any, *, is_news: bool) -> None:
        """It happens if it is news, and is answered with a fact in any case."""
        assert len(self.given.ask(command)) == is_news
        assert isinstance(command(self.given.aggregate), Fact)
        assert self.given.aggregate.collect_events() == []

    @rule(grant=st.integers(1, 3))
    def publishes(self, grant: int) -> None:
        self.asks(publishing(Rules(grant=grant)), is_news=grant not in self.grants)
        self.grants.add(grant)

    @rule(anchor=names)
    def anchors_a_chain(self, anchor: str) -> None:
        self.asks(lambda office: office.anchor(anchor=anchor, length=1), is_news=anchor not in self.anchors)
        self.anchors.add(anchor)

    @rule(key_id=names, public_key=names)
    def adds_a_key(self, key_id: str, public_key: str) -> None:
        known = self.keys.get(key_id)
        if known is not None and known != (public_key, True):
            with pytest.raises(KeyTaken):
                self.given.ask(adding(key_id=key_id, public_key=public_key))
            return
        self.asks(adding(key_id=key_id, public_key=public_key), is_news=known is None)
        self.keys[key_id] = (public_key, True)

    @rule(key_id=names)
    def retires_a_key(self, key_id: str) -> None:
        if key_id not in self.keys:
            with pytest.raises(KeyNotInUse):
                self.given.ask(retiring(key_id))
            return
        public_key, is_used = self.keys[key_id]
        self.asks(retiring(key_id), is_news=is_used)
        self.keys[key_id] = (public_key, False)

    @rule(week=names, size=st.integers(1, 2))
    def lists_a_week(self, week: str, size: int) -> None:
        if self.weeks.get(week, size) != size:
            with pytest.raises(WeekListedOtherwise):
                self.given.ask(listing(week=week, size=size))
            return
        self.asks(listing(week=week, size=size), is_news=week not in self.weeks)
        self.weeks[week] = size

    @invariant()
    def knows_what_was_published(self) -> None:
        office = self.given.aggregate
        assert len(office.rule_sets) == len(self.grants)
        assert set(office.anchors) == self.anchors
        assert {key.key_id: (key.public_key, key.retired_at is None) for key in office.all_keys()} == self.keys
        assert {week: fact.event.size for week, fact in office.weeks.items()} == self.weeks  # type: ignore[attr-defined]

    @invariant()
    def replay_gives_the_same_office(self) -> None:
        self.given.read_again()


TestOffice = OfficeMachine.TestCase
TestOffice.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
