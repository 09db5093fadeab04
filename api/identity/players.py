"""Players: who may log in, and as what. An ordinary table; the ledger knows entries only."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from api.refusal import Refusal
from ledger.datastore import Datastore
from ledger.sql import queries

ROLES: Final = ("player", "operator", "auditor")


class EmailTaken(Refusal):
    """Somebody has signed up with this e-mail address already."""

    def __init__(self) -> None:
        super().__init__("email_taken", "this e-mail address has an account already: log in instead")


@dataclass(frozen=True, slots=True)
class Player:
    """A person with a log-in. `email` is normalised; `role`: player, operator or auditor.

    `email_verified_at`: when they showed that they read what is mailed there; None: not yet.
    """

    id: UUID
    email: str
    name: str
    password_hash: str = field(repr=False)
    role: str
    created_at: datetime
    email_verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """The player behind an entry, by the name that others see."""

    entry: UUID
    player_id: UUID
    name: str


class Players:
    """Reads and writes players. Ids and the time of day come from outside."""

    def __init__(self, datastore: Datastore, *, new_id: Callable[[], UUID], now: Callable[[], datetime]) -> None:
        self._datastore = datastore
        self._sql = queries("api.identity", "players.sql")
        self._new_id = new_id
        self._now = now

    def create(
        self, *, email: str, name: str, password_hash: str, role: str = "player", is_verified: bool = False
    ) -> Player:
        """Add a player and return it; raises EmailTaken, or ValueError for a role that does not exist.

        `is_verified`: whoever makes the player answers for the e-mail address.
        """
        if role not in ROLES:
            raise ValueError(f"there is no role {role!r}: choose {', '.join(ROLES)}")
        now = self._now()
        player = Player(
            id=self._new_id(),
            email=normalised(email),
            name=name,
            password_hash=password_hash,
            role=role,
            created_at=now,
            email_verified_at=now if is_verified else None,
        )
        try:
            with self._datastore.connection() as connection:
                connection.execute(self._sql["create"], asdict(player))
        except psycopg.errors.UniqueViolation:
            raise EmailTaken from None
        return player

    def player(self, player_id: UUID) -> Player | None:
        """Return a player by id."""
        return self._one("player", player_id=player_id)

    def player_with_email(self, email: str) -> Player | None:
        """Return the player who signed up with an e-mail address, however it is spelt."""
        return self._one("player_with_email", email=normalised(email))

    def set_password_hash(self, *, player_id: UUID, password_hash: str) -> None:
        """Replace a player's password hash."""
        with self._datastore.connection() as connection:
            parameters = {"player_id": player_id, "password_hash": password_hash}
            connection.execute(self._sql["set_password_hash"], parameters)

    def replace_password_hash(self, player: Player, *, password_hash: str) -> bool:
        """Replace the hash that a player was read with; False if it is another one by now."""
        parameters = {"player_id": player.id, "known_hash": player.password_hash, "password_hash": password_hash}
        with self._datastore.connection() as connection:
            return connection.execute(self._sql["replace_password_hash"], parameters).rowcount == 1

    def verify_email(self, player_id: UUID) -> None:
        """Note that a player reads what is mailed to their address; the first time counts."""
        with self._datastore.connection() as connection:
            connection.execute(self._sql["verify_email"], {"player_id": player_id, "now": self._now()})

    def names_of(self, entries: Iterable[UUID]) -> dict[UUID, Named]:
        """Return the players behind some entries, by entry; those who were erased are missing."""
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Named))
            cursor.execute(self._sql["names_of"], {"entries": list(entries)})
            return {named.entry: named for named in cursor}

    def _one(self, query: str, **parameters: object) -> Player | None:
        with self._datastore.connection() as connection:
            return connection.cursor(row_factory=class_row(Player)).execute(self._sql[query], parameters).fetchone()


def normalised(email: str) -> str:
    """Return the one spelling of an e-mail address that is stored and looked up."""
    return unicodedata.normalize("NFC", email.strip()).lower()
