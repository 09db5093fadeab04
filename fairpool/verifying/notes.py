"""Signed notes as they stand in a file (`ledger.proofs.notes.join_notes`), read one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ledger.auditing.tree import Noted


def notes_in(path: Path) -> Iterator[Noted]:
    """Yield the notes of a file. One that is cut off, or is none, comes out as what it is: nobody has signed that."""
    blocks: list[str] = []
    block: list[str] = []
    # What is no text is no note either, and shows as one that is not signed.
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            if line != "\n":
                block.append(line)
                continue
            blocks.append("".join(block))
            block = []
            if len(blocks) == 2:
                yield Noted(path.name, "\n".join(blocks))
                blocks = []
    if blocks or block:
        yield Noted(path.name, "\n".join([*blocks, "".join(block)]))
