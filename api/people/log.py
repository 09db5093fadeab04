"""The log of what operators look at and do about people: who, whom, what, why and when. It is part of their export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row

from ledger.datastore import Datastore
from ledger.sql import queries


class Act(NamedTuple):
    """What an operator does, for which reason, in which request."""

    operator_id: UUID
    act: str
    reason: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class Note:
    """An act on one player, as the log has it."""

    operator_id: UUID
    act: str
    reason: str | None
    request_id: str
    at: datetime


class PeopleLog:
    """Writes and reads the log. Nothing in it can be changed; it goes with the person."""

    def __init__(self, datastore: Datastore, *, now: Callable[[], datetime]) -> None:
        self._datastore = datastore
        self._sql = queries("api.people", "log.sql")
        self._now = now

    @contextmanager
    def acting(self, act: Act, *, on: Sequence[UUID]) -> Iterator[Connection[Any]]:
        """Log an act on some players, and do it in the same transaction: gives its connection.

        So there is no act without its note; where the block raises, there is neither.
        """
        with self._datastore.connection() as connection, connection.transaction():
            values = {**act._asdict(), "players": list(on), "at": self._now()}
            connection.execute(self._sql["note"], values)
            yield connection

    def looked_at(self, act: Act, *, players: Sequence[UUID]) -> None:
        """Log that an operator is shown some players."""
        with self.acting(act, on=players):
            pass

    def notes_about(self, player_id: UUID, *, limit: int) -> list[Note]:
        """Return what was noted about a player, newest first."""
        parameters = {"player_id": player_id, "limit": limit}
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Note))
            return cursor.execute(self._sql["notes_about"], parameters).fetchall()
