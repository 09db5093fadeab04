"""Spend limits: what is in force at an instant, whatever was asked for before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.identity.players import Players
from api.people.registry import UnknownPlayer
from api.people.spending import DELAY, Spending, SpendLimit
from ledger.datastore import Datastore

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

cents = st.none() | st.integers(0, 5)
requests = st.lists(st.tuples(st.integers(0, 30), cents), max_size=12)


def lower(first: int | None, second: int | None) -> int | None:
    """The stricter of two limits."""
    return min((each for each in (first, second) if each is not None), default=None)


@given(requests=requests, later=st.integers(0, 60))
def test_no_limit_is_looser_than_what_was_asked_for_in_the_day_before(
    requests: list[tuple[int, int | None]], later: int
) -> None:
    """Whoever set a limit within the last 24 hours is held to it, whatever they asked for since."""
    limit, at, asked = SpendLimit(), NOW, []
    for hours, wanted in requests:
        at += hours * HOUR
        before = limit.at(at).cents
        limit = limit.asked(wanted, at=at)
        asked.append((at, wanted))
        assert limit.cents == lower(before, wanted)
    at += later * HOUR
    strictest = None
    for when, wanted in asked:
        if at - when < DELAY:
            strictest = lower(strictest, wanted)
    assert lower(limit.at(at).cents, strictest) == limit.at(at).cents


def test_a_looser_limit_is_in_force_after_a_day() -> None:
    """To the microsecond; removing one waits like raising it."""
    for looser in (3000, None):
        limit = SpendLimit(2000).asked(looser, at=NOW)
        assert limit.at(NOW + DELAY - timedelta(microseconds=1)).cents == 2000
        assert limit.at(NOW + DELAY) == SpendLimit(looser)


def test_asking_again_does_not_start_the_day_anew() -> None:
    """A repeated request is the same request; another one waits its own day."""
    pending = SpendLimit(2000).asked(3000, at=NOW)
    assert pending.asked(3000, at=NOW + HOUR) == pending
    assert pending.asked(4000, at=NOW + HOUR) == SpendLimit(2000, 4000, NOW + HOUR + DELAY)


def test_what_is_pending_can_be_taken_back() -> None:
    """Asking for the limit in force, or a lower one, ends the wait for a higher one."""
    pending = SpendLimit(2000).asked(3000, at=NOW)
    assert pending.asked(2000, at=NOW + HOUR) == SpendLimit(2000)
    assert pending.asked(1000, at=NOW + HOUR) == SpendLimit(1000)


def test_limits_are_kept_as_they_stand(datastore: Datastore) -> None:
    """Both periods for each player, and what was pending becomes what is in force."""
    ann = Players(datastore, new_id=uuid4, now=lambda: NOW).create(email="a@b", name="Ann", password_hash="").id
    spending = Spending(datastore, currency="USD")
    spending.ask(player_id=ann, weekly_cents=2000, monthly_cents=None, at=NOW)
    spending.ask(player_id=ann, weekly_cents=None, monthly_cents=9000, at=NOW + HOUR)
    now, later = (spending.limits_in_force(ann, NOW + HOUR + wait) for wait in (timedelta(0), DELAY))
    assert (now.weekly.cents, now.weekly.next_from, now.monthly.cents) == (2000, NOW + HOUR + DELAY, 9000)
    assert (later.weekly, later.monthly) == (SpendLimit(), SpendLimit(9000))
    assert spending.limits_in_force(uuid4(), NOW).weekly == SpendLimit()
    with pytest.raises(UnknownPlayer):
        spending.ask(player_id=uuid4(), weekly_cents=1, monthly_cents=1, at=NOW)
