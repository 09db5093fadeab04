"""Where a log is read from: the database, or a file of export lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from ledger.auditing.lines import Leaf, LineReader
from ledger.facts import export_line
from ledger.recorder import END, LogRecorder

_BLOCK = 1 << 20


class Source(Protocol):
    """A log as it is: `size` events, in order of position; read a little at a time."""

    @property
    def log(self) -> str:
        """The name of the log."""

    @property
    def size(self) -> int:
        """How many events it says that it has."""

    def leaves(self) -> Iterator[Leaf]:
        """Yield its events, each with its line, up to `size`."""


class RecorderSource:
    """A log in the database, up to where it ended when this was made (or to `until`). Raises LogNotOpen."""

    def __init__(self, recorder: LogRecorder, *, until: int = END) -> None:
        self._recorder = recorder
        self.log = recorder.log
        self.size = min(recorder.head().position, until)

    def leaves(self) -> Iterator[Leaf]:
        """Yield the events with the lines that an export of them has."""
        for record in self._recorder.read_all(until=self.size):
            yield Leaf(export_line(record), record)


class FileSource:
    """A log in a file of export lines; its name is that of its first event. Raises LineError where there is none.

    `taken` is given all bytes of the file as they are read, for whoever hashes them.
    """

    def __init__(self, path: Path, *, taken: Callable[[bytes], object] = len) -> None:
        self.path = path
        self._taken = taken
        self._reader = LineReader()
        with path.open("rb") as file:
            self.log = self._reader.record(file.readline().removesuffix(b"\n")).log
            file.seek(0)
            self.size = _lines(file)

    def leaves(self) -> Iterator[Leaf]:
        """Yield the lines, each with what it holds; a last one without LF counts, and is told of."""
        with self.path.open("rb") as file:
            for line in file:
                self._taken(line)
                if line.endswith(b"\n"):
                    yield self._reader.leaf(line[:-1])
                else:
                    yield Leaf(line, None, "is cut off: no LF stands behind it")


def _lines(file: BinaryIO) -> int:
    """Return how many lines a file has, a last one without LF among them."""
    lines, last = 0, b"\n"
    while block := file.read(_BLOCK):
        lines, last = lines + block.count(b"\n"), block
    return lines + (not last.endswith(b"\n"))
