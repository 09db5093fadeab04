"""Passwords, hashed with argon2id (RFC 9106) at the cost that the settings name."""

from __future__ import annotations

from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

_NOBODYS_PASSWORD: Final = "the password of nobody"


class Passwords:
    """Hashes and verifies; both take tens of milliseconds and the memory given, so call them in a worker thread.

    The defaults are OWASP's minimum for argon2id: 19 MiB, two passes, one lane.
    """

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 2, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)
        self._nobodys_hash = self._hasher.hash(_NOBODYS_PASSWORD)

    def hash(self, password: str) -> str:
        """Return the hash to store: algorithm, cost and salt are in its text."""
        return self._hasher.hash(password)

    def verify(self, password_hash: str | None, password: str) -> bool:
        """Say whether a password is the one that was hashed; None, an unknown player's hash, is refused as slowly."""
        try:
            self._hasher.verify(password_hash or self._nobodys_hash, password)
        except VerifyMismatchError:
            return False
        return password_hash is not None

    def is_outdated(self, password_hash: str) -> bool:
        """Say whether a hash was made at another cost than today's, and is better replaced at log-in."""
        return self._hasher.check_needs_rehash(password_hash)
