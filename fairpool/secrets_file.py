"""The two secrets of a service: the master of the seed chain, and the key that signs access tokens.

They come from the settings, or from files under the data directory, made at the first start and readable by their
owner alone. Losing the master ends the seed chain; losing the key ends every session.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from fairpool.settings import Settings


class SecretUnusable(Exception):
    """A secret is not of the form that it must have."""


def seed_master(settings: Settings) -> bytes:
    """Return the 32 bytes that the seed chain ends in; raises SecretUnusable."""
    text = _secret(settings.seed_master, settings.data, "seed_master", _new_master)
    try:
        master = bytes.fromhex(text.strip())
    except ValueError:
        master = b""
    if len(master) != 32:
        raise SecretUnusable("the seed master is 32 bytes in hex: make one with `openssl rand -hex 32`")
    return master


def token_key(settings: Settings) -> str:
    """Return the Ed25519 private key for access tokens, in PEM."""
    return _secret(settings.token_key, settings.data, "token_key.pem", _new_key)


def _secret(given: SecretStr | None, data: Path, name: str, make: Callable[[], str]) -> str:
    if given:
        return given.get_secret_value()
    folder = data / "secrets"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.exists():
        draft = folder / f"{name}.{os.getpid()}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return path.read_text()


def _new_master() -> str:
    return secrets.token_hex(32)


def _new_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
