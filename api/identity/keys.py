"""API keys: how services and auditors' programs prove who they are, `Authorization: Bearer fpk_<id>_<secret>`."""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from fastapi.concurrency import run_in_threadpool
from psycopg.rows import class_row

from api.http.newest_first import page_parameters
from api.http.places import Paging
from api.identity.revocations import Revocations
from api.identity.scopes import SCOPES_OF_ROLE
from api.identity.secrets import base64url, hashed
from api.identity.tokens import InvalidToken, Principal
from ledger.datastore import Datastore, cursor_on
from ledger.mendable import Mendable
from ledger.sql import queries

PREFIX: Final = "fpk_"
ROLES: Final = ("auditor", "service")
_KEY: Final = re.compile(r"fpk_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
_SECRET_BYTES: Final = 32
_KEPT_SECONDS: Final = 60.0
_KEPT_MAX: Final = 10_000


class ScopeTooWide(Mendable, ValueError):
    """A key would have a scope that its role lacks, or none at all."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `last_used_at` is right to the minute."""

    id: UUID
    role: str
    name: str
    scopes: Sequence[str]
    created_by: UUID | None
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None

    @property
    def prefix(self) -> str:
        """What the key's text begins with, by which its holder knows it again."""
        return f"{PREFIX}{self.id.hex}"


class _Known(NamedTuple):
    """What was read about a key, and when."""

    principal: Principal
    secret: bytes
    expires_at: datetime | None
    read_at: float


class ApiKeys:
    """Makes, checks and revokes keys. Ids, random bytes and the time of day come from outside.

    A key in use is read once a minute; in between a request costs a hash. Revoked ones are known by `revocations`.
    """

    def __init__(
        self,
        datastore: Datastore,
        *,
        revocations: Revocations,
        new_id: Callable[[], UUID],
        new_secret: Callable[[int], bytes],
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._datastore = datastore
        self._sql = queries("api.identity", "keys.sql")
        self._revocations = revocations
        self._new_id = new_id
        self._new_secret = new_secret
        self.now = now
        self._monotonic = monotonic
        self._known: dict[str, _Known] = {}

    def create(
        self,
        *,
        role: str,
        name: str,
        scopes: Iterable[str] | None = None,
        expires_at: datetime | None = None,
        created_by: UUID | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; return it and its text, which nobody can tell again. `scopes`: None is all of the role's.

        Raises ScopeTooWide, or ValueError for a role that keys do not have.
        """
        if role not in ROLES:
            raise ValueError(f"a key cannot have the role {role!r}: choose {', '.join(ROLES)}")
        widest = SCOPES_OF_ROLE[role]
        given = frozenset(scopes) if scopes is not None else widest
        if not given or not given <= widest:
            raise ScopeTooWide(f"choose one or more scopes of the role {role}: {', '.join(sorted(widest))}")
        key = ApiKey(self._new_id(), role, name, sorted(given), created_by, self.now(), None, expires_at)
        secret = base64url(self._new_secret(_SECRET_BYTES))
        with self._datastore.connection() as connection:
            connection.execute(self._sql["create"], {**asdict(key), "secret": hashed(secret.encode())})
        return key, f"{key.prefix}_{secret}"

    def keys(self, paging: Paging) -> list[ApiKey]:
        """Return a page of the keys, newest first; expired ones are among them, revoked ones are not."""
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(ApiKey))
            return cursor.execute(self._sql["keys"], page_parameters(paging)).fetchall()

    def revoke(self, id: UUID) -> bool:
        """End a key: here at once, elsewhere within a second. False where there is none."""
        with self._datastore.connection() as connection:
            is_there = cursor_on(connection).execute(self._sql["revoke"], {"id": id}).fetchone() is not None
        if is_there:
            self._revocations.add([id])
        return is_there

    def is_known(self, text: str) -> bool:
        """Say whether `principal` could answer without a query."""
        found = _KEY.fullmatch(text)
        known = self._known.get(found[1]) if found is not None else None
        return known is not None and not self._is_old(known)

    async def principal(self, text: str) -> Principal:
        """Return who a key speaks for, unless it was revoked a moment ago; raises InvalidToken."""
        found = _KEY.fullmatch(text)
        if found is None:
            raise InvalidToken("not of the form of an API key")
        id, secret = found[1], hashed(found[2].encode())
        known = self._known.get(id)
        if known is None or self._is_old(known):
            known = await run_in_threadpool(self._key, UUID(id), secret)
            if len(self._known) >= _KEPT_MAX:
                del self._known[next(iter(self._known))]
            self._known[id] = known
        if not hmac.compare_digest(known.secret, secret):
            raise InvalidToken(f"a wrong secret of API key {id}")
        if known.expires_at is not None and known.expires_at <= self.now():
            raise InvalidToken(f"API key {id} expired at {known.expires_at}")
        return known.principal

    def _is_old(self, known: _Known) -> bool:
        return self._monotonic() - known.read_at >= _KEPT_SECONDS

    def _key(self, id: UUID, secret: bytes) -> _Known:
        """Read a key, and note its use where the secret is right; raises InvalidToken where there is none."""
        read_at, now = self._monotonic(), self.now()
        with self._datastore.connection() as connection:
            row = cursor_on(connection).execute(self._sql["key"], {"id": id}).fetchone()
            if row is None:
                raise InvalidToken(f"there is no API key {id}")
            role, scopes, kept, expires_at = row
            if hmac.compare_digest(kept, secret):
                connection.execute(self._sql["touch"], {"id": id, "now": now})
        # What its role may is what a key may at the most, also when roles are made narrower after it was made.
        return _Known(Principal(id, role, frozenset(scopes) & SCOPES_OF_ROLE[role]), kept, expires_at, read_at)
