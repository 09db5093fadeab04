"""What the bytes of a log show before anyone asks what they mean: its tree, and whether they are canonical.

That is nearly half the work of an audit. A long file is read by two processes: one looks at the bytes, the other takes
the facts from the same blocks and checks them as soon as they are found to be canonical. Decoding, a sixth of the work,
is done twice for it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final, NamedTuple
from zlib import crc32

from ledger.auditing.findings import Finding
from ledger.auditing.lines import Block, LineReader
from ledger.auditing.office import WeekInOffice
from ledger.auditing.sources import FileSource, Source
from ledger.auditing.tree import TreeCheck
from ledger.facts import Fact
from ledger.ids import position_token
from ledger.mendable import Mendable
from ledger.proofs.merkle import Frontier

# A shorter file is read by one process before a second would have begun.
_LONG_BYTES: Final = 1 << 22
_BLOCKS_A_MESSAGE: Final = 16


class FileChanged(Mendable):
    """A file was written to while it was read."""


class LookerDied(Mendable):
    """The process that looks at the bytes was killed."""


class Look(NamedTuple):
    """Consecutive events: what their bytes show, and their facts.

    Where the lines cannot be read at once `facts` is None, and `judged` yields the fact of each, None where it cannot
    be read, and what is wrong with how it is written.
    """

    findings: Sequence[Finding]
    facts: list[Fact] | None
    judged: Iterator[tuple[Fact | None, str]] = iter(())


class _Seen(NamedTuple):
    """What the other process found in a block."""

    checksum: int
    findings: Sequence[Finding]
    is_readable: bool


class _End(NamedTuple):
    """What it found at the end, the tree as it is there, and the hash of the file."""

    findings: Sequence[Finding]
    tree: Frontier
    checkpoints: int
    sha256: str


def looks(
    source: Source, tree: TreeCheck, office: WeekInOffice | None, *, beside: bool | None = None
) -> Iterator[Look]:
    """Yield what there is to see, block by block, and what is missing last; the tree has grown to its end then.

    `beside`: whether another process looks at a file; unless told, one does where that is quicker. Raises FileChanged
    or LookerDied.
    """
    if isinstance(source, FileSource) and (_is_worth_it(source) if beside is None else beside):
        return _looks_beside(source, tree, office)
    return _looks(source, tree, office)


def _is_worth_it(source: FileSource) -> bool:
    # A fork takes nothing but the thread that asks for it, so there may be no other; elsewhere it is not safe at all.
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    return len(os.sched_getaffinity(0)) > 1 and source.path.stat().st_size >= _LONG_BYTES


def _looks(source: Source, tree: TreeCheck, office: WeekInOffice | None) -> Iterator[Look]:
    reader = LineReader()
    for block in source.blocks():
        findings = list(_grow(tree, block.lines, office))
        facts = reader.facts(block)
        yield Look(findings, None, reader.judged(block)) if facts is None else Look(findings, facts)
    yield Look(list(_end(source, tree)), [])


def _looks_beside(source: FileSource, tree: TreeCheck, office: WeekInOffice | None) -> Iterator[Look]:
    reader = LineReader()
    with _running(source, tree, office) as seen:
        for text in source.texts():
            block = next(seen)
            if not isinstance(block, _Seen) or block.checksum != crc32(text):
                raise FileChanged(f"{source.path} was written to while it was read: verify a copy of it")
            if block.is_readable:
                yield Look(block.findings, reader.facts_of_canonical(text))
            else:
                yield Look(block.findings, None, reader.judged(Block.of(text)))
        end = next(seen)
        if not isinstance(end, _End):
            raise FileChanged(f"{source.path} was written to while it was read: verify a copy of it")
        tree.tree, tree.checkpoints, source.sha256 = end.tree, end.checkpoints, end.sha256
        yield Look(end.findings, [])


@contextmanager
def _running(source: FileSource, tree: TreeCheck, office: WeekInOffice | None) -> Iterator[Iterator[_Seen | _End]]:
    """Run a process that looks at a file, and yield what it sees; it ends with the block."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, ours, source, tree, office), daemon=True)
    process.start()
    theirs.close()
    try:
        yield _told(ours, process)
    finally:
        # Whoever still writes to it fails.
        ours.close()
        process.join()


def _told(pipe: Connection, process: BaseProcess) -> Iterator[_Seen | _End]:
    while True:
        try:
            said: list[_Seen | _End] | Exception = pipe.recv()
        except EOFError:
            process.join()
            raise LookerDied(f"the process that hashes ended with {process.exitcode}: verify again") from None
        if isinstance(said, Exception):
            raise said
        yield from said


def _tell(
    pipe: Connection, theirs: Connection, source: FileSource, tree: TreeCheck, office: WeekInOffice | None
) -> None:
    """What the other process does. An interrupt is for the one that started it, with which it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    theirs.close()
    with suppress(BrokenPipeError):
        try:
            seen = _see(source, tree, office)
            while some := list(islice(seen, _BLOCKS_A_MESSAGE)):
                pipe.send(some)
            pipe.send([_End(list(_end(source, tree)), tree.tree, tree.checkpoints, source.sha256)])
        except BrokenPipeError:
            raise
        except Exception as error:
            pipe.send(error)


def _see(source: FileSource, tree: TreeCheck, office: WeekInOffice | None) -> Iterator[_Seen]:
    reader = LineReader()
    for block in source.blocks():
        findings = list(_grow(tree, block.lines, office))
        yield _Seen(crc32(block.text), findings, reader.facts(block) is not None)


def _grow(tree: TreeCheck, lines: Sequence[bytes], office: WeekInOffice | None) -> Iterator[Finding]:
    """Let the tree grow by some lines, and hold it against the office's list at the size that this names."""
    listed = office.listed.size if office and office.listed else 0
    before = max(0, listed - tree.tree.size)
    if office is not None and 0 < before <= len(lines):
        yield from tree.take(lines[:before])
        yield from office.root(listed, tree.tree.root())
        lines = lines[before:]
    yield from tree.take(lines)


def _end(source: Source, tree: TreeCheck) -> Iterator[Finding]:
    if tree.tree.size != source.size:
        at = position_token(source.log, tree.tree.size)
        yield Finding("position", at, f"is the last event, and there should be {source.size}")
    yield from tree.end()
