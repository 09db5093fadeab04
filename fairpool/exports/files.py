"""Files that are written beside their place, hashed on the way, and moved into it when all is well."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol


class Out(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Take bytes and return how many."""


class Draft:
    """A file that is not in its place yet; it takes bytes in order, and knows their number and SHA-256."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._part = path.with_name(path.name + ".part")
        self._hash = hashlib.sha256()
        self._file = self._part.open("wb")

    @property
    def sha256(self) -> str:
        """The hash of what was written, in hex."""
        return self._hash.hexdigest()

    def write(self, data: bytes, /) -> int:
        """Write bytes behind those before."""
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def keep(self) -> None:
        """Move the file into its place, where it stays whole even if the machine stops now."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._part.replace(self.path)

    def drop(self) -> None:
        """Leave nothing of it; one that was kept stays."""
        try:
            # Where the disk is full, what is not written yet cannot be.
            self._file.close()
        finally:
            self._part.unlink(missing_ok=True)


@contextmanager
def drafts(paths: Sequence[Path]) -> Iterator[list[Draft]]:
    """Give a draft of each file. When the block ends well they move into place in order, else nothing is left of them.

    The last one vouches for the others: an older file in its place goes before any of them is moved.
    """
    made: list[Draft] = []
    with ExitStack() as stack:
        for path in paths:
            made.append(Draft(path))
            stack.callback(made[-1].drop)
        yield made
        if len(made) > 1:
            made[-1].path.unlink(missing_ok=True)
        for draft in made:
            draft.keep()
