"""The file of a log's signed notes, outside the database: only ever added to, and durable before the table is.

An empty line stands behind each note (`join_notes`). A crash may leave the last one torn: it is cut off again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ledger.proofs.notes import join_notes

_BLANK: Final = b"\n\n"
_SIGNATURE: Final = "— ".encode()
_TAIL_BYTES: Final = 65_536
# No note is longer. A file that somebody has changed throughout is evidence, and is not cut away.
_TORN_BYTES: Final = 2_048
_log = logging.getLogger(__name__)


class NoteFile:
    """One log's file. Whoever writes holds the log's checkpoints (`Checkpoints.held`): nobody else is at it then."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def last(self) -> str | None:
        """Return the last whole note, None where there is none; a torn one behind it is cut off.

        Where more stands behind it than a crash can leave, that is returned, which is no note, and nothing is cut off.
        """
        if not self.path.exists():
            return None
        size = self.path.stat().st_size
        with self.path.open("rb") as file:
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
        blocks, torn = _whole(tail)
        if torn > _TORN_BYTES:
            return tail[-_TORN_BYTES:].decode(errors="replace")
        if torn:
            _log.warning("%s ends in a torn note of %d bytes: it is cut off", self.path, torn)
            self._cut(size - torn)
        return (_BLANK.join(blocks[-2:]) + b"\n").decode(errors="replace") if blocks else None

    def append(self, notes: Iterable[str]) -> None:
        """Add notes; they are on the disk when this returns."""
        is_new = not self.path.exists()
        if is_new:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(join_notes(notes).encode())
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            _sync_folder(self.path.parent)

    def _cut(self, size: int) -> None:
        with self.path.open("r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())


def _whole(tail: bytes) -> tuple[list[bytes], int]:
    """Return the blocks, text and signatures in turn, up to the last whole note, and how many bytes follow it."""
    *blocks, rest = tail.split(_BLANK)
    torn = len(rest)
    while blocks and not blocks[-1].startswith(_SIGNATURE):
        torn += len(blocks.pop()) + len(_BLANK)
    return blocks, torn


def _sync_folder(folder: Path) -> None:
    """Make a file's name as durable as what is in it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
