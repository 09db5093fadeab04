"""Weeks: where each one is, its rules, its draw and its standings."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from msgspec.structs import replace

from ledger.events import (
    PoolsDrawn,
    RosterFrozen,
    WeekClosed,
    WeekFinalised,
    WeekGrouped,
    WeekOpened,
    WeekSettled,
)
from ledger.facts import Fact, canonical
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import View


class Week(Row, frozen=True):
    """A week's book. `state`: registering, grouped, closed, settled or final; `rules` is their canonical JSON."""

    TABLE: ClassVar[str] = "weeks"
    KEY: ClassVar[str] = "week"

    log: str
    week: str
    state: str
    starts_at: datetime
    ends_at: datetime
    rules: str
    rules_hash: str
    seed_commitment: str
    position: int
    frozen_at: datetime | None = None
    roster_hash: str | None = None
    roster_size: int | None = None
    drawn_at: datetime | None = None
    seed: str | None = None
    grouped_at: datetime | None = None
    closed_at: datetime | None = None
    settled_n: int = 0
    settled_at: datetime | None = None
    finalised_at: datetime | None = None
    standings_hash: str | None = None


def week_of(log: str) -> str:
    """Return the week that a log belongs to; a cell's log `2026-W47.c2` belongs to `2026-W47`."""
    return log.partition(".")[0]


class WeeksProjection(Projection):
    """Folds `week.*`."""

    name = "weeks"
    tables = (Week,)
    FOLDS = (WeekOpened, RosterFrozen, PoolsDrawn, WeekGrouped, WeekClosed, WeekSettled, WeekFinalised)

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The week of the log, once it is open."""
        match fact.event:
            case RosterFrozen() | PoolsDrawn() | WeekGrouped() | WeekClosed() | WeekSettled() | WeekFinalised():
                yield Week, week_of(fact.log)

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case WeekOpened() as event:
                rows.add(_opened(fact, event))
            case RosterFrozen(roster_hash=roster_hash, size=size):
                _change(rows, fact, frozen_at=fact.at, roster_hash=roster_hash, roster_size=size)
            case PoolsDrawn(seed=seed):
                _change(rows, fact, drawn_at=fact.at, seed=seed)
            case WeekGrouped():
                _change(rows, fact, state="grouped", grouped_at=fact.at)
            case WeekClosed():
                _change(rows, fact, state="closed", closed_at=fact.at)
            case WeekSettled(n=n, standings_hash=standings):
                _change(rows, fact, state="settled", settled_n=n, settled_at=fact.at, standings_hash=standings)
            case WeekFinalised(standings_hash=standings):
                _change(rows, fact, state="final", finalised_at=fact.at, standings_hash=standings)


class Weeks(View):
    """What readers ask of weeks."""

    NAME = "weeks"

    def week(self, log: str) -> Week | None:
        """Return the week whose book is `log`."""
        return self._one("week", Week, log=log)

    def weeks(self, *, week: str | None = None, is_back: bool = False, limit: int = 52) -> list[Week]:
        """Return weeks, newest first: from before a week on. With `is_back` those after it, the nearest first."""
        return self._all("weeks", Week, week=week, is_back=is_back, limit=limit)

    def week_at(self, at: datetime) -> Week | None:
        """Return the week that holds an instant, if it is open."""
        return self._one("week_at", Week, at=at)

    def unfinished(self) -> list[Week]:
        """Return the weeks that are not final, oldest first."""
        return self._all("unfinished", Week)


def _opened(fact: Fact, event: WeekOpened) -> Week:
    return Week(
        log=fact.log,
        week=week_of(fact.log),
        state="registering",
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        rules=canonical(event.rules).decode(),
        rules_hash=event.rules_hash,
        seed_commitment=event.seed_commitment,
        position=fact.position,
    )


def _change(rows: Rows, fact: Fact, **changes: Any) -> None:
    rows.put(replace(rows.need(Week, week_of(fact.log)), position=fact.position, **changes))
