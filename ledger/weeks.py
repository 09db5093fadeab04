"""The calendar of the game: weeks run from Monday 00:00 to the next Monday 00:00 in New York.

A week's id is the ISO week of its Monday, `2026-W47`. Instants go in as aware datetimes and come out in UTC.
A week in which clocks change has 167 or 169 hours, so every boundary is a date and a time of day on the
calendar of New York, never a number of hours after another boundary.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ledger.mendable import Mendable

NEW_YORK = ZoneInfo("America/New_York")

_WEEK_ID = re.compile(r"([12][0-9]{3})-W([0-9]{2})")
_MONDAY, _FRIDAY, _SATURDAY, _NEXT_MONDAY = 0, 4, 5, 7


class WeekIdError(Mendable, ValueError):
    """A text that names no week."""

    def __init__(self, week: str) -> None:
        super().__init__(f"{week!r} names no week: expected one like 2026-W47, in the years 1000 to 2999")


class InstantError(ValueError):
    """A datetime that is no instant of the calendar: without a time zone, or far outside it."""

    def __init__(self, instant: datetime) -> None:
        when = instant.isoformat()
        super().__init__(f"{when} lies in no week: expected a time zone and a year from 1000 to 2999")


def week_at(instant: datetime) -> str:
    """The id of the week that holds `instant`; InstantError if it is naive or outside the calendar."""
    if instant.utcoffset() is None or not 1000 <= instant.year <= 2999:
        raise InstantError(instant)
    return _week_of(instant.astimezone(NEW_YORK).date())


def year_and_number(week: str) -> tuple[int, int]:
    """The ISO year and the number of the week in it: `2026-W47` is (2026, 47). Raises WeekIdError."""
    year, number, _ = _monday(week).isocalendar()
    return year, number


def starts_at(week: str) -> datetime:
    """The first instant of the week, in UTC."""
    return _in_new_york(week, day=_MONDAY)


def ends_at(week: str) -> datetime:
    """The first instant after the week, in UTC: the start of the following one."""
    return _in_new_york(week, day=_NEXT_MONDAY)


def buy_back_closes_at(week: str) -> datetime:
    """Friday 23:30 in New York, exclusive: a checkout opened by then has half an hour to be paid."""
    return _in_new_york(week, day=_FRIDAY, at=time(23, 30))


def buy_back_cutoff(week: str) -> datetime:
    """Saturday 00:00 in New York, exclusive: what is paid from then on is refunded."""
    return _in_new_york(week, day=_SATURDAY)


def following(week: str) -> str:
    """The id of the next week."""
    return _week_of(_monday(week) + timedelta(weeks=1))


def preceding(week: str) -> str:
    """The id of the week before."""
    return _week_of(_monday(week) - timedelta(weeks=1))


def _week_of(day: date) -> str:
    year, number, _ = day.isocalendar()
    return f"{year:04}-W{number:02}"


def _monday(week: str) -> date:
    parts = _WEEK_ID.fullmatch(week)
    if parts is None:
        raise WeekIdError(week)
    try:
        return date.fromisocalendar(int(parts[1]), int(parts[2]), 1)
    except ValueError as no_such_week:
        raise WeekIdError(week) from no_such_week


def _in_new_york(week: str, *, day: int, at: time = time.min) -> datetime:
    """The instant at which New York's clocks show `at`, `day` days after the week's Monday."""
    return datetime.combine(_monday(week) + timedelta(days=day), at, NEW_YORK).astimezone(UTC)
