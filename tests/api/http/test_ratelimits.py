"""Counting requests against limits."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.limits import Limit, Limits
from api.http.ratelimits import Grant, Meter, Meters
from api.refusal import Refusal

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("20/second", Limit(20, 1)),
        ("200/10 seconds", Limit(200, 10)),
        ("600/minute", Limit(600, 60)),
        ("5/2 hours", Limit(5, 7200)),
        ("off", None),
    ],
)
def test_limits_are_written_as_people_say_them(text: str, limit: Limit | None) -> None:
    """A number of requests in a time, or none."""
    assert Limit.parse(text) == limit


@pytest.mark.parametrize(
    "text", ["", "20", "0/second", "20/0 seconds", "-1/second", "20/fortnight", "20 / second", "1e3/hour"]
)
def test_what_is_no_limit_is_refused(text: str) -> None:
    """A misspelt limit never becomes no limit."""
    with pytest.raises(ValueError, match="is no limit"):
        Limit.parse(text)


def test_the_whole_quota_may_come_at_once_and_then_no_more() -> None:
    """The answers count down, and a refusal says when the next one is allowed."""
    meter = Meter("bets", Limit(20, 10))
    grants = [meter.take("ann", now=5 * SECOND) for _ in range(20)]
    assert [grant.remaining for grant in grants] == list(range(19, -1, -1))
    assert all(grant.is_allowed for grant in grants)
    assert grants[-1].full_in == 10
    assert meter.take("ann", now=5 * SECOND) == Grant(False, 0, full_in=10, retry_in=1)
    assert meter.take("bob", now=5 * SECOND).is_allowed


def test_what_is_refused_costs_nothing_and_the_wait_that_is_told_is_enough() -> None:
    """Who waits as told is served, however often they asked in between."""
    meter = Meter("bets", Limit(2, 60))
    for _ in range(2):
        assert meter.take("ann", now=0).is_allowed
    refused = [meter.take("ann", now=second * SECOND) for second in range(10)]
    assert [grant.retry_in for grant in refused] == [30 - second for second in range(10)]
    assert meter.take("ann", now=30 * SECOND).is_allowed
    assert not meter.take("ann", now=30 * SECOND).is_allowed


@given(
    quota=st.integers(1, 30),
    window=st.integers(1, 60),
    gaps=st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=200),
)
def test_no_window_ever_holds_more_than_twice_the_quota(quota: int, window: int, gaps: list[int]) -> None:
    """A burst of the quota, and its rate beyond: more is never let through."""
    meter = Meter("reads", Limit(quota, window))
    now, allowed = 0, []
    for gap in gaps:
        now += gap
        if meter.take("ann", now=now).is_allowed:
            allowed.append(now)
    assert allowed[0] == gaps[0]
    for start in allowed:
        inside = [each for each in allowed if start <= each < start + window * SECOND]
        assert len(inside) <= 2 * quota
    span = (allowed[-1] - allowed[0]) / (window * SECOND)
    assert len(allowed) <= quota + ceil(span * quota)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2 * SECOND)), max_size=150))
def test_forgetting_old_keys_changes_no_answer(asked: list[tuple[int, int]]) -> None:
    """A meter that drops keys answers as one that has only ever seen that key."""
    shared = Meter("reads", Limit(3, 4))
    alone = {key: Meter("reads", Limit(3, 4)) for key in range(6)}
    now = 0
    for key, gap in asked:
        now += gap
        assert shared.take(key, now=now) == alone[key].take("only", now=now)


def test_a_meter_remembers_no_more_keys_than_it_may() -> None:
    """A flood of addresses does not fill the memory, and quiet keys are gone after two windows."""
    meter = Meter("reads", Limit(5, 10), keys_max=100)
    for number in range(10_000):
        meter.take(number, now=SECOND)
    assert len(meter) <= 200
    meter.take("late", now=12 * SECOND)
    meter.take("later", now=23 * SECOND)
    assert len(meter) == 2


def test_tries_to_log_in_are_counted_by_the_person_however_the_address_is_spelt() -> None:
    """Guessing one person's password from many addresses comes to an end, for that person only."""
    now = 0
    meters = Meters(Limits(log_in=Limit(2, 60)), now=lambda: now)
    meters.log_in("Ann@example.org")
    meters.log_in(" ann@EXAMPLE.org")
    with pytest.raises(Refusal) as refused:
        meters.log_in("ann@example.org")
    assert (refused.value.code, refused.value.headers) == ("rate_limited", {"Retry-After": "30"})
    meters.log_in("bob@example.org")


def test_without_limits_nothing_is_counted() -> None:
    """A service that plays against itself is not slowed down."""
    meters = Meters(Limits.off())
    for _ in range(1000):
        meters.log_in("ann@example.org")
    assert [meters.of(kind) for kind in Limits.__slots__] == [None] * 5
