"""What the answer to a command comes in."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import TypeVar, cast

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Answer(Future[T]):
    """A future of one command. What was asked is carried out, whoever stops waiting: it is never cancelled.

    Python's own makes a lock and a condition of twelve parts for each, which took a tenth of the time of a stake. Here
    all answers of a desk share its `lock`, and only who waits in a thread makes something to wait on. It does all that
    `Future` does but for `concurrent.futures.wait` and `as_completed`, which look into futures.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._is_given = False
        self._value: T | None = None
        self._refusal: BaseException | None = None
        self._heard_by: list[Callable[[Future[T]], object]] = []

    def __repr__(self) -> str:
        """Return what there is of it so far."""
        return f"<Answer {self._refusal or self._value!r}>" if self._is_given else "<Answer not given yet>"

    def set_result(self, result: T) -> None:
        """Give the answer; raises InvalidStateError where there is one."""
        self._give(result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        """Refuse the command; raises InvalidStateError where there is an answer."""
        self._give(None, exception)

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Have `fn` called with this answer when it is given, in the thread that gives it, or at once."""
        with self._lock:
            if not self._is_given:
                self._heard_by.append(fn)
                return
        self._tell(fn)

    def result(self, timeout: float | None = None) -> T:
        """Wait for the answer and return it; raises what refused the command, or TimeoutError."""
        refusal = self.exception(timeout)
        if refusal is None:
            return cast(T, self._value)
        try:
            raise refusal
        finally:
            # The error knows this frame, and the frame must not know the error's answer: nobody would ever let it go.
            del refusal, self

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the answer, and return what refused the command, None where nothing did; raises TimeoutError."""
        if not self._is_given:
            given = threading.Event()
            self.add_done_callback(lambda _: given.set())
            if not given.wait(timeout):
                raise TimeoutError
        return self._refusal

    def done(self) -> bool:
        """Say whether there is an answer."""
        return self._is_given

    def running(self) -> bool:
        """Return False: it waits in a queue, or is answered."""
        return False

    def cancel(self) -> bool:
        """Return False."""
        return False

    def cancelled(self) -> bool:
        """Return False."""
        return False

    def _give(self, value: T | None, refusal: BaseException | None) -> None:
        with self._lock:
            if self._is_given:
                raise InvalidStateError(f"{self!r} is given already")
            self._value, self._refusal, self._is_given = value, refusal, True
        for tell in self._heard_by:
            self._tell(tell)
        self._heard_by.clear()

    def _tell(self, fn: Callable[[Future[T]], object]) -> None:
        try:
            fn(self)
        except Exception:
            # As with any future: those who give answers are not stopped by those who hear them.
            _log.exception("who heard an answer has failed")
