"""Random secrets that clients hold: how they are written, and what is stored of them."""

from __future__ import annotations

import base64
import hashlib


def base64url(data: bytes) -> str:
    """Return bytes as text for URLs and headers: base64url without padding (RFC 4648 §5)."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def hashed(secret: bytes) -> bytes:
    """Return what is stored of a secret, 32 bytes; it is random, so a slow hash would add nothing."""
    return hashlib.sha256(secret).digest()
