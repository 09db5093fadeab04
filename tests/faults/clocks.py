"""Clocks that are set while a process runs: each shows the real time and what stands in a file, in seconds.

The file is all that both sides know. `role.py` reads it, in a process which may be one of another version.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_WIDTH: Final = 24


class Clock:
    """The clock of one process, or of the world."""

    def __init__(self, path: Path, *, ahead: float) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.ahead = ahead
        self.set(ahead)

    def set(self, ahead: float) -> None:
        """Be so many seconds ahead of the real time."""
        self.ahead = ahead
        os.pwrite(self._file, f"{ahead:<{_WIDTH}.6f}".encode(), 0)

    def __call__(self) -> datetime:
        """Return the time that it shows."""
        return datetime.now(UTC) + timedelta(seconds=self.ahead)
