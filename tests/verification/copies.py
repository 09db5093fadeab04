"""A log as a list of events that can be tampered with, and written as an export, with evidence that fits or not."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ledger.proofs.merkle import Frontier, leaf_hash
from ledger.proofs.notes import Signer, join_notes
from tests.played_week import SIGNER, checkpoints

Line = dict[str, Any]


class Copy:
    """The events of a log, as dictionaries to be changed; `notes` are checkpoints of the honest log."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.events: list[Line] = [json.loads(line) for line in lines]
        self.log: str = self.events[0]["log"]
        self.notes = checkpoints(lines, sizes(len(lines)), log=self.log)
        self._honest = list(lines)

    @property
    def lines(self) -> list[bytes]:
        """The events as lines without LF."""
        return [canonical(event) for event in self.events]

    def of(self, topic: str, number: int = 0) -> Line:
        """The event of a type that stands at a number among those."""
        return [event for event in self.events if event["type"] == topic][number]

    def behind(self, event: Line) -> list[Line]:
        """The events behind one."""
        return self.events[event["position"] :]

    def renumber(self) -> None:
        """Give each event the position and the version that it has by its place."""
        versions: Counter[str] = Counter()
        for position, event in enumerate(self.events, 1):
            versions[event["stream"]] += 1
            event["position"], event["version"] = position, versions[event["stream"]]

    def fit_balances(self, entry: str, by: int, *, behind: int) -> None:
        """Move what an entry has from a position on, as if the movement there had been another."""
        for event in self.events[behind - 1 :]:
            if event["stream"] == entry and "available" in event["data"]:
                event["data"]["available"] += by

    def write(self, folder: Path, *, signer: Signer | None = None) -> Path:
        """Write an export of the events as they are. With a signer all evidence fits, else it is the honest log's."""
        lines, notes = self.lines, self.notes
        if signer is not None:
            notes = checkpoints(lines, sizes(len(lines)), log=self.log, signer=signer)
        write_export(folder, lines, notes, of=lines if signer is not None else self._honest)
        return folder


def sizes(size: int) -> list[int]:
    """Where a log is signed: here and there, and at its end."""
    return [*range(20, size, 100), size]


def canonical(value: Any) -> bytes:
    """The bytes of a value, as a line has them."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def write_export(
    folder: Path, lines: Sequence[bytes], notes: Sequence[str], *, of: Sequence[bytes] | None = None
) -> None:
    """Write events, checkpoints, and the manifest that an export `of` some lines has."""
    honest = lines if of is None else of
    signed = join_notes(notes).encode()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "events.jsonl").write_bytes(_text(lines))
    (folder / "checkpoints.txt").write_bytes(signed)
    (folder / "manifest.json").write_bytes(canonical(manifest(honest, notes)) + b"\n")


def manifest(lines: Sequence[bytes], notes: Sequence[str]) -> Line:
    """The manifest of lines and checkpoints."""
    tree = Frontier()
    for line in lines:
        tree.append(leaf_hash(line))
    events = [json.loads(line) for line in lines]
    return {
        "checkpoint": notes[-1] if notes else None,
        "counts": Counter(event["type"] for event in events),
        "files": {
            "events.jsonl": _listed(_text(lines), len(lines)),
            "checkpoints.txt": _listed(join_notes(notes).encode(), len(notes)),
        },
        "first_recorded_at": events[0]["recorded_at"],
        "format": "fairpool-export/1",
        "keys": [str(SIGNER.verifier)],
        "last_recorded_at": events[-1]["recorded_at"],
        "log": events[0]["log"],
        "origin": f"{SIGNER.verifier.name}/{events[0]['log']}",
        "root": tree.root().hex(),
        "size": len(lines),
    }


def _text(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def _listed(data: bytes, rows: int) -> Line:
    return {"bytes": len(data), "rows": rows, "sha256": hashlib.sha256(data).hexdigest()}
