"""What the service has published about a log beside its events: the keys that it signs with, and what they signed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from feeds.checkpoints import Checkpoints
from ledger import publishing
from ledger.ledger import Ledger

_PURPOSE: Final = "checkpoints"


@dataclass(frozen=True, slots=True)
class Published:
    """`origin` names the log in its checkpoints, `keys` are verifier key texts.

    `notes` gives the signed checkpoints up to a size of the log, in order of size.
    """

    origin: str
    keys: tuple[str, ...]
    notes: Callable[[int], Iterable[str]]


def published(ledger: Ledger, *, log: str, origin: str) -> Published:
    """Return what is published about a log: keys by the office, also those that are retired, notes by the notary.

    `origin` is that of the service, as in its settings. What is signed later is left out: the key may be a newer one.
    """
    checkpoints = Checkpoints(ledger.datastore)
    newest = checkpoints.newest(log)
    signed_to = newest.size if newest else 0
    return Published(
        origin=f"{origin}/{log}",
        keys=tuple(key.public_key for key in publishing.keys(ledger) if key.purpose == _PURPOSE),
        notes=lambda size: (checkpoint.note for checkpoint in checkpoints.all(log, until=min(size, signed_to))),
    )
