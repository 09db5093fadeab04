"""Weeks begin and end where the calendar of New York says, whatever its clocks do in between."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.weeks import (
    InstantError,
    WeekIdError,
    buy_back_closes_at,
    buy_back_cutoff,
    ends_at,
    following,
    preceding,
    starts_at,
    week_at,
    year_and_number,
)

NEW_YORK = ZoneInfo("America/New_York")

# From 1970 to 2200, in microseconds, in any time zone.
instants = st.builds(
    lambda elapsed, zone: (datetime(1970, 1, 1, tzinfo=UTC) + elapsed).astimezone(zone),
    st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=84_000)),
    st.timezones(),
)


@pytest.mark.parametrize(
    ("week", "starts", "ends", "hours"),
    [
        ("2026-W47", "2026-11-16T05:00", "2026-11-23T05:00", 168),
        ("2026-W30", "2026-07-20T04:00", "2026-07-27T04:00", 168),
        ("2026-W44", "2026-10-26T04:00", "2026-11-02T05:00", 169),
        ("2027-W10", "2027-03-08T05:00", "2027-03-15T04:00", 167),
        ("2026-W53", "2026-12-28T05:00", "2027-01-04T05:00", 168),
        ("2025-W01", "2024-12-30T05:00", "2025-01-06T05:00", 168),
    ],
)
def test_week_runs_from_monday_to_monday_in_new_york(week: str, starts: str, ends: str, hours: int) -> None:
    """Boundaries are midnights of New York in UTC, so a week with a change of clocks is an hour off 168."""
    assert starts_at(week) == datetime.fromisoformat(starts).replace(tzinfo=UTC)
    assert ends_at(week) == datetime.fromisoformat(ends).replace(tzinfo=UTC)
    assert ends_at(week) - starts_at(week) == timedelta(hours=hours)
    assert starts_at(week).tzinfo is UTC


def test_week_holds_its_first_instant_and_not_its_last() -> None:
    """The week begins with Monday 00:00 itself; one microsecond earlier is the week before."""
    midnight = datetime(2026, 11, 16, tzinfo=NEW_YORK)
    assert week_at(midnight) == "2026-W47"
    assert week_at(midnight - timedelta(microseconds=1)) == "2026-W46"


def test_week_is_new_yorks_and_not_utcs() -> None:
    """A Sunday evening in New York is Monday in UTC, and still in the week that ends."""
    assert week_at(datetime(2026, 11, 16, 1, 20, tzinfo=UTC)) == "2026-W46"
    assert week_at(datetime(2026, 11, 16, 14, 0, tzinfo=timezone(timedelta(hours=11)))) == "2026-W46"


def test_year_of_a_week_is_its_iso_year() -> None:
    """The days around New Year belong to the year that ISO gives their week."""
    assert week_at(datetime(2027, 1, 3, 12, tzinfo=NEW_YORK)) == "2026-W53"
    assert week_at(datetime(2024, 12, 31, 12, tzinfo=NEW_YORK)) == "2025-W01"
    assert year_and_number("2026-W53") == (2026, 53)


def test_weeks_follow_each_other_across_the_year() -> None:
    """Week 53 stands between 52 and the next year's first, in a year that has one."""
    assert [following("2026-W52"), following("2026-W53")] == ["2026-W53", "2027-W01"]
    assert [preceding("2027-W01"), preceding("2026-W53")] == ["2026-W53", "2026-W52"]
    assert following("2025-W52") == "2026-W01"


@pytest.mark.parametrize(
    ("week", "closes", "cutoff"),
    [
        ("2026-W47", "2026-11-21T04:30", "2026-11-21T05:00"),
        ("2026-W30", "2026-07-25T03:30", "2026-07-25T04:00"),
        ("2027-W10", "2027-03-13T04:30", "2027-03-13T05:00"),
    ],
)
def test_buy_back_ends_as_friday_does(week: str, closes: str, cutoff: str) -> None:
    """Checkouts close at 23:30 on Friday and expire half an hour later, by New York's clocks."""
    assert buy_back_closes_at(week) == datetime.fromisoformat(closes).replace(tzinfo=UTC)
    assert buy_back_cutoff(week) == datetime.fromisoformat(cutoff).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-W5",
        "2026-W54",
        "2026-W00",
        "2025-W53",
        "2026W47",
        "2026-w47",
        "W2026-47",
        "2026-W47.c2",
        "",
        " 2026-W47",
        "2026-W47\n",
        "2026-W470",
        "26-W47",
        "0999-W47",
        "9999-W52",
        "२०२६-W47",
    ],
)
def test_text_that_names_no_week_is_refused(text: str) -> None:
    """Only ids of weeks that exist are read, in their one spelling, and the refusal names the text."""
    for reads in (starts_at, ends_at, following, preceding, buy_back_cutoff, year_and_number):
        with pytest.raises(WeekIdError) as refusal:
            reads(text)
        assert repr(text) in str(refusal.value)
        assert "2026-W47" in str(refusal.value)


@pytest.mark.parametrize(
    "instant",
    [
        datetime.fromisoformat("2026-11-16"),
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
    ],
)
def test_instant_outside_the_calendar_is_refused(instant: datetime) -> None:
    """A naive datetime names no instant, and years far away have no weeks; the refusal names the datetime."""
    with pytest.raises(InstantError, match=instant.isoformat().replace("+", r"\+")):
        week_at(instant)


@given(instants)
def test_every_instant_lies_in_its_week(instant: datetime) -> None:
    """A week that is found for an instant holds it, and its neighbours do not."""
    week = week_at(instant)
    assert starts_at(week) <= instant < ends_at(week)
    assert ends_at(preceding(week)) == starts_at(week)
    assert starts_at(following(week)) == ends_at(week)


@given(instants)
def test_ids_make_the_round_trip(instant: datetime) -> None:
    """An id leads to its start and back, to its neighbours and back, and sorts as time does."""
    week = week_at(instant)
    assert week_at(starts_at(week)) == week
    assert following(preceding(week)) == preceding(following(week)) == week
    assert preceding(week) < week < following(week)
    year, number = year_and_number(week)
    assert f"{year}-W{number:02}" == week


@given(instants)
def test_buy_back_ends_within_its_week(instant: datetime) -> None:
    """The last checkout leaves half an hour to the cutoff, which leaves two days of the week."""
    week = week_at(instant)
    assert starts_at(week) < buy_back_closes_at(week) < buy_back_cutoff(week) < ends_at(week)
    assert buy_back_cutoff(week) - buy_back_closes_at(week) == timedelta(minutes=30)
    assert buy_back_cutoff(week).astimezone(NEW_YORK).strftime("%a %H:%M:%S") == "Sat 00:00:00"
