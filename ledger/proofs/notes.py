"""Signed checkpoints: the root of a log at a size, in the forms that the transparency world shares.

A checkpoint is C2SP `tlog-checkpoint`, inside a C2SP `signed-note` with Ed25519 signatures (type 0x01). A verifier key
is text, `<name>+<key id, 8 hex digits>+<base64 of 0x01 and the public key>`: whoever checks needs nothing else of us.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.proofs.merkle import HASH_BYTES

NUMBER: Final = r"0|[1-9][0-9]{0,18}"
_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_NUMBER: Final = re.compile(NUMBER)
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(ValueError):
    """A note, a checkpoint or a verifier key is not of its form, or is not signed by whom it should be."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key that signs notes, under a name; `str` of it is the text that is published."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_KEY_ID_BYTES]

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Return the key of a text; raises NoteError."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        key = decoded(encoded)
        if not name or name.split() != [name] or key[:1] != _ED25519 or len(key) != HASH_BYTES + 1:
            raise NoteError(f"{text!r} is no Ed25519 verifier key: expected <name>+<key id>+<base64>")
        found = cls(name, key[1:])
        if found.key_id.hex() != key_id:
            raise NoteError(f"the verifier key {text!r} is damaged: its key id would be {found.key_id.hex()}")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self.public).decode()}"


class Signer:
    """A private key that signs notes, made from 32 secret bytes."""

    def __init__(self, name: str, secret: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.verifier = Verifier(name, self._private.public_key().public_bytes_raw())

    def signature_line(self, text: str) -> str:
        """Return the line that signs a note's text."""
        signature = self.verifier.key_id + self._private.sign(text.encode())
        return f"— {self.verifier.name} {base64.b64encode(signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log was at a size: `origin` names the log to the world, `root` is that of its tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, *signers: Signer) -> str:
        """Return the checkpoint as a signed note."""
        return self.text + "\n" + "".join(signer.signature_line(self.text) for signer in signers)

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Return the checkpoint in a note's text; lines behind the first three are extensions. Raises NoteError."""
        lines = text.split("\n")
        if len(lines) < 4 or not all(lines[:-1]) or lines[-1]:
            raise NoteError(f"{text!r} is no checkpoint: expected origin, size and root, a line each")
        size, root = lines[1], decoded(lines[2])
        if not _NUMBER.fullmatch(size) or len(root) != HASH_BYTES:
            raise NoteError(f"the checkpoint of {lines[0]} has no size or no root: {size!r}, {lines[2]!r}")
        return cls(lines[0], int(size), root)


def open_checkpoint(note: str, verifiers: Iterable[Verifier]) -> Checkpoint:
    """Return a signed checkpoint, once one of the keys is found to have signed it; raises NoteError, as `open_note`."""
    return Checkpoint.parse(open_note(note, verifiers))


def open_note(note: str, verifiers: Iterable[Verifier]) -> str:
    """Return the text of a note, once one of the keys is found to have signed it.

    Signatures by keys that are not given are passed over, as the form demands; raises NoteError where none is left,
    or where one by a given key is wrong.
    """
    body, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or _CONTROL.search(note):
        raise NoteError(f"{note!r} is no signed note: expected a text, an empty line, and signatures, a line each")
    text = body + "\n"
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    is_signed = False
    for line in signatures[:-1].split("\n"):
        name, key_id, signature = _signature(line)
        verifier = known.get((name, key_id))
        if verifier is not None:
            _check(verifier, signature, text)
            is_signed = True
    if not is_signed:
        raise NoteError(f"{_head(text)} is signed by none of the keys")
    return text


def split_notes(text: str) -> list[str]:
    """Return the notes of a file in which an empty line stands behind each; raises NoteError."""
    parts = text.split("\n\n")
    if parts[-1] or len(parts) % 2 == 0:
        raise NoteError("the notes are cut off: expected an empty line behind each")
    return [f"{body}\n\n{signatures}\n" for body, signatures in zip(parts[0:-1:2], parts[1:-1:2], strict=True)]


def join_notes(notes: Iterable[str]) -> str:
    """Return notes as one file, an empty line behind each."""
    return "".join(note + "\n" for note in notes)


def decoded(text: str) -> bytes:
    """Return what a base64 text stands for, nothing where it is none, or is another text than the one we would write.

    So each byte of a note or a receipt counts: a text that differs is never taken for the same.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return data if base64.b64encode(data).decode() == text else b""


def _check(verifier: Verifier, signature: bytes, text: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(verifier.public).verify(signature, text.encode())
    except InvalidSignature:
        raise NoteError(f"the signature of {verifier.name} under {_head(text)} is wrong") from None


def _head(text: str) -> str:
    """Return by what a note's text is known: the origin and size of a checkpoint."""
    return "the note " + ", ".join(text.split("\n")[:2])


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    signature = decoded(encoded)
    if dash != "—" or not name or len(signature) <= _KEY_ID_BYTES:
        raise NoteError(f"{line!r} is no signature: expected — <name> <base64>")
    return name, signature[:_KEY_ID_BYTES], signature[_KEY_ID_BYTES:]
