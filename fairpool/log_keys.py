"""The notary of a service, and how its key gives way to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fairpool.secrets_file import log_signer, next_log_key, take_next_log_key
from fairpool.settings import Settings
from feeds.checkpoints import Checkpoints
from feeds.extending import CheckpointRefused
from feeds.notary import PURPOSE, Notary
from ledger import publishing
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.mendable import Mendable
from ledger.proofs.notes import Signer, Verifier
from projections.catalogue import projections
from projections.runner import Runner
from projections.tree import Trees

_TREE_PATIENCE_SECONDS: Final = 30.0


class NotVouchedFor(Mendable):
    """No checkpoint of the office by the old key covers the new one, so the old one was not put away."""


class KeySigns(Mendable):
    """The key that is to be retired is the one that signs: nothing would be signed any more."""


@dataclass(frozen=True, slots=True)
class LogRotation:
    """What a rotation came to. `to_set` is the setting to make where the key comes from the settings, else None."""

    old: Verifier
    new: Verifier
    to_set: str | None


def notary(settings: Settings, ledger: Ledger, *, signer: Callable[[], Signer] | None = None) -> Notary:
    """Build the notary of a ledger; it asks for the key each time it signs, so it takes up a new one.

    Raises SecretUnusable where the settings have a key that is none.
    """
    if settings.log_key is not None:
        log_signer(settings)
    return Notary(
        ledger,
        trees=Trees(ledger.datastore),
        checkpoints=Checkpoints(ledger.datastore),
        signer=signer or (lambda: log_signer(settings)),
        folder=settings.checkpoints_folder,
    )


def rotate_log_key(settings: Settings, ledger: Ledger, *, actor: str) -> LogRotation:
    """Make a new key for checkpoints: published, covered by a checkpoint of the old key, and only then in use.

    Where the key comes from the settings, the operator sets the new one, and retires the old one when no service
    signs with it any more. Raises NotVouchedFor; asked again, it goes on with the same new key.
    """
    old, secret = log_signer(settings), next_log_key(settings)
    new = Signer(settings.origin, secret).verifier
    _vouch(settings, ledger, old, new, actor=actor)
    if settings.log_key is not None:
        return LogRotation(old.verifier, new, f"FAIRPOOL_LOG_KEY={secret.hex()}")
    take_next_log_key(settings)
    for key in publishing.keys(ledger):
        if key.purpose == PURPOSE and key.retired_at is None and key.key_id != new.key_id.hex():
            retire_log_key(settings, ledger, key_id=key.key_id, actor=actor)
    return LogRotation(old.verifier, new, None)


def retire_log_key(settings: Settings, ledger: Ledger, *, key_id: str, actor: str) -> None:
    """Let a key sign no more checkpoints; what it has signed stands. Raises KeyNotInUse, KeySigns."""
    if key_id == log_signer(settings).verifier.key_id.hex():
        raise KeySigns(f"key {key_id} signs here: `fairpool keys rotate --log` makes its successor first")
    publishing.retire_key(ledger, key_id=key_id, actor=actor, request=f"key/{key_id}/retire")


def _vouch(settings: Settings, ledger: Ledger, old: Signer, new: Verifier, *, actor: str) -> None:
    """Publish the new key, and have the old one sign the office's log with it."""
    key_id = new.key_id.hex()
    added = publishing.add_key(
        ledger, key_id=key_id, public_key=str(new), purpose=PURPOSE, actor=actor, request=f"key/{key_id}"
    )
    runner = Runner(ledger.datastore, projections("tree"))
    while runner.step():
        pass
    runner.wait_for(OFFICE, added.position, timeout=_TREE_PATIENCE_SECONDS)
    try:
        notary(settings, ledger, signer=lambda: old).step(now=0.0, forced=True)
    except CheckpointRefused as error:
        # Another log that is refused does not keep the office's key from being changed.
        if error.log == OFFICE:
            raise
    if Checkpoints(ledger.datastore).covering(OFFICE, added.position) is None:
        raise NotVouchedFor(
            f"key {key_id} is at {added.token} and no checkpoint has come to it: "
            "see `fairpool projections status`, then ask again"
        )
