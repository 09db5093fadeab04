"""The link from players to their entries: an ordinary table, so that erasing a row erases the link."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries


class Entry(NamedTuple):
    """One player in one week."""

    player_id: UUID
    week: str
    entry: UUID


class Entries:
    """Looks entries up; they are written with their enrolment (`ledger.enrolment`)."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("ledger", "entries.sql")

    def entry_of(self, *, player_id: UUID, week: str) -> UUID | None:
        """Return the player's entry in a week, withdrawn or not."""
        found = self._entries("entry_of", player_id, week)
        return found[0].entry if found else None

    def entries_of(self, *, player_id: UUID) -> list[Entry]:
        """Return the player's entries, newest week first."""
        return self._entries("entries_of", player_id)

    def _entries(self, query: str, *parameters: object) -> list[Entry]:
        with self._datastore.connection() as connection:
            rows = cursor_on(connection).execute(self._sql[query], parameters).fetchall()
        return [Entry(*row) for row in rows]
