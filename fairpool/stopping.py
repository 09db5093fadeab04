"""SIGINT and SIGTERM: they end a program that is still starting at once, and stop a service that runs, in time."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOP_SECONDS: Final = 15.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_log = logging.getLogger(__name__)


class Signals:
    """What the signals do. However often they come, a service stops once."""

    def __init__(self, *, stop_seconds: float = STOP_SECONDS) -> None:
        self._stop_seconds = stop_seconds
        self._stop: threading.Event | None = None
        self._ended = threading.Event()
        self.is_stopping = False

    def stop(self, event: threading.Event) -> None:
        """Have signals set an event from here on: whoever waits for it ends the service."""
        self._stop = event

    def ended(self) -> None:
        """Note that the service has ended: what is left is its servers, which take the time that they need."""
        self._ended.set()

    def heed(self, number: int, frame: FrameType | None) -> None:
        """Take a signal; raises SystemExit while nothing runs that would have to be stopped."""
        if self.is_stopping:
            return
        self.is_stopping = True
        if self._stop is None:
            raise SystemExit(0)
        # Not here: the signal may have come while the main thread has the lock of the event.
        threading.Thread(target=self._end, args=(self._stop,), name="stopping", daemon=True).start()

    def _end(self, stop: threading.Event) -> None:
        stop.set()
        if not self._ended.wait(self._stop_seconds):
            # It hangs on what does not answer. All that was acknowledged is in the database: this is no loss.
            _log.critical("the service did not stop within %g seconds, and is ended", self._stop_seconds)
            os._exit(0)


@contextmanager
def heeding_signals() -> Iterator[Signals]:
    """Heed the signals for as long as the block runs; in the main thread."""
    signals = Signals()
    before = {number: signal.signal(number, signals.heed) for number in _SIGNALS}
    try:
        yield signals
    finally:
        for number in _SIGNALS:
            # Who stops is not to be hurried: a further signal would end the program with another exit code.
            signal.signal(number, signal.SIG_IGN if signals.is_stopping else before[number])
