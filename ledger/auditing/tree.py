"""The Merkle tree of a log, grown from its very lines, held against the checkpoints that were signed for it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from heapq import merge
from typing import NamedTuple

from ledger.auditing.findings import Finding
from ledger.ids import position_token
from ledger.proofs.merkle import Frontier, leaf_hashes
from ledger.proofs.notes import Checkpoint, NoteError, Verifier, open_checkpoint
from ledger.recorder import END


class Noted(NamedTuple):
    """A signed note, and where it stands: in the table under a token, or in a file."""

    at: str
    note: str


class TreeCheck:
    """Takes the lines of a log, and each signed checkpoint (in order of size) when the tree has come to its size.

    Signatures count if they are by one of the `verifiers`, whose name is the origin of the log in front of its own.
    Findings among the notes are passed on.
    """

    def __init__(self, log: str, *, notes: Iterable[Noted | Finding], verifiers: Sequence[Verifier]) -> None:
        self.log = log
        self.tree = Frontier()
        self.checkpoints = 0
        self._notes = iter(notes)
        self._verifiers = verifiers
        self._origins = {f"{verifier.name}/{log}" for verifier in verifiers}
        self._next: Checkpoint | None = None
        # The size at which the tree is looked at next.
        self._due = 0

    def take(self, lines: Sequence[bytes]) -> Iterator[Finding]:
        """Take the next lines, without LF."""
        hashes = leaf_hashes(lines)
        while hashes:
            yield from self._compare()
            grown = self._due - self.tree.size
            self.tree.extend(hashes[:grown])
            hashes = hashes[grown:]
        yield from self._compare()

    def end(self) -> Iterator[Finding]:
        """Return which checkpoints cover more than there is."""
        yield from self._compare()
        while self._next is not None:
            text = f"the log ends here, and a signed checkpoint covers {self._next.size} events"
            yield Finding("tree", position_token(self.log, self.tree.size), text)
            yield from self._advance()

    def _compare(self) -> Iterator[Finding]:
        """Hold the tree against the checkpoints of its size, and come to the first that is larger."""
        while self._due <= self.tree.size:
            if self._next is not None:
                yield from self._root(self._next)
            yield from self._advance()

    def _advance(self) -> Iterator[Finding]:
        """Come to the next checkpoint that can be relied on; where there is none, the tree grows undisturbed."""
        before, self._next, self._due = self._due, None, END
        for noted in self._notes:
            if isinstance(noted, Finding):
                yield noted
                continue
            checkpoint = yield from self._open(noted, before)
            if checkpoint is not None:
                self._next, self._due = checkpoint, checkpoint.size
                self.checkpoints += 1
                return

    def _open(self, noted: Noted, before: int) -> Generator[Finding, None, Checkpoint | None]:
        try:
            checkpoint = open_checkpoint(noted.note, self._verifiers)
        except NoteError as error:
            yield Finding("checkpoint", noted.at, str(error))
            return None
        if checkpoint.origin not in self._origins:
            yield Finding("checkpoint", noted.at, f"is of {checkpoint.origin}, not of log {self.log}")
            return None
        if checkpoint.size < before:
            yield Finding("checkpoint", noted.at, f"one of {checkpoint.size} events comes behind one of {before}")
            return None
        return checkpoint

    def _root(self, checkpoint: Checkpoint) -> Iterator[Finding]:
        root = self.tree.root()
        if checkpoint.root != root:
            text = f"the root of the events so far is {root.hex()}, the signed checkpoint has {checkpoint.root.hex()}"
            yield Finding("tree", position_token(self.log, checkpoint.size), text)


def in_both_places(table: Iterable[Noted], file: Iterable[Noted], *, name: str) -> Iterator[Noted | Finding]:
    """Yield the notes of the table and of the file called `name`, in order of size, each once.

    What is in the table is in the file too, up to where the file ends: it may be behind, where another process signs.
    What is in the file alone counts as well.
    """
    written: set[str] = set()
    missing: int | None = None
    reached = 0
    for size, is_in_table, noted in merge(_sized(table, in_table=True), _sized(file, in_table=False)):
        if size > reached:
            written, reached = set(), size
        if is_in_table:
            if noted.note in written:
                continue
            missing = missing or size
        else:
            if missing is not None and size > missing:
                yield Finding("checkpoint", name, f"lacks the checkpoint of {missing} events that is in the table")
                missing = None
            written.add(noted.note)
        yield noted


def _sized(notes: Iterable[Noted], *, in_table: bool) -> Iterator[tuple[int, bool, Noted]]:
    for noted in notes:
        size = noted.note.split("\n", 2)[1:2]
        yield (int(size[0]) if size and size[0].isdecimal() else 0), in_table, noted
