"""The projections' tables in memory: rows and position of a projection in a log are written together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from ledger.recorder import LogRecorder
from ledger.settling import PlacedBet
from projections.bets import Bet, Bets
from projections.pages import Page
from projections.projection import Projection
from projections.rows import Row, Rows
from projections.runner import Runner
from tests.simulation.chaos import Chaos


@dataclass
class Table:
    """The rows of one projection in one log, by type and key, as they are at a position."""

    position: int = 0
    rows: dict[type[Row], dict[Any, Row]] = field(default_factory=dict)
    is_locked: bool = False


class Tables:
    """What outlives every process."""

    def __init__(self) -> None:
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
        """Take the next page of a log to those projections that nobody else is at work on."""
        return sum(self._advance(projection, recorder) for projection in self._projections)

    def _advance(self, projection: Projection, recorder: LogRecorder) -> int:
        table = self._tables.of(projection.name, recorder.log)
        if table.is_locked:
            return 0
        with _locked(table):
            page = Page(recorder.read(after=table.position, limit=self._page))
            if not page.records:
                return 0
            facts = page.facts_for(projection)
            rows = _load(table, projection, facts)
            projection.fold(rows, facts)
            self._chaos.before_commit()
            save(table, rows, position=page.records[-1].position)
            return len(page.records)


@contextmanager
def _locked(table: Table) -> Iterator[None]:
    table.is_locked = True
    try:
        yield
    finally:
        table.is_locked = False


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
        self._chaos.wait(lambda: all(self._tables.of(name, log).position >= position for name in names))
        return True
