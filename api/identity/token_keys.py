"""The keys of access tokens. They stand apart from the tokens: whoever only keeps keys has no tokens to read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key and its id, by which tokens name it."""

    kid: str
    private: Ed25519PrivateKey

    @classmethod
    def of(cls, secret: bytes) -> SigningKey:
        """Return the key of a secret of 32 random bytes; its id follows from its public half."""
        private = Ed25519PrivateKey.from_private_bytes(secret)
        return cls(_kid(private.public_key()), private)


@dataclass(frozen=True, slots=True)
class RetiredKey:
    """The public half of a key that signs no more; until `until`, in seconds since 1970, its tokens are accepted."""

    public: Ed25519PublicKey
    until: float

    @property
    def kid(self) -> str:
        """The id by which tokens name the key."""
        return _kid(self.public)


def _kid(public: Ed25519PublicKey) -> str:
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]
