"""The register of a log: its signed checkpoints in both their places, the table and the file outside the database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from feeds.checkpoints import Checkpoints, SignedCheckpoint
from feeds.extending import CheckpointRefused, hold, opened
from feeds.note_file import NoteFile
from ledger.proofs.merkle import Node
from ledger.proofs.notes import Verifier
from ledger.recorder import LogRecorder
from projections.tree import Trees

_log = logging.getLogger(__name__)


class TreeBehind(Exception):
    """The tree has not come to what is signed, as while it is made anew: it is waited for."""


class Register:
    """Reads and adds to one log's checkpoints, which the caller holds (`Checkpoints.held`).

    What stands in it counts only if one of the `verifiers` has signed it, and the log still is what it says.
    """

    def __init__(
        self,
        recorder: LogRecorder,
        *,
        trees: Trees,
        checkpoints: Checkpoints,
        file: NoteFile,
        verifiers: Iterable[Verifier],
        clock: Callable[[], datetime],
    ) -> None:
        self._recorder = recorder
        self._log = recorder.log
        self._trees = trees
        self._checkpoints = checkpoints
        self._file = file
        self._verifiers = tuple(verifiers)
        self._clock = clock
        self.node: Node = trees.node(self._log)

    def newest(self, remembered: SignedCheckpoint | None) -> SignedCheckpoint | None:
        """Return the newest checkpoint by table, file and the caller's memory, with table and file brought up to it.

        Raises CheckpointRefused where the log is not what one of them says, or TreeBehind.
        """
        row, note = self._checkpoints.newest(self._log), self._file.last()
        table = self._opened_row(row) if row else None
        written = opened(self._log, note, self._verifiers, where=str(self._file.path)) if note else None
        signed = [(table, "the table"), (written, str(self._file.path)), (remembered, "the notary's memory")]
        known = [(each, where) for each, where in signed if each is not None]
        if not known:
            return None
        newest = max((each for each, _ in known), key=lambda each: each.size)
        self._await_tree(newest)
        for each, where in known:
            hold(self.node, each, where=where)
        self._bring_up(newest, table=table, written=written)
        return newest

    def add(self, checkpoint: SignedCheckpoint) -> None:
        """Add a checkpoint, to the file first: what is in the table was shown to the outside before."""
        self._file.append([checkpoint.note])
        self._checkpoints.add(checkpoint, signed_at=self._clock())

    def _opened_row(self, row: SignedCheckpoint) -> SignedCheckpoint:
        checkpoint = opened(self._log, row.note, self._verifiers, where="the table")
        if checkpoint != row:
            raise CheckpointRefused(self._log, row.size, "its row in the table is not what its note says")
        return row

    def _await_tree(self, newest: SignedCheckpoint) -> None:
        if self._trees.size(self._log) >= newest.size:
            return
        head = self._recorder.head().position
        if head < newest.size:
            raise CheckpointRefused(self._log, newest.size, f"this was signed, and the log now ends at {head}")
        raise TreeBehind(f"the tree of {self._log} has not come to {newest.size}, which is signed")

    def _bring_up(
        self, newest: SignedCheckpoint, *, table: SignedCheckpoint | None, written: SignedCheckpoint | None
    ) -> None:
        """Write into the file what only the table has, and into the table what a crash left in the file alone."""
        if written is None and table is not None:
            _log.warning("%s is missing: it is written anew from the table", self._file.path)
        if written is None or written.size < newest.size:
            self._file.append(self._only_in_table(after=written.size if written else 0, until=newest.size))
            if table is None or table.size < newest.size:
                self._file.append([newest.note])
        if table is None or table.size < newest.size:
            _log.warning("the table has no checkpoint of %s at %d: it is added", self._log, newest.size)
            self._checkpoints.add(newest, signed_at=self._clock())

    def _only_in_table(self, *, after: int, until: int) -> Iterator[str]:
        for row in self._checkpoints.all(self._log, until, after=after):
            hold(self.node, self._opened_row(row), where="the table")
            yield row.note
