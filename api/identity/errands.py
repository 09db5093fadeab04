"""Errands: work that no answer waits for, such as mail, so that an answer's time tells nothing about it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_WAITING_MAX: Final = 1_000
_log = logging.getLogger(__name__)


class Errands:
    """Runs errands one after another, in a thread of its own that starts with the first.

    What fails is logged and not repeated: whoever misses a mail asks for another. A process that ends finishes them.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="errands")
        self._places = threading.Semaphore(_WAITING_MAX)

    def run(self, name: str, errand: Callable[[], object]) -> None:
        """Run an errand soon; where too many are waiting it is dropped, and the log says so."""
        if self._places.acquire(blocking=False):
            self._thread.submit(self._run, name, errand)
        else:
            _log.error("%s was dropped: %d errands are waiting", name, _WAITING_MAX)

    def _run(self, name: str, errand: Callable[[], object]) -> None:
        try:
            errand()
        except Exception:
            _log.exception("%s failed", name)
        finally:
            self._places.release()
