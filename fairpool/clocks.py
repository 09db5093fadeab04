"""The service's clock: the system's, or in development and tests one that is moved by hand.

A data directory whose weeks were played in simulated time is marked, so that a command on it does not record today's
time behind a week of years ago, in which nobody could then bet any more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ledger.datastore import Datastore
from ledger.recorder import latest

SIMULATED: Final = "simulated-time"


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


def clock_of(data: Path, datastore: Datastore) -> Callable[[], datetime]:
    """Return the clock for a command: the system's or, in simulated time, one that stands where the logs end."""
    if not (data / SIMULATED).exists():
        return system_clock
    return lambda: latest(datastore) or system_clock()


def leave_simulated_time(data: Path) -> None:
    """Have a data directory go by the system's clock from now on, as its service does: a standing one would be late."""
    (data / SIMULATED).unlink(missing_ok=True)
