"""The projections' tables in memory: rows and position of a projection in a log are written together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, cast
from uuid import UUID

from ledger.recorder import LogRecorder
from ledger.settling import PlacedBet
from projections.bets import Bet, Bets
from projections.pages import Page
from projections.projection import Projection, ProjectionStopped
from projections.rows import Row, Rows
from projections.runner import Runner
from tests.simulation.chaos import Chaos
from tests.simulation.scheduler import Scheduler, Signal


@dataclass
class Table:
    """The rows of one projection in one log, by type and key, as they are at a position."""

    position: int = 0
    rows: dict[type[Row], dict[Any, Row]] = field(default_factory=dict)
    is_locked: bool = False


class Tables:
    """What outlives every process; `moved` tells that projections have come further."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.moved = Signal(scheduler)
        self._tables: dict[tuple[str, str], Table] = {}

    def of(self, projection: str, log: str) -> Table:
        """Return the rows of a projection in a log."""
        return self._tables.setdefault((projection, log), Table())


class Projector:
    """Takes what is new to projections, a page at a time, as `projections.runner` does."""

    def __init__(self, tables: Tables, chaos: Chaos, projections: Sequence[Projection], *, page: int) -> None:
        self._tables = tables
        self._chaos = chaos
        self._projections = projections
        self._page = page

    def step(self, recorder: LogRecorder) -> int:
        """Take the next page of a log to those projections that nobody else is at work on; return how many facts."""
        with self._free(recorder.log) as standing:
            folded = [
                each
                for position, group in groupby(standing, key=lambda each: each[0].position)
                for each in self._fold(recorder, list(group), after=position)
            ]
            if folded:
                self._chaos.before_commit()
                for table, rows, position in folded:
                    save(table, rows, position=position)
                self._tables.moved.notify()
        return len(folded)

    @contextmanager
    def _free(self, log: str) -> Iterator[list[tuple[Table, Projection]]]:
        """Lock the projections of a log that nobody else is at work on, in order of position."""
        standing = [(self._tables.of(each.name, log), each) for each in self._projections]
        free = sorted([each for each in standing if not each[0].is_locked], key=lambda each: each[0].position)
        for table, _ in free:
            table.is_locked = True
        try:
            yield free
        finally:
            for table, _ in free:
                table.is_locked = False

    def _fold(
        self, recorder: LogRecorder, group: Sequence[tuple[Table, Projection]], *, after: int
    ) -> Iterator[tuple[Table, Rows, int]]:
        page = Page(recorder.read(after=after, limit=self._page))
        for table, projection in group if page.records else ():
            facts = page.facts_for(projection)
            rows = _load(table, projection, facts)
            try:
                projection.fold(rows, facts)
            except ProjectionStopped as error:
                raise AssertionError(f"{projection.name} of {recorder.log} stops at a fact: {error}") from error
            yield table, rows, page.records[-1].position


def _load(table: Table, projection: Projection, facts: Sequence[Any]) -> Rows:
    return Rows(
        {
            row_type: {key: table.rows.get(row_type, {}).get(key) for key in keys}
            for row_type, keys in projection.touched(facts).items()
        }
    )


def save(table: Table, rows: Rows, *, position: int) -> None:
    """Write what a fold changed, and how far it is."""
    table.position = position
    for row_type, added, changed, removed in rows.changes():
        kept = table.rows.setdefault(row_type, {})
        for row in (*added, *changed):
            kept[row.key] = row
        for key in removed:
            del kept[key]


class MemoryBets(Bets):
    """What the settler asks of bets."""

    def __init__(self, tables: Tables, chaos: Chaos) -> None:
        self._tables = tables
        self._chaos = chaos

    def open_or_settled_bets_of_game(
        self, log: str, game_id: UUID, *, after_position: int, cut: int, limit: int
    ) -> list[PlacedBet]:
        """Return bets of a game in order of position."""
        bets = [bet for bet in self._bets(log, game_id) if after_position < bet.position <= cut]
        return [PlacedBet(bet.bet_id, bet.entry, bet.position) for bet in bets[:limit]]

    def staked_on_game(self, log: str, game_id: UUID, *, cut: int) -> int:
        """Return what was staked."""
        return sum(bet.stake for bet in self._bets(log, game_id) if bet.position <= cut)

    def _bets(self, log: str, game_id: UUID) -> list[Bet]:
        self._chaos.step()
        bets = cast("dict[UUID, Bet]", self._tables.of("bets", log).rows.get(Bet, {}))
        return sorted((bet for bet in bets.values() if bet.game_id == game_id), key=lambda bet: bet.position)


class MemoryRunner(Runner):
    """What the settler waits for."""

    def __init__(self, tables: Tables, chaos: Chaos) -> None:
        self._tables = tables
        self._chaos = chaos

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        """Wait until some projections have come to a position."""
        assert names is not None
        self._chaos.wait(
            lambda: all(self._tables.of(name, log).position >= position for name in names), self._tables.moved
        )
        return True
