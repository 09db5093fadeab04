"""A week's rules are one frozen value whose hash anyone can recompute."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import rfc8785

from ledger.rules import Prize, Rules, rules_hash

SET_1 = {
    "correction_limit_hours": 72,
    "correction_window_hours": 24,
    "grant": 1000,
    "late_entry": False,
    "overtime_leagues": ["CFL", "MLB", "NBA", "NCAAB", "NCAAF", "NFL", "NHL", "WNBA"],
    "pool_max": 100,
    "price_max": 10000,
    "prize_currency": "usd",
    "prize_min_entries": 2,
    "prizes": [],
    "settlement_deadline_hours": 36,
    "settles_on_provisional": False,
    "stake_max": None,
    "stake_min": 1,
    "version": "1",
}


def test_defaults_are_rule_set_1() -> None:
    """The published defaults, every one of them."""
    assert json.loads(msgspec.json.encode(Rules())) == SET_1


@pytest.mark.parametrize("rules", [Rules(), Rules(stake_max=50, prizes=(Prize(rank=1, amount_cents=10_000),))])
def test_hash_is_that_of_the_canonical_json(rules: Rules) -> None:
    """An auditor hashes what the week's first event holds, by RFC 8785 and SHA-256."""
    published = json.loads(msgspec.json.encode(rules))
    assert rules_hash(rules) == hashlib.sha256(rfc8785.dumps(published)).hexdigest()


def test_another_rule_is_another_hash() -> None:
    """Each rule is part of what a player accepts."""
    changes: list[Rules] = [msgspec.structs.replace(Rules(), **{name: "x"}) for name in Rules.__struct_fields__]
    assert len({rules_hash(rules) for rules in [Rules(), *changes]}) == len(changes) + 1


def test_hours_become_durations() -> None:
    """Windows and deadlines are whole hours."""
    rules = Rules(settlement_deadline_hours=5, correction_window_hours=6, correction_limit_hours=7)
    durations = (rules.settlement_deadline, rules.correction_window, rules.correction_limit)
    assert durations == (timedelta(hours=5), timedelta(hours=6), timedelta(hours=7))


@pytest.mark.parametrize(("league", "counts"), [("NFL", True), ("NHL", True), ("EPL", False), ("MLS", False)])
def test_overtime_counts_in_us_leagues_and_not_in_soccer(league: str, counts: bool) -> None:
    """A league that is not on the list settles on regulation time."""
    assert Rules().overtime_counts(league) is counts


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"grant": 0}, "grant"),
        ({"pool_max": 0}, "pool_max"),
        ({"stake_min": -1}, "stake_min"),
        ({"stake_min": 10, "stake_max": 9}, "stake_max"),
        ({"settlement_deadline_hours": -1}, "settlement_deadline_hours"),
        ({"prizes": (Prize(amount_cents=0, rank=1),)}, "prizes"),
        ({"prizes": (Prize(amount_cents=500, rank=0),)}, "prizes"),
        ({"prizes": (Prize(amount_cents=500, rank=1), Prize(amount_cents=300, rank=1))}, "prizes"),
    ],
)
def test_values_that_no_week_can_be_played_by_are_named(changed: dict[str, Any], named: str) -> None:
    """A week is opened by sound rules only: counts from one, hours from zero."""
    assert Rules(**changed).unsound() == [named]
    assert Rules().unsound() == []


def test_table_of_prizes_may_leave_places_out() -> None:
    """In any order, too: a place that it does not name has no prize."""
    assert Rules(prizes=(Prize(amount_cents=100, rank=10), Prize(amount_cents=500, rank=1))).unsound() == []
