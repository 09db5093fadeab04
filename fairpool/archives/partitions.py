"""The partitions of logs, as the owner of the database takes them out and puts them back.

The service's own role can do none of this: whatever goes wrong in a process that answers the network, no event is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

import psycopg
from psycopg import Connection

from ledger.archives import Archive
from ledger.facts import Record
from ledger.mendable import Mendable
from ledger.sql import queries

_COLUMNS: Final = ("uuid", "int8", "text", "bytea", "int8", "text", "int2", "timestamptz", "text", "text", "text")
_PAUSE_SECONDS: Final = 0.25
# Pauses of a minute, between less than half a minute in all in which who appends waits.
_ATTEMPTS: Final = 240


class ArchivesInUse(Mendable):
    """Another command archives or restores at the moment: wait for it."""


class EventsInUse(Mendable):
    """Somebody held the table of all events for a minute: see pg_stat_activity, then ask again."""


class Partitions:
    """A connection of the database's owner that archives or restores, with nobody else doing so meanwhile."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._sql = queries("fairpool.archives", "partitions.sql")

    @classmethod
    @contextmanager
    def alone(cls, dsn: str) -> Iterator[Self]:
        """Give the partitions of a database; raises ArchivesInUse. `dsn` names the owner of the table of events."""
        with psycopg.connect(dsn, autocommit=True, options="-c timezone=UTC") as connection:
            partitions = cls(connection)
            [(is_alone,)] = connection.execute(partitions._sql["alone"])
            if not is_alone:
                raise ArchivesInUse("another command archives or restores here: ask again when it has ended")
            yield partitions

    def release(
        self, archive: Archive, *, attempts: int = _ATTEMPTS, wait: Callable[[float], object] = time.sleep
    ) -> None:
        """Drop a log's events and note the archive, all or nothing; raises EventsInUse.

        Who appends meanwhile waits a tenth of a second at most, and is let through before the next attempt.
        """
        parameters = {
            "log": archive.log,
            "size": archive.size,
            "root": archive.root,
            "manifest_sha256": archive.manifest_sha256,
            "seed": archive.seed,
            "at": archive.archived_at,
            "by": archive.archived_by,
        }
        for _ in range(attempts):
            try:
                self._connection.execute(self._sql["release"], parameters)
            except psycopg.errors.LockNotAvailable:
                wait(_PAUSE_SECONDS)
            else:
                return
        raise EventsInUse(f"{archive.log} is sealed, exported and still here: events are read without a pause")

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Do what the block does on the connection that is given all or not at all."""
        with self._connection.transaction():
            yield self._connection

    def stage(self) -> None:
        """Make the table that takes in events; it belongs to the transaction."""
        self._connection.execute(self._sql["stage"])

    def fill(self, records: Iterable[Record]) -> None:
        """Take in records, one at a time."""
        with self._connection.cursor().copy(self._sql["fill"]) as copy:
            copy.set_types(_COLUMNS)
            for each in records:
                place = (each.stream, each.version, each.topic, each.state, each.position, each.log, each.schema)
                copy.write_row((*place, each.recorded_at, each.actor, each.request, each.cause))

    def take_back(self, archive: Archive) -> None:
        """Make what was staged the partition of a log again."""
        parameters = {
            "log": archive.log,
            "size": archive.size,
            "root": archive.root,
            "recorded_at": archive.recorded_at,
            "manifest_sha256": archive.manifest_sha256,
            "seed": archive.seed,
            "at": archive.restored_at,
        }
        self._connection.execute(self._sql["take_back"], parameters)
