"""Archives: the weeks whose events have left the database as an export. Who reads events is told so (`LogArchived`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row

from ledger.datastore import Datastore
from ledger.sql import queries


@dataclass(frozen=True, slots=True)
class Archive:
    """A log that left the database: its size, and the root of its Merkle tree there.

    `recorded_at` is the time of its last event, `manifest_sha256` the hash of the export's manifest in hex, `seed` what
    the week's draw revealed, in hex. `restored_at` is None while the log is away; `archived_at` and `archived_by` are
    None where it came from another database and has not left this one; `times` is how often it has.
    """

    log: str
    size: int
    root: bytes
    recorded_at: datetime
    manifest_sha256: str
    seed: str
    archived_at: datetime | None
    archived_by: str | None
    restored_at: datetime | None
    times: int = 0

    @property
    def is_away(self) -> bool:
        """Whether the events are not in the database."""
        return self.restored_at is None


class Archives:
    """Reads which logs are archived."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("ledger", "archives.sql")

    def archive(self, log: str) -> Archive | None:
        """Return what is known of a log that left the database at some time, None where it never did."""
        found = self._read("archive", log=log)
        return found[0] if found else None

    def away(self) -> list[Archive]:
        """Return the logs that are archived now, in order."""
        return self._read("away")

    def is_away(self, log: str) -> bool:
        """Say whether a log is archived now."""
        archive = self.archive(log)
        return archive is not None and archive.is_away

    def _read(self, query: str, **parameters: Any) -> list[Archive]:
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Archive))
            return cursor.execute(self._sql[query], parameters).fetchall()
