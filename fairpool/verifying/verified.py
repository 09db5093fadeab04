"""What a verification came to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.auditing.findings import Finding

Progress = Callable[[int, int], None]


class NotVerifiable(Exception):
    """What was to be verified is not there, or cannot be told from something else."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A log that was verified: its size and root, and how many signed checkpoints it was held against.

    `findings` holds the first difference of each kind. `remarks` say what the verification could not rest on; they
    are no differences.
    """

    log: str
    size: int
    root: bytes
    checkpoints: int
    findings: Sequence[Finding]
    remarks: Sequence[str] = ()

    @property
    def is_ok(self) -> bool:
        """Whether nothing differs."""
        return not self.findings

    @property
    def summary(self) -> dict[str, Any]:
        """Return it as JSON for machines."""
        return {
            "log": self.log,
            "size": self.size,
            "root": self.root.hex(),
            "checkpoints": self.checkpoints,
            "findings": [{"kind": each.kind, "at": each.at, "text": each.text} for each in self.findings],
            "remarks": list(self.remarks),
            "ok": self.is_ok,
        }
