"""Folding a log into the tables of a generation: segment by segment, rows and position together."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import Connection

from ledger.recorder import END
from projections.pages import Page
from projections.positions import Positions
from projections.projection import PUBLIC, Projection, ProjectionStopped
from projections.rows import Keys, Rows
from projections.tables import load, look_in, save


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
        try:
            look_in(connection, self.schema)
            save(connection, self.log, self._rows.changes())
            look_in(connection, PUBLIC)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            place = f"{self.log}:{self._written} to {self.position}"
            raise ProjectionStopped(
                f"{self.projection.name} cannot take {place}: the rows do not fit: {error}"
            ) from error
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
