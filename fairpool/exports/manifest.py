"""The manifest of an export: what is in the folder, and what of it the service has signed."""

from __future__ import annotations

from typing import Final

import msgspec

from ledger.facts import canonical

FORMAT: Final = "fairpool-export/1"


class ExportedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the folder. Its rows are events, transactions or checkpoints; the hash is in hex."""

    bytes: int
    rows: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """An export of the first `size` events of a log; `root` is that of their Merkle tree, in hex.

    `checkpoint` is the newest signed note among those of the folder. `counts` has the number of events by type. The
    times are those of the first and the last event, null where there is none.
    """

    checkpoint: str | None
    counts: dict[str, int]
    files: dict[str, ExportedFile]
    first_recorded_at: str | None
    format: str = FORMAT
    keys: tuple[str, ...]
    last_recorded_at: str | None
    log: str
    origin: str
    root: str
    size: int

    @property
    def text(self) -> bytes:
        """The file `manifest.json`: canonical JSON and LF."""
        return canonical(self) + b"\n"
