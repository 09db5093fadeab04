"""The base of the classes that read a projection's tables."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, TypeVar

from psycopg.rows import class_row

from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

T = TypeVar("T")


class NumberOf(NamedTuple):
    """How many of something there are in a week."""

    week: str
    number: int


class View:
    """Reads one projection. Each method runs the query of its own name in the `.sql` file called `NAME`."""

    NAME: ClassVar[str]

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("projections", f"{self.NAME}.sql")

    def _all(self, query: str, row_type: type[T], **parameters: Any) -> list[T]:
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(row_type))
            return cursor.execute(self._sql[query], parameters, binary=True, prepare=True).fetchall()

    def _one(self, query: str, row_type: type[T], **parameters: Any) -> T | None:
        rows = self._all(query, row_type, **parameters)
        return rows[0] if rows else None

    def _number(self, query: str, **parameters: Any) -> int:
        with self._datastore.connection() as connection:
            [(number,)] = cursor_on(connection).execute(self._sql[query], parameters, binary=True, prepare=True)
        return int(number)
