"""The two secrets of a service: the master of the seed chain, and the key that signs access tokens.

They come from the settings, or from files under the data directory, made at the first start and readable by their
owner alone. Losing the master ends the seed chain; losing the key ends every session.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from fairpool.settings import Settings

_BYTES = 32


class SecretUnusable(Exception):
    """A secret is not of the form that it must have."""


def seed_master(settings: Settings) -> bytes:
    """Return the 32 bytes that the seed chain ends in; raises SecretUnusable."""
    return _secret(settings.seed_master, settings.data, "seed_master")


def token_key(settings: Settings) -> bytes:
    """Return the 32 bytes of the Ed25519 key for access tokens; raises SecretUnusable."""
    return _secret(settings.token_key, settings.data, "token_key")


def _secret(given: SecretStr | None, data: Path, name: str) -> bytes:
    text = given.get_secret_value() if given is not None else _kept(data / "secrets" / name)
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != _BYTES:
        raise SecretUnusable(f"{name} is {_BYTES} bytes in hex: make one with `openssl rand -hex {_BYTES}`")
    return secret


def _kept(path: Path) -> str:
    """Return what a file holds, made up at the first time. It is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return path.read_text()
