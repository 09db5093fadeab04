"""Rebuild and verify: fold a log from its first event, then put the rows in place, or compare them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Connection

from ledger.datastore import Datastore, cursor_on
from ledger.facts import Fact, fact_of
from ledger.recorder import END, PAGE, LogRecorder, open_logs
from projections.catalogue import projections
from projections.positions import Positions
from projections.projection import Projection
from projections.rows import Row, Rows, columns
from projections.tables import draft, drop_draft, first_difference, load, replace, save

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


def rebuild(
    datastore: Datastore, *, name: str | None = None, log: str | None = None, progress: Progress | None = None
) -> None:
    """Make the rows of a projection (all unless named) anew, for one log or for all.

    Readers see the old rows until the new ones are complete, and meanwhile everything goes on: a projection is
    held only while its rows are exchanged. `progress` is told how many facts of how many are folded. Raises
    UnknownProjection, LogNotOpen, or ProjectionStopped; then what is not exchanged yet stays as it was.
    """
    chosen = projections(name)
    heads = _heads(datastore, log)
    told = _Told(progress, total=sum(head for _, head in heads))
    for recorder, head in heads:
        folds = [(projection, Rows()) for projection in chosen]
        for facts in _pages(recorder, until=head):
            for projection, rows in folds:
                projection.fold(rows, facts)
            told.further(len(facts))
        for projection, rows in folds:
            _exchange(datastore, recorder, projection, rows, folded=head)


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
    not grow with the log. `progress` and errors are those of `rebuild`.
    """
    chosen = projections(name)
    heads = _heads(datastore, log)
    told = _Told(progress, total=sum(head for _, head in heads))
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


class _Told:
    """Adds up how many facts are folded, and tells whoever wants to know."""

    def __init__(self, progress: Progress | None, *, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def further(self, facts: int) -> None:
        self._done += facts
        if self._progress is not None:
            self._progress(self._done, self._total)


def _heads(datastore: Datastore, log: str | None) -> list[tuple[LogRecorder, int]]:
    recorders = [LogRecorder(datastore, each) for each in (open_logs(datastore) if log is None else [log])]
    return [(recorder, recorder.head().position) for recorder in recorders]


def _pages(recorder: LogRecorder, *, after: int = 0, until: int = END, limit: int = PAGE) -> Iterator[list[Fact]]:
    while records := recorder.read(after=after, until=until, limit=limit):
        yield [fact_of(record) for record in records]
        after = records[-1].position


def _exchange(datastore: Datastore, recorder: LogRecorder, projection: Projection, rows: Rows, *, folded: int) -> None:
    """Fold what came since, with the live projection held, and put the rows in the place of its own."""
    positions = Positions(datastore, [projection.name])
    with datastore.connection() as connection, connection.transaction():
        positions.lock(connection, recorder.log, projection.name)
        head = recorder.head().position
        for facts in _pages(recorder, after=folded, until=head):
            projection.fold(rows, facts)
        for row_type in projection.tables:
            replace(connection, recorder.log, row_type, rows.all(row_type).values())
        positions.advance(connection, recorder.log, [projection.name], head)


def _differences(
    connection: Connection[Any],
    datastore: Datastore,
    recorder: LogRecorder,
    folds: Sequence[_Expected],
    told: _Told,
    *,
    limit: int,
) -> list[Difference]:
    """Fold a log up to where its projections stand, then, in one snapshot, what they took meanwhile, and compare.

    So no snapshot is held for long, which would keep the database from cleaning up.
    """
    positions = Positions(datastore, [expected.name for expected in folds])
    _fold(recorder, folds, positions.at(connection, recorder.log), told, limit=limit)
    with connection.transaction():
        cursor_on(connection).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        _fold(recorder, folds, positions.at(connection, recorder.log), told, limit=limit)
        found = [expected.first_difference() for expected in folds]
    return [difference for difference in found if difference is not None]


def _fold(
    recorder: LogRecorder, folds: Sequence[_Expected], positions: Mapping[str, int], told: _Told, *, limit: int
) -> None:
    behind = [expected for expected in folds if expected.position < positions[expected.name]]
    if behind:
        after, until = min(each.position for each in behind), max(positions[each.name] for each in behind)
        for facts in _pages(recorder, after=after, until=until, limit=limit):
            for expected in behind:
                expected.fold(facts, until=positions[expected.name])
            told.further(len(facts))


class _Expected:
    """The rows that a log comes to: those of the last batch in memory, those of earlier ones in drafts of the tables.

    So a log of any length takes the memory of a batch, and one that is no longer than a batch no draft.
    """

    def __init__(self, connection: Connection[Any], log: str, projection: Projection) -> None:
        self.name = projection.name
        self.position = 0
        self._connection = connection
        self._log = log
        self._projection = projection
        self._rows = Rows()
        self._drafts: list[type[Row]] = []

    def fold(self, facts: Sequence[Fact], *, until: int) -> None:
        """Fold what of the next batch is news, up to a position; raises ProjectionStopped."""
        facts = [fact for fact in facts if self.position < fact.position <= until]
        if not facts:
            return
        if self.position:
            self._put_away()
            self._rows = load(self._connection, self._log, self._projection.touched(facts), drafts=True)
        self._projection.fold(self._rows, facts)
        self.position = facts[-1].position

    def first_difference(self) -> Difference | None:
        """Return the first difference to the rows that are stored."""
        if self._drafts:
            self._put_away()
        for row_type in self._projection.tables:
            rows = None if self._drafts else self._rows.all(row_type).values()
            found = first_difference(self._connection, self._log, row_type, rows)
            if found is not None:
                expected, stored = found
                row = stored if expected is None else expected
                assert row is not None
                place = (self.name, self._log, self.position, row_type.TABLE, row.key)
                return Difference(*place, *_first_column(expected, stored))
        return None

    def forget(self) -> None:
        """Drop the drafts."""
        for row_type in self._drafts:
            drop_draft(self._connection, row_type)
        self._drafts = []

    def _put_away(self) -> None:
        if not self._drafts:
            for row_type in self._projection.tables:
                draft(self._connection, row_type)
                self._drafts.append(row_type)
        save(self._connection, self._log, self._rows.changes(), drafts=True)
        self._rows = Rows({})


def _first_column(expected: Row | None, found: Row | None) -> tuple[str | None, Any, Any]:
    if expected is None or found is None:
        return None, expected, found
    for column in columns(type(found)):
        wanted, was = getattr(expected, column), getattr(found, column)
        if wanted != was:
            return column, wanted, was
    raise AssertionError(f"{found.TABLE} {found.key} was said to differ and does not")
