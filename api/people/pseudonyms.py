"""Pseudonyms: keyed hashes that tell whether two texts are equal, and nothing else, to whoever lacks the key."""

from __future__ import annotations

import hmac


class Pseudonyms:
    """HMAC-SHA-256 (RFC 2104) under a secret of the service; labels keep devices and addresses apart."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def device(self, device_id: str) -> bytes:
        """Return the pseudonym, 32 bytes, of what an app calls its device."""
        return self._of("fairpool/device/v1", device_id)

    def address(self, email: str) -> bytes:
        """Return the pseudonym, 32 bytes, of a normalised e-mail address."""
        return self._of("fairpool/address/v1", email)

    def _of(self, label: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{label}\n{text}".encode(), "sha256")
