"""Sessions: a log-in, and the line of refresh tokens that follows from it.

A refresh token is used once: it is answered with an access token and its own successor. Whoever comes with one that
was used up has a copy of somebody's token, or has lost one to somebody: nobody can tell who is who, so the session
ends (RFC 9700 §4.14.2). The series, which all tokens of a session share, tells a used one from an invented one, so
that no list of used tokens is kept (Barry Jaspan, "Improved Persistent Login Cookie Best Practice", 2006).

A client whose connection broke during a refresh repeats it, and tabs of one browser refresh at once. So the last
token that was used up may be repeated for ten seconds, as long as its successor is unused: it is answered with that
same successor, which is derived from it with a salt that the session keeps. The line never forks, and a thief gains
nothing: as soon as either goes on, the other's token is a used one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Self
from uuid import UUID

from psycopg.rows import class_row

from api.http.newest_first import page_parameters
from api.http.places import Paging
from api.identity.players import Player
from api.identity.revocations import Revocations
from api.identity.secrets import hashed
from api.refusal import Refusal
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

GRACE: Final = timedelta(seconds=10)
IDLE: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=180)
_PREFIX: Final = "fpr_"
_SERIES_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_USER_AGENT_LENGTH: Final = 120
_FORGETS_EVERY: Final = timedelta(hours=1)
_log = logging.getLogger(__name__)


class RefreshInvalid(Refusal):
    """The refresh token is not one of ours, or its session has ended or expired."""

    def __init__(self) -> None:
        super().__init__("refresh_invalid", "This refresh token is not valid (any more): log in again.")


class RefreshReused(Refusal):
    """The refresh token was used up before, so its session has been ended."""

    def __init__(self) -> None:
        super().__init__("refresh_reused", "This refresh token was used before: its session is ended, log in again.")


@dataclass(frozen=True, slots=True)
class Session:
    """A living session as its owner may see it."""

    id: UUID
    user_agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Continued:
    """A session that was opened or refreshed, and the one refresh token that continues it."""

    id: UUID
    player_id: UUID
    role: str
    refresh_token: str
    expires_in: int


class RefreshToken(NamedTuple):
    """What a refresh token is made of: 16 bytes that its whole session shares, and 32 of its own."""

    series: bytes
    secret: bytes

    def __str__(self) -> str:
        """Return the token's text on the wire."""
        return _PREFIX + base64.urlsafe_b64encode(self.series + self.secret).decode()

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a token; raises RefreshInvalid."""
        try:
            said = base64.b64decode(text.removeprefix(_PREFIX), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise RefreshInvalid from error
        if not text.startswith(_PREFIX) or len(said) != _SERIES_BYTES + _SECRET_BYTES:
            raise RefreshInvalid
        return cls(said[:_SERIES_BYTES], said[_SERIES_BYTES:])

    def successor(self, salt: bytes) -> Self:
        """Return the token that follows: the same one for the same salt, and unforeseeable without it."""
        return self._replace(secret=hmac.digest(salt, self.secret, "sha256"))


class Sessions:
    """Opens, continues and ends sessions. Ids, random bytes and the time of day come from outside.

    A session ends `IDLE` after its last refresh, and `LONGEST` after the log-in at the latest.
    """

    def __init__(
        self,
        datastore: Datastore,
        *,
        revocations: Revocations,
        new_id: Callable[[], UUID],
        new_secret: Callable[[int], bytes],
        now: Callable[[], datetime],
    ) -> None:
        self._datastore = datastore
        self._sql = queries("api.identity", "sessions.sql")
        self._revocations = revocations
        self._new_id = new_id
        self._new_secret = new_secret
        self._now = now
        self._forgot_at: datetime | None = None

    def open(self, player: Player, *, user_agent: str) -> Continued | None:
        """Open a session for a player who has just proved who they are; None if their password has changed since."""
        token = RefreshToken(self._new_secret(_SERIES_BYTES), self._new_secret(_SECRET_BYTES))
        id, now = self._new_id(), self._now()
        self._forget_now_and_then(now)
        values = {
            "id": id,
            "player_id": player.id,
            "password_hash": player.password_hash,
            "user_agent": _shortened(user_agent),
            "now": now,
            "expires_at": now + IDLE,
            "series": hashed(token.series),
            "token": hashed(token.secret),
        }
        with self._datastore.connection() as connection:
            if not connection.execute(self._sql["open"], values).rowcount:
                return None
        return Continued(id, player.id, player.role, str(token), int(IDLE.total_seconds()))

    def rotate(self, text: str) -> Continued:
        """Use up a refresh token and return what follows; raises RefreshInvalid, or RefreshReused, which revokes."""
        token, salt, now = RefreshToken.read(text), self._new_secret(_SECRET_BYTES), self._now()
        values = {
            "series": hashed(token.series),
            "token": hashed(token.secret),
            "successor": hashed(token.successor(salt).secret),
            "salt": salt,
            "now": now,
            "grace": GRACE,
            "idle": IDLE,
            "longest": LONGEST,
        }
        with self._datastore.connection() as connection:
            found = cursor_on(connection).execute(self._sql["rotate"], values).fetchone()
        if found is None:
            self._revoke_reused(token, now)
            raise RefreshInvalid
        session, player, role, kept_salt, expires_at = found
        return Continued(
            session, player, role, str(token.successor(kept_salt)), int((expires_at - now).total_seconds())
        )

    def sessions_of(self, player_id: UUID, paging: Paging) -> list[Session]:
        """Return a page of a player's living sessions, newest first."""
        values = {"player_id": player_id, "now": self._now(), **page_parameters(paging)}
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Session))
            return cursor.execute(self._sql["sessions_of"], values).fetchall()

    def revoke(self, *, player_id: UUID, id: UUID) -> bool:
        """End one session of a player; False where the player has no such session."""
        return bool(self._run("revoke", player_id=player_id, id=id))

    def revoke_all(self, *, player_id: UUID, reason: str, but: UUID | None = None) -> int:
        """End all sessions of a player, `but` one where it is given; return how many. `reason` is for the log."""
        revoked = self._run("revoke_all", player_id=player_id, but=but)
        _log.info("%d sessions of %s ended: %s", len(revoked), player_id, reason)
        return len(revoked)

    def forget_expired(self, now: datetime) -> None:
        """Remove sessions that nobody refreshed in time: what is kept about a person has an end."""
        with self._datastore.connection() as connection:
            connection.execute(self._sql["forget_expired"], {"now": now})

    def _forget_now_and_then(self, now: datetime) -> None:
        if self._forgot_at is None or now - self._forgot_at >= _FORGETS_EVERY:
            self._forgot_at = now
            self.forget_expired(now)
            self._revocations.forget_old()

    def _revoke_reused(self, token: RefreshToken, now: datetime) -> None:
        """End the session of a token that was used up, and raise RefreshReused; nothing if there is no such session."""
        values = {"series": hashed(token.series), "token": hashed(token.secret), "now": now}
        with self._datastore.connection() as connection:
            ended = cursor_on(connection).execute(self._sql["revoke_reused"], values).fetchone()
        if ended is not None:
            session, player = ended
            self._revocations.add([session])
            _log.warning("session %s of %s ended: a used refresh token came again", session, player)
            raise RefreshReused

    def _run(self, query: str, **values: object) -> list[UUID]:
        """Run a query that ends sessions, let that count here at once, and return which."""
        with self._datastore.connection() as connection:
            ended = [id for (id,) in cursor_on(connection).execute(self._sql[query], values)]
        self._revocations.add(ended)
        return ended


def _shortened(user_agent: str) -> str:
    """Return so much of a User-Agent as tells a phone from a laptop."""
    return "".join(character for character in user_agent[:_USER_AGENT_LENGTH] if character.isprintable())
