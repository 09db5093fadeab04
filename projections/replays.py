"""Verification: hold rows against a replay of the log from its first event, row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.datastore import Datastore, cursor_on
from ledger.recorder import LogRecorder, open_logs
from projections.catalogue import projections
from projections.generations import Generations
from projections.pages import Page, pages
from projections.positions import Positions
from projections.projection import PUBLIC, Projection, ProjectionStopped
from projections.rows import Row, Rows, columns
from projections.tables import draft, drop_draft, first_difference, load, look_in, save

FACTS_A_BATCH: Final = 5_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """Where a table is not what its log gives, at the position where its projection stands.

    `column` is None where a row is missing (`found` None) or is one too many (`expected` None).
    """

    projection: str
    log: str
    position: int
    table: str
    key: Any
    column: str | None
    expected: Any
    found: Any

    def __str__(self) -> str:
        """Return it as a line for an operator."""
        place = f"{self.log}:{self.position} {self.table} {self.key}"
        what = "" if self.column is None else f" {self.column}"
        return f"{self.projection} at {place}{what}: expected {self.expected}, found {self.found}"


def verify(
    datastore: Datastore,
    *,
    name: str | None = None,
    log: str | None = None,
    progress: Progress | None = None,
    facts_a_batch: int = FACTS_A_BATCH,
) -> list[Difference]:
    """Return the first difference of each projection (all unless named) in each log (all unless named).

    Each is compared at the position where it stands, in one snapshot, while everything goes on, in memory that does
    not grow with the log. `progress` is told how many facts of how many are folded. Raises UnknownProjection,
    LogNotOpen, or ProjectionStopped.
    """
    chosen = projections(name)
    heads = heads_of(datastore, log)
    told = Told(progress, total=sum(head for _, head in heads))
    differences: list[Difference] = []
    for recorder, _ in heads:
        with datastore.connection() as connection:
            folds = [_Expected(connection, recorder.log, each) for each in chosen]
            try:
                differences += _differences(connection, datastore, recorder, folds, told, limit=facts_a_batch)
            finally:
                for expected in folds:
                    expected.forget()
    return differences


def verify_generation(
    datastore: Datastore, projection: Projection, log: str, *, schema: str, facts_a_batch: int = FACTS_A_BATCH
) -> Difference | None:
    """Return the first difference of the rows of a log in the tables of a schema, whose name its positions have."""
    recorder = LogRecorder(datastore, log)
    with datastore.connection() as connection:
        positions = Positions(datastore, [schema])
        expected = _Expected(connection, log, projection, label=schema)
        until = positions.at(connection, log)
        look_in(connection, schema, PUBLIC)
        try:
            _fold(recorder, [expected], until, Told(None, total=0), limit=facts_a_batch)
            return expected.first_difference()
        finally:
            expected.forget()
            cursor_on(connection).execute("RESET search_path")


class Told:
    """Adds up how many facts are folded, and tells whoever wants to know."""

    def __init__(self, progress: Progress | None, *, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def further(self, facts: int) -> None:
        """Add some."""
        self._done += facts
        if self._progress is not None:
            self._progress(self._done, self._total)


def heads_of(datastore: Datastore, log: str | None) -> list[tuple[LogRecorder, int]]:
    """Return where each log ends that has begun and is not archived, or one; raises LogNotOpen or LogArchived."""
    recorders = [LogRecorder(datastore, each) for each in (open_logs(datastore) if log is None else [log])]
    return [(recorder, recorder.head().position) for recorder in recorders]


def _differences(
    connection: Connection[Any],
    datastore: Datastore,
    recorder: LogRecorder,
    folds: Sequence[_Expected],
    told: Told,
    *,
    limit: int,
) -> list[Difference]:
    """Fold a log up to where its projections stand, then, in one snapshot, what they took meanwhile, and compare.

    So no snapshot is held for long, which would keep the database from cleaning up.
    """
    positions = Positions(datastore, [expected.name for expected in folds])
    _fold(recorder, folds, positions.at(connection, recorder.log), told, limit=limit)
    with Generations(datastore).watched(positions.names), connection.transaction():
        cursor_on(connection).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _fold(recorder, folds, positions.at(connection, recorder.log), told, limit=limit)
        found = [expected.first_difference() for expected in folds]
    return [difference for difference in found if difference is not None]


def _fold(
    recorder: LogRecorder, folds: Sequence[_Expected], positions: Mapping[str, int], told: Told, *, limit: int
) -> None:
    behind = [expected for expected in folds if expected.position < positions[expected.name]]
    if behind:
        after, until = min(each.position for each in behind), max(positions[each.name] for each in behind)
        for page in pages(recorder, after=after, until=until, limit=limit):
            for expected in behind:
                expected.fold(page, until=positions[expected.name])
                if page.error is not None and expected.position < min(
                    positions[expected.name], page.records[-1].position
                ):
                    raise ProjectionStopped(f"{expected.name} cannot be replayed: {page.error}")
            told.further(len(page.records))


class _Expected:
    """The rows that a log comes to: those of the last batch in memory, those of earlier ones in drafts of the tables.

    So a log of any length takes the memory of a batch, and one that is no longer than a batch no draft.
    """

    def __init__(
        self, connection: Connection[Any], log: str, projection: Projection, *, label: str | None = None
    ) -> None:
        self.name = label or projection.label
        self.position = 0
        self._connection = connection
        self._log = log
        self.projection = projection
        self._rows = Rows()
        self._drafts: list[type[Row]] = []

    def fold(self, page: Page, *, until: int) -> None:
        """Fold what of the next page is news, up to a position; raises ProjectionStopped."""
        end = min(until, page.end_for(self.projection))
        if end <= self.position:
            return
        facts = page.facts_for(self.projection, after=self.position, until=end)
        if facts and self.position:
            self._put_away()
            self._rows = load(self._connection, self._log, self.projection.touched(facts), drafts=True)
        self.projection.fold(self._rows, facts)
        self.position = end

    def first_difference(self) -> Difference | None:
        """Return the first difference to the rows that are stored."""
        if self._drafts:
            self._put_away()
        for row_type in self.projection.tables:
            rows = None if self._drafts else self._rows.all(row_type).values()
            found = first_difference(self._connection, self._log, row_type, rows)
            if found is not None:
                return difference(self.name, self._log, self.position, expected=found[0], found=found[1])
        return None

    def forget(self) -> None:
        """Drop the drafts."""
        for row_type in self._drafts:
            drop_draft(self._connection, row_type)
        self._drafts = []

    def _put_away(self) -> None:
        if not self._drafts:
            for row_type in self.projection.tables:
                draft(self._connection, row_type)
                self._drafts.append(row_type)
        save(self._connection, self._log, self._rows.changes(), drafts=True)
        self._rows = Rows({})


def difference(name: str, log: str, position: int, *, expected: Row | None, found: Row | None) -> Difference:
    """Return where two rows under one key differ; one of them may be missing."""
    row = found if expected is None else expected
    assert row is not None
    return Difference(name, log, position, row.TABLE, row.key, *_first_column(expected, found))


def _first_column(expected: Row | None, found: Row | None) -> tuple[str | None, Any, Any]:
    if expected is None or found is None:
        return None, expected, found
    for column in columns(type(found)):
        wanted, was = getattr(expected, column), getattr(found, column)
        if wanted != was:
            return column, wanted, was
    raise AssertionError(f"{found.TABLE} {found.key} was said to differ and does not")
