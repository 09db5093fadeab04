"""Devices: signals by which an operator sees that several accounts may be one person's. Hashed, and soon forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from api.people.pseudonyms import Pseudonyms
from ledger.datastore import Datastore
from ledger.sql import queries

KEPT: Final = timedelta(days=90)
_SHARING_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Sharing:
    """Another player who used the same `devices`, and when the two last did."""

    player_id: UUID
    name: str
    devices: int
    last_seen: datetime


class Devices:
    """Remembers which players used which devices, as pseudonyms, for 90 days after the last time."""

    def __init__(self, datastore: Datastore, *, pseudonyms: Pseudonyms, now: Callable[[], datetime]) -> None:
        self._datastore = datastore
        self._sql = queries("api.people", "devices.sql")
        self._pseudonyms = pseudonyms
        self._now = now

    def seen(self, *, player_id: UUID, device_id: str) -> None:
        """Note that a player uses a device, and forget what was not seen for 90 days."""
        now = self._now()
        values = {"player_id": player_id, "device": self._pseudonyms.device(device_id), "at": now}
        with self._datastore.connection() as connection, connection.transaction():
            if connection.execute(self._sql["seen"], values).rowcount:
                connection.execute(self._sql["forget_expired"], {"oldest": now - KEPT})

    def sharing(self, player_id: UUID) -> list[Sharing]:
        """Return the other players who used a device of this one's in the last 90 days, the latest first."""
        values = {"player_id": player_id, "oldest": self._now() - KEPT, "limit": _SHARING_SHOWN}
        with self._datastore.connection() as connection:
            return connection.cursor(row_factory=class_row(Sharing)).execute(self._sql["sharing"], values).fetchall()
