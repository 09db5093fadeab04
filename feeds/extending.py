"""What a log must be for the next checkpoint of it to be signed: the one that was signed before, and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from feeds.checkpoints import SignedCheckpoint
from ledger.facts import export_line
from ledger.proofs.merkle import Frontier, Node, ProofError, leaf_hash, root_at
from ledger.proofs.notes import NoteError, Verifier, open_checkpoint
from ledger.recorder import LogRecorder


class CheckpointRefused(Exception):
    """A log is not, or no longer, what was signed: nothing more of it is signed until someone has looked."""

    def __init__(self, log: str, size: int, why: str) -> None:
        super().__init__(f"log {log} at size {size}: {why}: see `fairpool audit verify {log}`, then start again")
        self.log = log
        self.size = size


class Grown(NamedTuple):
    """What a log has come to, by its tree and by its events alike."""

    size: int
    root: bytes


def opened(log: str, note: str, verifiers: Iterable[Verifier], *, where: str) -> SignedCheckpoint:
    """Return the checkpoint of a note that one of our keys has signed; raises CheckpointRefused, naming `where`."""
    try:
        checkpoint = open_checkpoint(note, verifiers)
    except NoteError as error:
        raise CheckpointRefused(log, 0, f"a note in {where} is not ours: {error}") from error
    if checkpoint.origin.rpartition("/")[2] != log:
        raise CheckpointRefused(log, checkpoint.size, f"a note in {where} is of {checkpoint.origin}")
    return SignedCheckpoint(log, checkpoint.size, checkpoint.root, note)


def hold(node: Node, signed: SignedCheckpoint, *, where: str) -> None:
    """Make sure that the tree was at its size what the checkpoint says; raises CheckpointRefused, naming `where`."""
    try:
        root = root_at(node, signed.size)
    except ProofError as error:
        raise CheckpointRefused(signed.log, signed.size, f"the tree is damaged: {error}") from error
    if root != signed.root:
        raise CheckpointRefused(
            signed.log, signed.size, f"{where} says root {signed.root.hex()}, the tree now gives {root.hex()}"
        )


def grow(recorder: LogRecorder, node: Node, *, after: int, sizes: Sequence[int]) -> Iterator[Grown]:
    """Yield what the log comes to at some sizes, in order, from a size up to which the tree is known to be right.

    Each event behind is hashed again as it is stored. Raises CheckpointRefused where the tree says otherwise.
    """
    log = recorder.log
    try:
        frontier = Frontier.at(node, after)
        for size in sizes:
            for record in recorder.read_all(after=frontier.size, until=size):
                frontier.append(leaf_hash(export_line(record)))
            if frontier.size != size or frontier.root() != root_at(node, size):
                raise CheckpointRefused(log, size, f"the tree is not that of the events behind {after}")
            yield Grown(size, frontier.root())
    except ProofError as error:
        raise CheckpointRefused(log, after, f"the tree is damaged: {error}") from error
