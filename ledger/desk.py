"""The desk of a log: commands of concurrent callers are decided in Python and appended in one commit.

The next batch is whatever queued during the last commit; there is no timer. The store leaves out what is stale, and
the desk decides that again with the news; nobody's neighbour fails. A command that was left out twice is decided
while the head is held, so none starves. Several processes may run desks on the same log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg_pool import PoolTimeout

from ledger.aggregate import Context, LedgerError
from ledger.book import Book, Decision
from ledger.deciding import LEFT_OUT_MAX, Asked, Decided, Judged, assemble, decide, judge
from ledger.recorder import Appended, LogRecorder

T = TypeVar("T")
BATCH_MAX: Final = 256
PATIENCE_SECONDS: Final = 20.0
_OUTAGES: Final = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
_log = logging.getLogger(__name__)


class LedgerUnavailable(LedgerError):
    """The database did not answer for a while: whether the command was recorded is found out by repeating it."""

    code = "unavailable"


class DeskClosed(LedgerError):
    """The service is stopping: repeat the command, with the same key, when it is back."""

    code = "unavailable"


class Desk:
    """Decides and appends for one log, in a thread of its own that starts with the first command."""

    def __init__(
        self,
        recorder: LogRecorder,
        *,
        clock: Callable[[], datetime],
        on_death: Callable[[BaseException], None],
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.recorder = recorder
        self.book = Book(recorder)
        self._clock = clock
        self._on_death = on_death
        self._patience_seconds = patience_seconds
        self._queue: deque[Asked[Any]] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def ask(
        self,
        decide: Callable[[Decision], T],
        *,
        actor: str,
        request: str,
        cause: str | None = None,
        alone: bool = False,
        account: UUID | None = None,
    ) -> Future[T]:
        """Queue a command; the future brings its answer after the commit, or the LedgerError that refused it.

        `decide` may be called again, so it must only read and trigger. `alone`: it is decided while the head is held,
        because it rests on more of the log than a few streams. `account`: the one that it is about; those of a batch
        are read together.
        """
        context = Context(log=self.recorder.log, actor=actor, request=request, cause=cause)
        asked: Asked[T] = Asked(decide, context, Future(), alone, account)
        # What was asked is carried out, whoever stops waiting for the answer.
        asked.future.set_running_or_notify_cancel()
        with self._wake:
            if self._closing:
                raise DeskClosed(f"the desk of {self.recorder.log} is closed")
            self._queue.append(asked)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"desk {self.recorder.log}", daemon=True)
                self._thread.start()
            self._wake.notify()
        return asked.future

    def close(self) -> None:
        """Answer what was asked, and stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        batch: list[Asked[Any]] = []
        try:
            while batch := self._take():
                self._serve(batch)
        except BaseException as error:
            self._die(error, batch)
            raise

    def _die(self, error: BaseException, batch: list[Asked[Any]]) -> None:
        """Answer everybody, rather than leave them waiting for a thread that is gone."""
        with self._wake:
            self._closing = True
            left, self._queue = [*batch, *self._queue], deque()
        for asked in left:
            asked.fail(LedgerUnavailable(f"the desk of {self.recorder.log} died: {error!r}"))
        self._on_death(error)

    def _take(self) -> list[Asked[Any]]:
        """Wait for commands and return the next batch: one that is decided alone, or many others; [] at the end."""
        with self._wake:
            while not self._queue and not self._closing:
                self._wake.wait()
            batch: list[Asked[Any]] = []
            while self._queue and len(batch) < BATCH_MAX and not (batch and self._queue[0].is_alone):
                batch.append(self._queue.popleft())
                if batch[-1].is_alone:
                    break
            return batch

    def _serve(self, batch: list[Asked[Any]]) -> None:
        try:
            if not self.book.is_loaded:
                self.book.load()
            if batch[0].is_alone:
                with self.recorder.held() as connection:
                    self.book.catch_up(self.recorder.head().position)
                    decided, appended = self._append(batch, on=connection)
            else:
                decided, appended = self._append(batch)
        except (*_OUTAGES, psycopg.errors.UniqueViolation, psycopg.errors.DataException) as error:
            # The last two say that the cache does not match the log, as after a fail-over to a server that lags.
            self._in_doubt(batch, error)
        except Exception as error:
            self._isolate(batch, error)
        else:
            self._conclude(batch, decided, appended)

    def _isolate(self, batch: list[Asked[Any]], error: Exception) -> None:
        """Nothing was appended. Whose fault it is shows when each command is decided alone, and only that one fails."""
        self.book.forget()
        if len(batch) == 1:
            batch[0].fail(error)
            return
        for asked in batch:
            asked.times = LEFT_OUT_MAX
        self._put_back(batch)

    def _append(self, batch: list[Asked[Any]], *, on: Connection[Any] | None = None) -> tuple[list[Decided], Appended]:
        now = self._clock()
        if self.book.recorded_at is not None:
            now = max(now, self.book.recorded_at)
        decided = decide(self.book, batch, now=now)
        return decided, self.recorder.append(assemble(decided, known=self.book.known, now=self._clock()), on=on)

    def _conclude(self, batch: list[Asked[Any]], decided: list[Decided], appended: Appended) -> None:
        """Bring the book up to date, put back what has to be decided again, and tell the others."""
        judged = judge(decided, appended, known=self.book.known)
        self._bring_up_to_date(judged, appended)
        self._put_back(judged.again + batch[len(decided) :])
        for one in judged.told:
            one.tell()

    def _bring_up_to_date(self, judged: Judged, appended: Appended) -> None:
        try:
            self.book.drop(judged.dirty)
            self.book.catch_up(appended.base)
        except _OUTAGES as error:
            # The batch is in the log: it is answered all the same, and the book is read again for the next one.
            _log.warning("log %s: the news did not come: %s", self.recorder.log, error)
            self.book.forget()
            return
        self.book.known = appended.base + judged.written
        if judged.written:
            self.book.recorded_at = appended.recorded_at
        self.book.trim()

    def _put_back(self, commands: list[Asked[Any]]) -> None:
        with self._wake:
            self._queue.extendleft(reversed(commands))

    def _in_doubt(self, batch: list[Asked[Any]], error: Exception) -> None:
        """Forget what may or may not be in the log, and decide again under the same ids: the log knows them."""
        _log.warning("log %s: append in doubt, deciding again: %s", self.recorder.log, error)
        self.book.forget()
        now = time.monotonic()
        for asked in batch:
            if now - asked.asked_at > self._patience_seconds:
                asked.fail(
                    LedgerUnavailable(f"log {self.recorder.log}: the database does not answer: {error}"),
                )
        self._put_back([asked for asked in batch if not asked.future.done()])
        time.sleep(0.1)
        self.recorder.store.drop_dead_connections()
