"""Making a generation: copy what is not folded anew, fold the rest, and catch up with the live one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection

from ledger.datastore import Datastore, cursor_on
from ledger.recorder import PAGE, LogArchived, LogRecorder
from projections.folding import Fold
from projections.generations import Generation, Generations
from projections.pages import pages
from projections.positions import Positions, Standing
from projections.projection import Projection, ProjectionStopped
from projections.tables import take_over

# A row that comes and goes, or changes often, costs the database nothing until it is written. So the rows of a segment
# stay in memory, a quarter as many as it has facts: those of bets, the largest, take less than a kilobyte each. With
# segments of a million a process took 418 MB for 400,000 events, with these 175 MB; it is quicker by a third there.
SEGMENT: Final = 160_000
_FACTS_A_ROW: Final = 4
Told = Callable[[int], None]


@dataclass(slots=True)
class Making:
    """A generation of one projection in the making.

    `heads` are the ends of the logs, the ones with events here, when it began. `error` says what stopped it, `facts`
    counts those folded.
    """

    projection: Projection
    generation: Generation
    heads: Mapping[str, int]
    facts: int = 0
    error: Exception | None = None
    behind: set[str] = field(default_factory=set)

    @property
    def label(self) -> str:
        """What the live positions are called."""
        return self.projection.label

    @property
    def schema(self) -> str:
        """Where the new tables are, and what their positions are called."""
        return self.generation.schema

    def is_copied(self, log: str) -> bool:
        """Whether the rows of a log are those of the live tables: nobody asked for others, or the events are away."""
        return log not in self.heads or self.generation.week not in (None, log)


class Maker:
    """Makes generations, of several projections in one reading of the logs, on one connection."""

    def __init__(self, datastore: Datastore, connection: Connection[Any], *, segment: int = SEGMENT) -> None:
        self._datastore = datastore
        self._connection = connection
        self._positions = Positions(datastore, ())
        self._generations = Generations(datastore)
        self._segment = segment
        self._rows_kept = max(1, segment // _FACTS_A_ROW)

    def live(self, making: Making) -> dict[str, Standing]:
        """Return where the live rows stand, by log."""
        return {each.log: each for each in self._positions.standing(self._connection, making.label)}

    def standing(self, making: Making) -> dict[str, int]:
        """Return where the new rows stand, by log."""
        return {each.log: each.position for each in self._positions.standing(self._connection, making.schema)}

    def copy(self, making: Making) -> None:
        """Copy the rows of logs that are not folded, as they are at one moment, unless they are there."""
        with self._connection.transaction():
            cursor_on(self._connection).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            live, new = self.live(making), self.standing(making)
            copied = {
                log: standing.position
                for log, standing in live.items()
                if making.is_copied(log) and (log not in new or self._is_stuck(making, standing, new))
            }
            for row_type in making.projection.tables if copied else ():
                schemas = {"home": making.projection.home, "schema": making.schema}
                take_over(self._connection, list(copied), row_type, **schemas)
            self._positions.put(self._connection, making.schema, copied)

    def _is_stuck(self, making: Making, live: Standing, new: Mapping[str, int]) -> bool:
        """Say whether the events are away that the new rows would need to get to where the live ones are."""
        return live.log not in making.heads and new[live.log] < live.position

    def fold(self, makings: Sequence[Making], told: Told) -> None:
        """Fold the logs from where the new rows stand to where the logs ended when it began."""
        with _no_search_for_garbage():
            for log, head in makings[0].heads.items() if makings else ():
                folding = [making for making in makings if not making.is_copied(log)]
                if folding:
                    self._advance(folding, log, {making.label: head for making in folding}, told)

    def catch_up(self, making: Making) -> int:
        """Fold what the live rows have taken since, and return how many facts that were.

        Where those stand still behind the new ones, stopped or with nobody to move them, it is what the log has.
        """
        before, new = making.facts, self.standing(making)
        for log, live in self.live(making).items():
            is_behind = log in making.behind
            goal = LogRecorder(self._datastore, log).head().position if is_behind else live.position
            if new.get(log, 0) < goal:
                self._advance([making], log, {making.label: goal}, lambda facts: None)
        return making.facts - before

    def _advance(self, makings: Sequence[Making], log: str, goals: Mapping[str, int], told: Told) -> None:
        """Fold one log up to a goal each, committing a segment at a time; what cannot be folded stops alone."""
        folds = [(making, self._begun(making, log)) for making in makings if making.error is None]
        folds = [(making, fold) for making, fold in folds if fold.position < goals[making.label]]
        after = min((fold.position for _, fold in folds), default=max(goals.values()))
        if after:
            told(after)
        recorder = LogRecorder(self._datastore, log)
        for page in pages(recorder, after=after, until=max(goals.values()), limit=min(PAGE, self._segment)):
            for making, fold in folds:
                stood = fold.position
                with stopping(making):
                    fold.take(self._connection, page, until=goals[making.label])
                making.facts += fold.position - stood
            folds = [(making, fold) for making, fold in folds if making.error is None]
            self._write([(making, fold) for making, fold in folds if self._is_full(fold)])
            told(len(page.records))
        self._write(folds)

    def _begun(self, making: Making, log: str) -> Fold:
        position = self.standing(making).get(log, 0)
        return Fold(making.projection, log, making.schema, position=position, rows_kept=self._rows_kept)

    def _is_full(self, fold: Fold) -> bool:
        return fold.rows_unwritten >= self._rows_kept or fold.facts_unwritten >= self._segment

    def _write(self, folds: Sequence[tuple[Making, Fold]]) -> None:
        for making, fold in folds:
            if making.error is None:
                with stopping(making):
                    if not self._generations.wanted(self._connection, making.generation):
                        raise ProjectionStopped(f"{making.schema} was dropped while it was made")
                    with self._connection.transaction():
                        # What a crash of the server takes away is folded again: rows and position go together.
                        cursor_on(self._connection).execute("SET LOCAL synchronous_commit = off")
                        fold.write(self._connection, self._positions)
                    fold.written()


@contextmanager
def stopping(making: Making) -> Iterator[None]:
    """Let what cannot be folded stop this generation alone."""
    try:
        yield
    except (ProjectionStopped, LogArchived) as error:
        making.error = error


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Rows and facts refer to one another in no circle, and to look at all of them again and again takes long."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
