"""Codes that are mailed: whoever comes back with one has read the mail that went to a player's address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from api.identity.secrets import base64url, hashed
from api.refusal import Refusal
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

_CODE_BYTES: Final = 32


class Purpose(StrEnum):
    """What a code is good for, and for nothing else."""

    RESET_PASSWORD = "reset_password"
    VERIFY_EMAIL = "verify_email"


LIFETIMES: Final[Mapping[Purpose, timedelta]] = MappingProxyType(
    {Purpose.RESET_PASSWORD: timedelta(minutes=30), Purpose.VERIFY_EMAIL: timedelta(days=3)}
)
"""How long codes are good."""


class CodeInvalid(Refusal):
    """The code was made up, is used up, or has expired."""

    def __init__(self) -> None:
        super().__init__("code_invalid", "This code is not valid (any more): ask for a new one.")


class Proofs:
    """Issues and redeems codes. Random bytes and the time of day come from outside."""

    def __init__(
        self, datastore: Datastore, *, new_secret: Callable[[int], bytes], now: Callable[[], datetime]
    ) -> None:
        self._datastore = datastore
        self._sql = queries("api.identity", "proofs.sql")
        self._new_secret = new_secret
        self._now = now

    def issue(self, *, player_id: UUID, purpose: Purpose) -> str:
        """Return a new code; the one for the same purpose before it is good no more."""
        code = base64url(self._new_secret(_CODE_BYTES))
        now = self._now()
        values = {
            "player_id": player_id,
            "purpose": purpose.value,
            "code": hashed(code.encode()),
            "expires_at": now + LIFETIMES[purpose],
        }
        self.forget_expired()
        with self._datastore.connection() as connection:
            connection.execute(self._sql["issue"], values)
        return code

    def redeem(self, code: str, *, purpose: Purpose) -> UUID:
        """Use up a code and return whose it was; raises CodeInvalid."""
        values = {"code": hashed(code.encode()), "purpose": purpose.value, "now": self._now()}
        with self._datastore.connection() as connection:
            found = cursor_on(connection).execute(self._sql["redeem"], values).fetchone()
        if found is None:
            raise CodeInvalid
        player_id: UUID = found[0]
        return player_id

    def forget_expired(self) -> None:
        """Remove codes that nobody used in time."""
        with self._datastore.connection() as connection:
            connection.execute(self._sql["forget_expired"], {"now": self._now()})
