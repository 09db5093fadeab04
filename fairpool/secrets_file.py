"""The secrets of a service: the master of the seed chain, and the keys of access tokens, checkpoints and pseudonyms.

They come from the settings, or from files under the data directory, made at the first start and readable by their
owner alone. Losing the master ends the seed chain; losing the signing key ends every access token;
losing the key of checkpoints leaves nobody to vouch for the next;
losing the key of pseudonyms makes devices unknown, and lets go of the restrictions of the erased.

Of retired keys only the public half is kept, as `<64 hex digits>@<when it is accepted until>`, one after another.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import SecretStr

from api.identity.token_keys import RetiredKey, SigningKey
from fairpool.settings import Settings
from ledger.mendable import Mendable
from ledger.proofs.notes import Signer

_BYTES: Final = 32
_TOKEN_KEY: Final = "token_key"
_RETIRED: Final = "token_keys_retired"
_LOG_KEY: Final = "log_key"
_NEXT_LOG_KEY: Final = "log_key_next"


class SecretUnusable(Mendable):
    """A secret is not of the form that it must have."""


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The key that signs access tokens, and those that did before."""

    signing: SigningKey
    retired: tuple[RetiredKey, ...]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation came to. `to_set` is empty where the files were changed, else the settings to make."""

    keys: TokenKeys
    to_set: tuple[str, ...]


def seed_master(settings: Settings) -> bytes:
    """Return the 32 bytes that the seed chain ends in; raises SecretUnusable."""
    return _secret(settings.seed_master, settings.data, "seed_master")


def people_key(settings: Settings) -> bytes:
    """Return the 32 bytes under which devices, and addresses of the erased, are hashed; raises SecretUnusable."""
    return _secret(settings.people_key, settings.data, "people_key")


def log_signer(settings: Settings) -> Signer:
    """Return the Ed25519 key that signs checkpoints, under the name of `origin`; raises SecretUnusable."""
    return Signer(settings.origin, _secret(settings.log_key, settings.data, _LOG_KEY))


def next_log_key(settings: Settings) -> bytes:
    """Return the 32 bytes of the key that is to sign checkpoints next, made up at the first time.

    A rotation that was broken off goes on with the same key.
    """
    secret = _secret(None, settings.data, _NEXT_LOG_KEY)
    if secret == _secret(settings.log_key, settings.data, _LOG_KEY):
        # The one that was made for the last rotation was set, and signs.
        (settings.data / "secrets" / _NEXT_LOG_KEY).unlink()
        secret = _secret(None, settings.data, _NEXT_LOG_KEY)
    return secret


def take_next_log_key(settings: Settings) -> None:
    """Let the next key sign checkpoints from now on: running services take it up. The old one is gone."""
    folder = settings.data / "secrets"
    (folder / _NEXT_LOG_KEY).replace(folder / _LOG_KEY)


def token_keys(settings: Settings) -> TokenKeys:
    """Return the Ed25519 keys for access tokens; raises SecretUnusable."""
    return TokenKeys(SigningKey.of(_secret(settings.token_key, settings.data, _TOKEN_KEY)), _retired(settings))


def rotate_token_key(settings: Settings, *, now: datetime, accepted_for: timedelta) -> Rotation:
    """Make a new signing key; what the old one signed is accepted for a while. Raises SecretUnusable.

    Running services keep the keys that they started with.
    """
    old, new = token_keys(settings), secrets.token_hex(_BYTES)
    retiring = RetiredKey(old.signing.private.public_key(), (now + accepted_for).timestamp())
    retired = tuple(key for key in (retiring, *old.retired) if key.until > now.timestamp())
    keys, text = TokenKeys(SigningKey.of(bytes.fromhex(new)), retired), _written(retired)
    if settings.token_key is not None:
        return Rotation(keys, (f"FAIRPOOL_TOKEN_KEY={new}", f"FAIRPOOL_TOKEN_KEYS_RETIRED={text}"))
    # In this order no crash in between leaves a key that signed and is not accepted.
    _write(settings.data / "secrets" / _RETIRED, text)
    _write(settings.data / "secrets" / _TOKEN_KEY, new)
    return Rotation(keys, ())


def _retired(settings: Settings) -> tuple[RetiredKey, ...]:
    path = settings.data / "secrets" / _RETIRED
    text = settings.token_keys_retired
    if settings.token_key is None and path.exists():
        text = f"{text} {path.read_text()}"
    try:
        return tuple(_read(each) for each in text.replace(",", " ").split())
    except ValueError as error:
        raise SecretUnusable(f"retired keys are `<public key in hex>@<time>`, comma-separated: {error}") from error


def _read(text: str) -> RetiredKey:
    public, _, until = text.partition("@")
    at = datetime.fromisoformat(until)
    if at.tzinfo is None:
        raise ValueError(f"{until} has no time zone")
    return RetiredKey(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)), at.timestamp())


def _written(keys: Iterable[RetiredKey]) -> str:
    return ",".join(
        f"{key.public.public_bytes_raw().hex()}@{datetime.fromtimestamp(key.until, UTC).isoformat()}" for key in keys
    )


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
    """Return what a file holds, made up at the first time: once, whichever of several processes is the first."""
    if not path.exists():
        with _alone(path.parent):
            if not path.exists():
                _write(path, secrets.token_hex(_BYTES))
    return path.read_text()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep out of a folder, made if it is missing, whoever else wants to be alone in it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _write(path: Path, text: str) -> None:
    """Write a file that its owner alone may read. It is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
