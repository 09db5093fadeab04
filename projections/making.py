"""Making a generation: copy what is not folded anew, fold the rest, and catch up with the live one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from psycopg import Connection

from ledger.datastore import Datastore, cursor_on
from ledger.facts import UnknownTopic, UnreadableEvent
from ledger.recorder import PAGE, LogArchived, LogRecorder
from projections.folding import Fold, PartFold, read_part
from projections.generations import Generation, Generations
from projections.pages import pages
from projections.positions import Parts, Positions, Standing
from projections.projection import Projection, ProjectionStopped
from projections.tables import take_over

# A row that comes and goes, or changes often, costs the database nothing until it is written. So the rows of a segment
# stay in memory: folded by streams, those of as many facts; folded in order, a quarter as many as it has facts. The
# larger process took 86 MB for 100,000 events and 100 MB for 400,000; with segments of 160,000 it was 126 and 165 MB.
SEGMENT: Final = 50_000
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
                    self._fold_log(folding, log, head, told)

    def _fold_log(self, makings: Sequence[Making], log: str, head: int, told: Told) -> None:
        parts = {making.label: self._parts(making, log, head) for making in makings}
        by_stream = [(making, come_to) for making in makings if (come_to := parts[making.label]) is not None]
        in_order = [making for making in makings if parts[making.label] is None]
        readings = []
        if in_order:
            readings.append(self._advance(in_order, log, {making.label: head for making in in_order}))
        if by_stream:
            readings.append(self._advance_by_stream(by_stream, log, head))
        _take_turns(readings, head, told)

    def _parts(self, making: Making, log: str, head: int) -> Parts | None:
        """Return how far the new rows are folded by streams; None where all that is left is folded in order."""
        begun = self._positions.parts(self._connection, log, making.schema)
        if begun is not None:
            return begun
        if making.projection.IS_BY_STREAM and head > self._rows_kept and not self.standing(making).get(log, 0):
            return Parts(until=head, parts=-(-head // self._segment))
        return None

    def catch_up(self, making: Making) -> int:
        """Fold what the live rows have taken since, and return how many facts that were.

        Where those stand still behind the new ones, stopped or with nobody to move them, it is what the log has.
        """
        before, new = making.facts, self.standing(making)
        for log, live in self.live(making).items():
            is_behind = log in making.behind
            goal = LogRecorder(self._datastore, log).head().position if is_behind else live.position
            if new.get(log, 0) < goal:
                for _ in self._advance([making], log, {making.label: goal}):
                    pass
        return making.facts - before

    def _advance(self, makings: Sequence[Making], log: str, goals: Mapping[str, int]) -> Iterator[int]:
        """Fold one log in order up to a goal each, a segment a transaction; what cannot be folded stops alone.

        Yields how many facts further it is.
        """
        folds = [(making, self._begun(making, log)) for making in makings if making.error is None]
        folds = [(making, fold) for making, fold in folds if fold.position < goals[making.label]]
        after = min((fold.position for _, fold in folds), default=max(goals.values()))
        if after:
            yield after
        self._key([making for making, fold in folds if fold.position])
        recorder = LogRecorder(self._datastore, log)
        for page in pages(recorder, after=after, until=max(goals.values()), limit=min(PAGE, self._segment)):
            for making, fold in folds:
                stood = fold.position
                with stopping(making):
                    fold.take(self._connection, page, until=goals[making.label])
                making.facts += fold.position - stood
            folds = [(making, fold) for making, fold in folds if making.error is None]
            full = [(making, fold) for making, fold in folds if self._is_full(fold)]
            self._write(full)
            self._key([making for making, _ in full])
            yield len(page.records)
        self._write(folds)

    def _advance_by_stream(self, makings: Sequence[tuple[Making, Parts]], log: str, head: int) -> Iterator[int]:
        """Fold one log a part of its streams a transaction, then in order what came since that was begun.

        Yields how many facts further it is.
        """
        folds = [(making, PartFold(making.projection, log, making.schema, come_to=parts)) for making, parts in makings]
        for _, fold in folds:
            self._positions.put_parts(self._connection, log, fold.schema, fold.come_to)
        recorder = LogRecorder(self._datastore, log)
        if begun := min(fold.come_to.facts for _, fold in folds):
            yield begun
        while folds := [(making, fold) for making, fold in folds if making.error is None and not fold.is_done]:
            least = min(fold.come_to for _, fold in folds)
            yield self._fold_part(recorder, [(making, fold) for making, fold in folds if fold.come_to == least])
        rest = self._advance([making for making, _ in makings], log, {making.label: head for making, _ in makings})
        next(rest, None)
        yield from rest

    def _fold_part(self, recorder: LogRecorder, folds: Sequence[tuple[Making, PartFold]]) -> int:
        """Fold the next part, which is the same for all, and write it; return how many facts it has."""
        count, part = 0, folds[0][1].come_to
        try:
            for facts in read_part(recorder, part):
                count += len(facts)
                for making, fold in folds:
                    if making.error is None:
                        with stopping(making):
                            fold.take(facts)
        except (UnknownTopic, UnreadableEvent) as error:
            for making, _ in folds:
                making.error = ProjectionStopped(f"{making.projection.name} cannot go on: {error}")
        except LogArchived as error:
            for making, _ in folds:
                making.error = error
        self._write(folds)
        for making, fold in folds:
            making.facts += fold.come_to.facts - part.facts
        return count

    def _begun(self, making: Making, log: str) -> Fold:
        position = self.standing(making).get(log, 0)
        return Fold(making.projection, log, making.schema, position=position, rows_kept=self._rows_kept)

    def _key(self, makings: Sequence[Making]) -> None:
        """Make the keys of those whose rows are read or changed from now on."""
        for making in makings:
            with stopping(making):
                self._generations.key(making.generation)

    def _is_full(self, fold: Fold) -> bool:
        return fold.rows_unwritten >= self._rows_kept or fold.facts_unwritten >= self._segment

    def _write(self, folds: Sequence[tuple[Making, Fold]] | Sequence[tuple[Making, PartFold]]) -> None:
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


def _take_turns(readings: Sequence[Iterator[int]], head: int, told: Told) -> None:
    """Let several readings of a log go on, the one next that is behind, and tell how far all of them are."""
    done, going, come = [0] * len(readings), set(range(len(readings))), 0
    while going:
        reading = min(going, key=done.__getitem__)
        further = next(readings[reading], None)
        if further is None:
            going.remove(reading)
            continue
        done[reading] += further
        behind = min(head, *(done[each] for each in going))
        if behind > come:
            told(behind - come)
        come = max(come, behind)


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
