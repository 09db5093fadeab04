"""Signed notes and checkpoints, held against those that others signed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proofs.merkle import leaf_hash
from ledger.proofs.notes import (
    Checkpoint,
    NoteError,
    Signer,
    Verifier,
    join_notes,
    open_checkpoint,
    open_note,
    split_notes,
)
from tests.ledger.proofs.trees import Rekor

# The example of the C2SP signed-note specification.
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

# The examples of Go's package x/mod/sumdb/note, with the secret of its first key.
PETER_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = bytes.fromhex("810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173")
ENOCH_KEY = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
PETER_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)

OURS = Signer("fairpool.test", bytes(range(32)))
NEXT = Signer("fairpool.test", bytes(range(1, 33)))
CHECKPOINT = Checkpoint("fairpool.test/2026-W47", 5123, leaf_hash(b"root"))


@pytest.mark.parametrize("text", [EXAMPLE_KEY, PETER_KEY, ENOCH_KEY, Rekor.KEY])
def test_a_verifier_key_is_written_as_others_write_it(text: str) -> None:
    """A key read and written again is the same text: name, key id and key are understood."""
    assert str(Verifier.parse(text)) == text
    assert Verifier.parse(f" {text}\n") == Verifier.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "two words+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fog+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    ],
)
def test_what_is_no_key_of_ed25519_is_refused(text: str) -> None:
    """A text that lacks a part, is of another algorithm or is damaged is told from a key."""
    with pytest.raises(NoteError, match="verifier key"):
        Verifier.parse(text)


def test_notes_that_others_signed_are_opened() -> None:
    """The signatures of C2SP's and Go's examples hold; one key of two that signed is enough."""
    assert open_note(EXAMPLE, [Verifier.parse(EXAMPLE_KEY)]) == "This is an example message.\n"
    note = PETER_TEXT + "\n" + PETER_LINE + ENOCH_LINE
    for keys in ([PETER_KEY], [ENOCH_KEY], [PETER_KEY, ENOCH_KEY], [EXAMPLE_KEY, ENOCH_KEY]):
        assert open_note(note, map(Verifier.parse, keys)) == PETER_TEXT


def test_we_sign_as_others_do() -> None:
    """With the secret of Go's example we have the same key, and write the same signature, byte for byte."""
    signer = Signer("PeterNeumann", PETER_SECRET)
    assert str(signer.verifier) == PETER_KEY
    assert signer.signature_line(PETER_TEXT) == PETER_LINE


@pytest.mark.parametrize(("note", "size"), [(Rekor.NOTE, 412_115), (Rekor.WITNESSED, 139_911_860)])
def test_checkpoints_of_a_public_log_are_opened(note: str, size: int) -> None:
    """Origin, size and root are read under the log's key; a witness whose key is not given is passed over."""
    checkpoint = open_checkpoint(note, [Verifier.parse(Rekor.KEY)])
    assert (checkpoint.origin, checkpoint.size) == (Rekor.ORIGIN, size)
    assert note.startswith(checkpoint.text + "\n")


def test_a_checkpoint_is_what_was_signed() -> None:
    """A checkpoint, signed and opened, is the same; while a key is changed, two sign, and either is enough."""
    assert open_checkpoint(CHECKPOINT.signed(OURS), [OURS.verifier]) == CHECKPOINT
    for key in (OURS, NEXT):
        assert open_checkpoint(CHECKPOINT.signed(OURS, NEXT), [key.verifier]) == CHECKPOINT


@given(st.integers(0), st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_a_note_with_a_changed_byte_is_refused(place: int, bit: int) -> None:
    """Whatever bit of a signed note is changed, in text or signature, it is opened no more."""
    data = bytearray(CHECKPOINT.signed(OURS).encode())
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(NoteError):
        open_checkpoint(data.decode(errors="replace"), [OURS.verifier])


def test_a_signature_counts_under_its_own_name_only() -> None:
    """The same key under another name, another key under the same, or no key at all open nothing."""
    others = [Signer("fairpool.other", bytes(range(32))), NEXT]
    for keys in ([], *[[other.verifier] for other in others]):
        with pytest.raises(NoteError, match="signed by none"):
            open_checkpoint(CHECKPOINT.signed(OURS), keys)


def test_a_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    """It does not help that another key's signature is right."""
    wrong = OURS.signature_line(CHECKPOINT.text + "\n")
    with pytest.raises(NoteError, match="is wrong"):
        open_checkpoint(CHECKPOINT.signed(NEXT) + wrong, [OURS.verifier, NEXT.verifier])


@pytest.mark.parametrize(
    "note",
    [
        "",
        CHECKPOINT.text,
        CHECKPOINT.text + "\n",
        CHECKPOINT.signed(OURS)[:-1],
        CHECKPOINT.signed(OURS) + "\n",
        CHECKPOINT.signed(OURS).replace("— ", "- "),
        CHECKPOINT.signed(OURS).replace("\n\n", "\n"),
        CHECKPOINT.signed(OURS).replace("\n", "\r\n"),
        CHECKPOINT.signed(OURS) + "— fairpool.test\n",
    ],
)
def test_what_is_no_signed_note_is_refused(note: str) -> None:
    """A note is text, an empty line and signature lines, and nothing else."""
    with pytest.raises(NoteError):
        open_note(note, [OURS.verifier])


@pytest.mark.parametrize(
    "text",
    [
        "origin\n5\n",
        "origin\n5\nAAAA\n",
        "\n5\n" + CHECKPOINT.text.split("\n")[2] + "\n",
        *(
            f"origin\n{size}\n{CHECKPOINT.text.split(chr(10))[2]}\n"
            for size in ("", "-1", "05", "٥", "1e3", "9" * 5000)
        ),
        CHECKPOINT.text[:-1],
        CHECKPOINT.text.replace("=\n", "\n"),
    ],
)
def test_a_signed_text_that_is_no_checkpoint_is_refused(text: str) -> None:
    """A signature alone makes no checkpoint: origin, size and root are there, as numbers and hashes are written."""
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_lines_behind_the_root_are_let_be() -> None:
    """Extensions are part of what was signed, and say nothing to us."""
    assert Checkpoint.parse(CHECKPOINT.text + "an extension\n") == CHECKPOINT


def test_notes_are_told_apart_in_one_file() -> None:
    """A file of notes is split into the notes that it was joined from; one that is cut off is refused."""
    notes = [Checkpoint("fairpool.test/office", size, bytes(32)).signed(OURS) for size in (1, 2, 3)]
    assert split_notes(join_notes(notes)) == notes
    assert split_notes("") == []
    for cut in (join_notes(notes)[:-1], join_notes(notes) + "fairpool.test/office\n"):
        with pytest.raises(NoteError, match="cut off"):
            split_notes(cut)
