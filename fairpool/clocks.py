"""The service's clock: the system's, or in development and tests one that is moved by hand."""

from __future__ import annotations

import threading
from datetime import UTC, datetime


class ClockMovedBack(Exception):
    """Time only goes forward: what is recorded cannot be made to happen later than now."""


def system_clock() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


class HandClock:
    """A clock that stands still until it is set."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the time that was set last."""
        return self._now

    def set(self, to: datetime) -> None:
        """Move forward; raises ClockMovedBack."""
        with self._lock:
            if to < self._now:
                raise ClockMovedBack(f"the clock stands at {self._now.isoformat()}, after {to.isoformat()}")
            self._now = to.astimezone(UTC)
