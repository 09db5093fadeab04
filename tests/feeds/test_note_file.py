"""The file of signed notes outside the database."""

from __future__ import annotations

from pathlib import Path

import pytest

from feeds.note_file import NoteFile
from ledger.proofs.notes import Checkpoint, NoteError, Signer, join_notes, open_note, split_notes

SIGNERS = [Signer("fairpool.test", bytes([number]) * 32) for number in (1, 2)]
NOTES = [Checkpoint("fairpool.test/office", size, bytes(32)).signed(*SIGNERS) for size in range(1, 5)]


def test_notes_are_added_and_the_last_is_read(tmp_path: Path) -> None:
    """In the form in which notes are handed on; the folder is made."""
    file = NoteFile(tmp_path / "checkpoints" / "office.txt")
    assert file.last() is None
    file.append(NOTES[:1])
    assert file.last() == NOTES[0]
    file.append(NOTES[1:])
    assert file.last() == NOTES[-1]
    assert split_notes(file.path.read_text()) == NOTES


def test_a_note_torn_anywhere_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever part of the last one was written, the one before it is the last, and another can follow."""
    file = NoteFile(tmp_path / "office.txt")
    whole, last = join_notes(NOTES[:2]).encode(), join_notes(NOTES[2:3]).encode()
    signatures = last.index(b"\n\n") + 2
    for length in (1, 20, signatures - 1, signatures, signatures + 1, signatures + 2, len(last) - 40, len(last) - 1):
        file.path.write_bytes(whole + last[:length])
        assert file.last() == NOTES[1]
        assert file.path.read_bytes() == whole
        assert f"torn note of {length} bytes" in caplog.messages[-1]
    file.append(NOTES[2:])
    assert split_notes(file.path.read_text()) == NOTES


def test_a_file_that_never_held_a_whole_note_is_as_if_it_was_not_there(tmp_path: Path) -> None:
    """What a crash left of the first note goes."""
    file = NoteFile(tmp_path / "office.txt")
    for torn in ("", NOTES[0][:20], NOTES[0]):
        file.path.write_text(torn)
        assert file.last() is None
        assert file.path.read_bytes() == b""


@pytest.mark.parametrize(
    "said",
    [join_notes(NOTES * 3).replace("\n", "\r\n").encode(), b"\xff\n\n\xe2\x80\x94 \xff\n\n"],
    ids=["changed", "no text"],
)
def test_what_no_crash_leaves_stays_as_it_is(tmp_path: Path, said: bytes) -> None:
    """It is no note of ours, for whoever reads it, and the file keeps what was done to it."""
    file = NoteFile(tmp_path / "office.txt")
    file.append(NOTES)
    with file.path.open("ab") as handle:
        handle.write(said)
    before = file.path.read_bytes()
    last = file.last()
    assert last is not None
    with pytest.raises(NoteError):
        open_note(last, [signer.verifier for signer in SIGNERS])
    assert file.path.read_bytes() == before


def test_only_the_end_of_a_long_file_is_read(tmp_path: Path) -> None:
    """The last note is found behind more bytes than are read at once."""
    file = NoteFile(tmp_path / "office.txt")
    file.append(NOTES[:3] * 200)
    assert file.path.stat().st_size > 100_000
    assert file.last() == NOTES[2]
