"""Access tokens: short-lived JWTs (RFC 9068) signed with Ed25519, checked without a database.

Token time is real time, also where a test clock moves the game: a log-in does not expire because a week was skipped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import jwt

from api.identity.scopes import SCOPES_OF_PERSON
from api.identity.secrets import base64url, hashed
from api.identity.token_keys import RetiredKey, SigningKey

_ALGORITHM: Final = "EdDSA"
_TYPE: Final = "at+jwt"
_CLAIMS: Final = ("iss", "aud", "sub", "sid", "role", "iat", "exp")
_VERIFIED_KEPT: Final = 50_000


class InvalidToken(Exception):
    """The token is not one of ours, not for us, or no longer valid."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what they may do: `scopes` are some of those of the role.

    `id` is a player's, or an API key's, which has no session.
    """

    id: UUID
    role: str
    scopes: frozenset[str]
    session: UUID | None = None

    @classmethod
    def of_role(cls, id: UUID, role: str, *, session: UUID | None = None) -> Principal:
        """Return a person who may do all that the role may."""
        return cls(id, role, SCOPES_OF_PERSON.get(role, frozenset({"self"})), session)

    @property
    def revoked_by(self) -> UUID:
        """The id under which this principal is revoked: that of the session, or of the API key."""
        return self.session or self.id


@dataclass(frozen=True, slots=True)
class Token:
    """A signed token and the seconds that it is good for."""

    text: str
    expires_in: int


class Tokens:
    """Issues tokens with one key, and accepts those of this and of `retired` keys.

    A signature takes 100 µs to check, which a bet would feel: tokens found good are remembered until they expire.
    To be used from one thread, the event loop's.
    """

    def __init__(
        self,
        key: SigningKey,
        *,
        retired: Iterable[RetiredKey] = (),
        issuer: str = "fairpool",
        audience: str = "fairpool-api",
        lifetime: timedelta = timedelta(minutes=15),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._key = key
        current = RetiredKey(key.private.public_key(), math.inf)
        self._accepted = {each.kid: each for each in (*retired, current)}
        self._issuer = issuer
        self._audience = audience
        self._lifetime = int(lifetime.total_seconds())
        self._now = now
        # By digest of the whole token: its text would be half of what is kept.
        self._verified: dict[bytes, tuple[Principal, float]] = {}

    def public_keys(self) -> dict[str, str]:
        """Return the keys whose tokens are accepted, by id: the public halves, in base64url."""
        now = self._now()
        return {kid: base64url(key.public.public_bytes_raw()) for kid, key in self._accepted.items() if now < key.until}

    def issue(self, *, player_id: UUID, role: str, session: UUID) -> Token:
        """Return a token for a player who has just proved who they are; it ends with the session if not before."""
        now = int(self._now())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(player_id),
            "sid": str(session),
            "role": role,
            "iat": now,
            "exp": now + self._lifetime,
        }
        headers = {"kid": self._key.kid, "typ": _TYPE}
        return Token(jwt.encode(claims, self._key.private, algorithm=_ALGORITHM, headers=headers), self._lifetime)

    def verify(self, text: str) -> Principal:
        """Return who a token speaks for; raises InvalidToken."""
        digest = hashed(text.encode())
        found = self._verified.get(digest)
        if found is None:
            found = self._check(text)
            if len(self._verified) >= _VERIFIED_KEPT:
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = found
        principal, expires_at = found
        if self._now() >= expires_at:
            del self._verified[digest]
            raise InvalidToken(f"expired at {expires_at:.0f}")
        return principal

    def _check(self, text: str) -> tuple[Principal, float]:
        try:
            claims, accepted_until = self._decode(text)
            principal = Principal.of_role(UUID(claims["sub"]), str(claims["role"]), session=UUID(claims["sid"]))
            return principal, min(float(claims["exp"]), accepted_until)
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError) as error:
            # Also what was signed by a key of ours has to be read with care: claims may be of any type.
            raise InvalidToken(str(error)) from error

    def _decode(self, text: str) -> tuple[dict[str, Any], float]:
        if "=" in text:
            raise InvalidToken("padded, which RFC 7515 does not foresee: a token has one text")
        header = jwt.get_unverified_header(text)
        key = self._accepted.get(str(header.get("kid")))
        if key is None or header.get("typ") != _TYPE:
            raise InvalidToken("not signed as an access token by a key of ours")
        # The algorithm is ours to name: what the token's header asks for is compared with it, never followed.
        claims: dict[str, Any] = jwt.decode(
            text,
            key.public,
            algorithms=[_ALGORITHM],
            issuer=self._issuer,
            audience=self._audience,
            # Times are judged in `verify`, by one clock, whether a token is new to us or remembered.
            options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False},
        )
        return claims, key.until
