"""Folding a log into the tables of a generation: segment by segment, rows and position together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import Connection

from ledger.facts import Fact, fact_of
from ledger.recorder import END, LogRecorder
from projections.pages import Page
from projections.positions import Parts, Positions
from projections.projection import PUBLIC, Projection, ProjectionStopped
from projections.rows import Keys, Rows
from projections.tables import load, look_in, save

_IDS: Final = 1 << 128


class GenerationMoved(Exception):
    """Somebody else is at work on the generation: a rebuild that had lost its connection lets it go."""


class Fold:
    """The fold of one log into the tables of one generation of a projection.

    `schema` has the tables and names the positions. From the start of the log nothing is read back, as the rows that
    were written stay in memory; when there are too many of them they are let go, and loaded when they are asked for.
    """

    def __init__(self, projection: Projection, log: str, schema: str, *, position: int, rows_kept: int) -> None:
        self.projection = projection
        self.log = log
        self.schema = schema
        self.position = position
        self._written = position
        self._rows_kept = rows_kept
        self._rows = Rows() if position == 0 else Rows({})
        self._rows_known = 0

    @property
    def rows_unwritten(self) -> int:
        """About how many rows came since the last were written."""
        return len(self._rows) - self._rows_known

    @property
    def facts_unwritten(self) -> int:
        """How many facts were folded since."""
        return self.position - self._written

    @property
    def touched(self) -> Keys:
        """The keys of the rows that were asked for or written to, since the rows in memory were let go."""
        return self._rows.keys()

    def take(self, connection: Connection[Any], page: Page, *, until: int = END) -> None:
        """Fold what of a page is news, up to a position; raises ProjectionStopped.

        Where the page has a record that cannot be read, and the projection would have to, it raises after the fold of
        those before it.
        """
        end = min(until, page.end_for(self.projection))
        if self.position < end:
            facts = page.facts_for(self.projection, after=self.position, until=end)
            if facts and not self._rows.is_all:
                self._load(connection, self._rows.unknown(self.projection.touched(facts)))
            self.projection.fold(self._rows, facts)
            self.position = end
        if page.error is not None and self.position < min(until, page.records[-1].position):
            raise ProjectionStopped(f"{self.projection.name} cannot go on: {page.error}")

    def write(self, connection: Connection[Any], positions: Positions) -> None:
        """Write what the fold changed, with the position, in the caller's transaction; raises ProjectionStopped.

        Raises GenerationMoved where the generation is not where this fold left it.
        """
        if positions.lock(connection, self.log, self.schema) != self._written:
            raise GenerationMoved(f"{self.schema} of {self.log} is rebuilt by somebody else")
        _save(connection, self, self._rows, since=self._written, until=self.position)
        positions.advance(connection, self.log, [self.schema], self.position)

    def written(self) -> None:
        """Go on from what was written; to be called when it is committed."""
        self._written = self.position
        self._rows.written()
        if len(self._rows) >= self._rows_kept:
            self._rows = Rows({})
        self._rows_known = len(self._rows)

    def _load(self, connection: Connection[Any], keys: Keys) -> None:
        with connection.transaction():
            look_in(connection, self.schema)
            self._rows.learn(load(connection, self.log, keys))
            look_in(connection, PUBLIC)


class PartFold:
    """The fold of one log into the tables of one generation, a part of all streams at a time.

    All that a stream came to is folded at once. So its rows are written once, as they are at the end, and never read.
    """

    def __init__(self, projection: Projection, log: str, schema: str, *, come_to: Parts) -> None:
        self.projection = projection
        self.log = log
        self.schema = schema
        self.come_to = come_to
        self._rows = Rows()
        self._facts = 0

    def take(self, facts: Sequence[Fact]) -> None:
        """Fold some of the next part, in order; raises ProjectionStopped."""
        self.projection.fold(self._rows, facts)
        self._facts += len(facts)

    @property
    def is_done(self) -> bool:
        """Whether all parts are in the rows."""
        return self.come_to.done == self.come_to.parts

    def write(self, connection: Connection[Any], positions: Positions) -> None:
        """Write the part in the caller's transaction; raises ProjectionStopped.

        Raises GenerationMoved where the generation is not where this fold left it.
        """
        if positions.parts(connection, self.log, self.schema) != self.come_to:
            raise GenerationMoved(f"{self.schema} of {self.log} is rebuilt by somebody else")
        _save(connection, self, self._rows, since=0, until=self.come_to.until)
        positions.put_parts(connection, self.log, self.schema, self._further)

    def written(self) -> None:
        """Go on with the next part; to be called when this one is committed."""
        self.come_to = self._further
        self._rows, self._facts = Rows(), 0

    @property
    def _further(self) -> Parts:
        return self.come_to._replace(done=self.come_to.done + 1, facts=self.come_to.facts + self._facts)


def read_part(recorder: LogRecorder, come_to: Parts) -> Iterator[list[Fact]]:
    """Yield the facts of the next part, in order; raises LogArchived, UnknownTopic or UnreadableEvent."""
    first, behind = (_IDS * number // come_to.parts for number in (come_to.done, come_to.done + 1))
    for records in recorder.read_part(UUID(int=first), UUID(int=behind - 1), until=come_to.until):
        yield [fact_of(record, keeps_record=False) for record in records]


def _save(connection: Connection[Any], fold: Fold | PartFold, rows: Rows, *, since: int, until: int) -> None:
    try:
        look_in(connection, fold.schema)
        save(connection, fold.log, rows.changes())
        look_in(connection, PUBLIC)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        place = f"{fold.log}:{since} to {until}"
        raise ProjectionStopped(f"{fold.projection.name} cannot take {place}: the rows do not fit: {error}") from error
