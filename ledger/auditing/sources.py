"""Where a log is read from: the database, or a file of export lines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from ledger.auditing.lines import Block, Leaf, LineReader, leaves
from ledger.facts import export_lines
from ledger.recorder import END, LogRecorder

# So few that the facts of a block are gone before the garbage collector looks at them, and while the processor's cache
# holds them: with 16 times as many a line takes a third longer.
_BLOCK_BYTES: Final = 1 << 14
_BLOCK_LINES: Final = 40


class Source(Protocol):
    """A log as it is: `size` events, in order of position; read a little at a time."""

    @property
    def log(self) -> str:
        """The name of the log."""

    @property
    def size(self) -> int:
        """How many events it says that it has."""

    def blocks(self) -> Iterator[Block]:
        """Yield its lines, some at a time, up to `size`."""

    def leaves(self) -> Iterator[Leaf]:
        """Yield its events, each with its line, up to `size`."""


class RecorderSource:
    """A log in the database, up to where it ended when this was made (or to `until`). Raises LogNotOpen."""

    def __init__(self, recorder: LogRecorder, *, until: int = END) -> None:
        self._recorder = recorder
        self.log = recorder.log
        self.size = min(recorder.head().position, until)

    def blocks(self) -> Iterator[Block]:
        """Yield the lines that an export has, with the records."""
        records = self._recorder.read_all(until=self.size)
        while block := list(islice(records, _BLOCK_LINES)):
            yield Block(export_lines(block), block)

    def leaves(self) -> Iterator[Leaf]:
        """Yield the events with the lines that an export of them has."""
        return leaves(self.blocks())


class FileSource:
    """A log in a file of export lines; its name is that of its first event. Raises LineError where there is none.

    `sha256` is the hash of the file once its blocks were read, if it was `hashed`.
    """

    def __init__(self, path: Path, *, hashed: bool = False) -> None:
        self.path = path
        self.sha256 = ""
        self._hashed = hashed
        with path.open("rb") as file:
            self.log = LineReader().record(file.readline().removesuffix(b"\n")).log
            file.seek(0)
            self.size = _lines(file)

    def blocks(self) -> Iterator[Block]:
        """Yield the lines; a last one without LF counts, and is told of."""
        sha256 = hashlib.sha256()
        for text in self.texts():
            if self._hashed:
                sha256.update(text)
            yield Block.of(text)
        self.sha256 = sha256.hexdigest()

    def texts(self) -> Iterator[bytes]:
        """Yield the texts of the same blocks, which are not hashed."""
        with self.path.open("rb") as file:
            while text := file.read(_BLOCK_BYTES) + file.readline():
                yield text

    def leaves(self) -> Iterator[Leaf]:
        """Yield the lines, each with what it holds."""
        return leaves(self.blocks())


def _lines(file: BinaryIO) -> int:
    """Return how many lines a file has, a last one without LF among them."""
    lines, last = 0, b"\n"
    while block := file.read(1 << 20):
        lines, last = lines + block.count(b"\n"), block
    return lines + (not last.endswith(b"\n"))
