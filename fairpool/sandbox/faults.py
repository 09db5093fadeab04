"""What goes wrong between the sandbox and who asks it: on purpose, and where a test says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

Harm = Literal["error_before", "drop_before", "error_after", "drop_after", "error_kept"]
PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Fault:
    """The next `times` requests that match meet with harm; `path` may hold `*`, `method` may be `*`.

    `error_before` answers 500, and `drop_before` drops the connection, with nothing done. `error_after` and
    `drop_after` do so when the request has succeeded; with the same key, its answer is had again. `error_kept` succeeds
    too, but 500 is what the key stands for from then on, as Stripe's documentation says of its own 500s.
    """

    harm: Harm
    path: str
    method: str = "*"
    times: int = 1


@dataclass(slots=True)
class Hold:
    """Requests that match wait, once they are under way, until `released` is set; `reached` tells that one waits."""

    path: str
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class Faults:
    """The faults to come, in the order in which they were asked for. `latency_seconds` delays every request."""

    def __init__(self) -> None:
        self.latency_seconds = 0.0
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._holds: list[Hold] = []

    def add(self, harm: Harm, path: str, *, method: str = "*", times: int = 1) -> None:
        """Have the next requests that match meet with harm."""
        with self._lock:
            self._faults.append(Fault(harm, path, method, times))

    def clear(self) -> None:
        """Have nothing go wrong any more."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str, *harms: Harm) -> Harm | None:
        """Return the harm that a request meets with, and count it."""
        with self._lock:
            for fault in self._faults:
                matches = fault.method in ("*", method) and fnmatchcase(path, fault.path)
                if matches and fault.harm in harms and fault.times > 0:
                    fault.times -= 1
                    return fault.harm
        return None

    @contextmanager
    def hold(self, path: str) -> Iterator[Hold]:
        """Keep requests that match under way for as long as the block runs, or until it releases them."""
        hold = Hold(path)
        with self._lock:
            self._holds.append(hold)
        try:
            yield hold
        finally:
            hold.released.set()
            with self._lock:
                self._holds.remove(hold)

    def wait(self, path: str) -> None:
        """Wait as a request under way: for the latency, and while it is held."""
        with self._lock:
            holds = [hold for hold in self._holds if fnmatchcase(path, hold.path)]
        if self.latency_seconds:
            threading.Event().wait(self.latency_seconds)
        for hold in holds:
            hold.reached.set()
            hold.released.wait(PATIENCE_SECONDS)
