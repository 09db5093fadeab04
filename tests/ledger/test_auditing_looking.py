"""Two processes that read a file find what one finds, in the same order, and neither is fooled by the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import pytest

from ledger.auditing import looking
from ledger.auditing.findings import Finding
from ledger.auditing.looking import FileChanged, LookerDied, looks
from ledger.auditing.sources import FileSource
from ledger.auditing.tree import Noted, TreeCheck
from ledger.auditing.verifying import checks_of, verify
from ledger.events import EntryEnrolled, Event, WeekOpened
from ledger.facts import Fact, export_lines, record_of
from ledger.proofs.merkle import Frontier, leaf_hashes
from ledger.proofs.notes import Checkpoint, Signer
from tests.examples import WEEK, week_opened
from tests.given import recorded_at

SIGNER = Signer("fairpool.test", bytes(range(32)))
# The tests' own runner may have other threads, of which the other process asks nothing.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")

EVENTS = 200


def enrolled(opened: Event, number: int) -> Event:
    """The so manieth entry."""
    assert isinstance(opened, WeekOpened)
    return EntryEnrolled(entry=UUID(int=number), payment_id=None, rules_hash=opened.rules_hash, via="free")


def text() -> bytes:
    """A log of some blocks, in which each stream has one event."""
    events = [week_opened(), *(enrolled(week_opened(), number) for number in range(1, EVENTS))]
    facts = [
        Fact(
            log=WEEK,
            stream=UUID(int=position),
            version=1,
            event=event,
            actor="tester",
            request=f"request {position}",
            position=position,
            recorded_at=recorded_at(1 + position // 50),
        )
        for position, event in enumerate(events, start=1)
    ]
    return b"\n".join(export_lines(map(record_of, facts))) + b"\n"


def note(size: int, *, of: bytes) -> Noted:
    """A signed checkpoint of the first lines of a text."""
    tree = Frontier()
    tree.extend(leaf_hashes(of.splitlines()[:size]))
    return Noted(str(size), Checkpoint(f"{SIGNER.verifier.name}/{WEEK}", size, tree.root()).signed(SIGNER))


def tree_check() -> TreeCheck:
    """A tree with one checkpoint inside it, and one of what is behind its honest end."""
    honest = text()
    return TreeCheck(WEEK, notes=[note(150, of=honest), note(EVENTS + 1, of=honest)], verifiers=[SIGNER.verifier])


def found(path: Path, *, beside: bool) -> tuple[list[Finding], int, bytes, int, str]:
    """All that is wrong with a file, and what it came to."""
    source, tree = FileSource(path, hashed=True), tree_check()
    findings = verify(source, tree, checks_of(WEEK), progress=lambda done, total: None, beside=beside)
    return list(findings), tree.tree.size, tree.tree.root(), tree.checkpoints, source.sha256


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda text: text,
    "a letter": lambda text: text.replace(b"request 120", b"requesT 120"),
    "a space": lambda text: text.replace(b'"position":120', b'"position": 120'),
    "a version": lambda text: text.replace(b'"position":120', b'"position":121'),
    "a topic": lambda text: text.replace(b"entry.enrolled", b"entry.invented", 60),
    "the end": lambda text: text[:-10],
    "a line": lambda text: b"\n".join(line for line in text.split(b"\n") if b"request 70" not in line),
}


@pytest.mark.parametrize("change", CHANGES)
def test_two_processes_find_what_one_finds(tmp_path: Path, change: str) -> None:
    """All findings in their order, the tree, its checkpoints and the hash of the file, whatever was changed."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(CHANGES[change](text()))
    alone = found(path, beside=False)
    assert found(path, beside=True) == alone
    assert alone[0], "the week of these lines is not even honest"


def test_file_that_is_written_to_meanwhile_is_refused(tmp_path: Path) -> None:
    """What was hashed is what was checked, or nothing is said of it."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(text())
    seen = looks(FileSource(path), tree_check(), None, beside=True)
    next(seen)
    # Both have read the first block, and the other process the last one, which it tells of in one message.
    path.write_bytes(text().replace(b"request 199", b"requesT 199"))
    with pytest.raises(FileChanged, match=r"events\.jsonl was written to"):
        list(seen)


def test_end_of_the_other_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was killed leaves no audit that seems to have ended well."""
    monkeypatch.setattr(looking, "_see", lambda *_: os._exit(3))
    path = tmp_path / "events.jsonl"
    path.write_bytes(text())
    with pytest.raises(LookerDied, match="ended with 3"):
        found(path, beside=True)


def test_error_of_the_other_process_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it had happened here."""

    def fail(*_: object) -> Iterator[NoReturn]:
        raise OSError("the disk is gone")

    monkeypatch.setattr(looking, "_see", fail)
    path = tmp_path / "events.jsonl"
    path.write_bytes(text())
    with pytest.raises(OSError, match="the disk is gone"):
        found(path, beside=True)
