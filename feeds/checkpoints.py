"""The signed checkpoints of the logs, as the database keeps them: added to, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from ledger.datastore import Datastore, cursor_on
from ledger.recorder import END
from ledger.sql import queries

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """What a log was at a size: the root of its tree, and the note that says so and is signed."""

    log: str
    size: int
    root: bytes
    note: str


class Checkpoints:
    """Reads and writes the table of checkpoints."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds", "checkpoints.sql")

    def add(self, checkpoint: SignedCheckpoint, *, signed_at: datetime, on: Connection[Any] | None = None) -> bool:
        """Add a checkpoint, and return whether there was none of its log and size. `on`: see `held`."""
        parameters = {
            "log": checkpoint.log,
            "size": checkpoint.size,
            "root": checkpoint.root,
            "note": checkpoint.note,
            "signed_at": signed_at,
        }
        if on is not None:
            return cursor_on(on).execute(self._sql["add"], parameters).rowcount > 0
        with self._datastore.connection() as connection:
            return cursor_on(connection).execute(self._sql["add"], parameters).rowcount > 0

    def newest(self, log: str, until: int | None = None) -> SignedCheckpoint | None:
        """Return the largest checkpoint of a log, or the largest up to size `until`."""
        found = self._read("newest", log=log, until=END if until is None else until)
        return found[0] if found else None

    def covering(self, log: str, position: int) -> SignedCheckpoint | None:
        """Return the newest checkpoint of a log if the event at a position is under it."""
        newest = self.newest(log)
        return newest if newest is not None and newest.size >= position else None

    def all(self, log: str, until: int | None = None, *, after: int = 0) -> Iterator[SignedCheckpoint]:
        """Yield the checkpoints of a log beyond size `after`, up to `until`, in order of size, a page at a time."""
        last = END if until is None else until
        while page := self._read("all", log=log, after=after, until=last, limit=_PAGE):
            yield from page
            after = page[-1].size

    def unsigned(self) -> list[str]:
        """Return the logs that do not end where their newest checkpoint does."""
        with self._datastore.connection() as connection:
            return [log for (log,) in cursor_on(connection).execute(self._sql["unsigned"], prepare=True)]

    @contextmanager
    def held(self, log: str) -> Iterator[Connection[Any]]:
        """Keep other signers from adding to a log's checkpoints until the block ends, which commits what it added."""
        with self._datastore.connection() as connection, connection.transaction():
            cursor_on(connection).execute(self._sql["hold"], {"log": log})
            yield connection

    def _read(self, query: str, **parameters: Any) -> list[SignedCheckpoint]:
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(SignedCheckpoint))
            return cursor.execute(self._sql[query], parameters, binary=True, prepare=True).fetchall()
