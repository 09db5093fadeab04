"""An archived week, as far as the database still vouches for it: its tree, what was signed, and the office's list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from feeds.checkpoints import SignedCheckpoint
from ledger.archives import Archive
from ledger.auditing.findings import Finding
from ledger.events import WeekListed
from ledger.ids import position_token
from ledger.proofs.merkle import Node, ProofError, root_at
from ledger.proofs.notes import NoteError, Verifier, open_checkpoint


def archived(
    archive: Archive,
    *,
    listed: WeekListed | None,
    signed: SignedCheckpoint | None,
    node: Node,
    verifiers: Sequence[Verifier],
) -> Iterator[Finding]:
    """Yield where the size and root of an archive are not what the office lists, what was `signed` last, and the tree.

    The tree's tiles stay when the events go. The list has an earlier size than the archive, as a week is listed before
    it is sealed.
    """
    at = position_token(archive.log, archive.size)
    yield from _root(node, archive.size, archive.root.hex(), at=at, who="the archive")
    if listed is None:
        yield Finding("office", archive.log, "the week is archived, and the office does not list it")
    elif listed.size > archive.size:
        yield Finding("office", at, f"the archive ends here, and the office lists {listed.size} events")
    else:
        token = position_token(archive.log, listed.size)
        yield from _root(node, listed.size, listed.root, at=token, who="the office's list")
    if signed is None or signed.size != archive.size:
        yield Finding("checkpoint", at, "no signed checkpoint covers the archive")
        return
    try:
        checkpoint = open_checkpoint(signed.note, verifiers)
    except NoteError as error:
        yield Finding("checkpoint", at, str(error))
        return
    if (checkpoint.size, checkpoint.root) != (archive.size, archive.root):
        text = f"the archive has root {archive.root.hex()}, the signed checkpoint {checkpoint.root.hex()}"
        yield Finding("checkpoint", at, text)


def _root(node: Node, size: int, said: str, *, at: str, who: str) -> Iterator[Finding]:
    try:
        found = root_at(node, size).hex()
    except ProofError as error:
        yield Finding("tree", at, f"the tree is damaged: {error}")
        return
    if found != said:
        yield Finding("tree", at, f"{who} says root {said}, the tree gives {found}")
