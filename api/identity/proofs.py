"""Codes that are mailed: whoever comes back with one has read the mail that went to a player's address."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from api.errors import Refusal
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
        code = base64.urlsafe_b64encode(self._new_secret(_CODE_BYTES)).decode().rstrip("=")
        now = self._now()
        values = {
            "player_id": player_id,
            "purpose": purpose.value,
            "code": _hash(code),
            "expires_at": now + LIFETIMES[purpose],
        }
        self.forget_expired()
        with self._datastore.connection() as connection:
            connection.execute(self._sql["issue"], values)
        return code

    def redeem(self, code: str, *, purpose: Purpose) -> UUID:
        """Use up a code and return whose it was; raises CodeInvalid."""
        values = {"code": _hash(code), "purpose": purpose.value, "now": self._now()}
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


def _hash(code: str) -> bytes:
    """Return what is stored of a code; it is random, so a slow hash would add nothing."""
    return hashlib.sha256(code.encode()).digest()
