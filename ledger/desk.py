"""The desk of a log: commands of concurrent callers are decided in Python and appended in one commit.

The next batch is whatever queued during the last commit; there is no timer. The store leaves out what is stale, and
the desk decides that again with the news; nobody's neighbour fails. A command that was left out twice is decided
while the head is held, so none starves. Several processes may run desks on the same log.

While the database appends stakes, the next stakes are decided as if all of them stood, which is nearly always so. If it
is not, the book goes back to what the log says, and they are decided again. Answers wait for the commit of what they
rest on either way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

import psycopg
from psycopg import Connection

from ledger.aggregate import Context, LedgerError
from ledger.answer import Answer
from ledger.book import Book, Decision
from ledger.datastore import OUTAGES
from ledger.deciding import Asked, Decided, Judged, Work, assemble, decide, judge, read_accounts
from ledger.recorder import Appended, ClockWrong, LogRecorder

T = TypeVar("T")
# Half of the callers of a busy desk: were all of them in one batch, there would be nothing to decide meanwhile.
BATCH_MAX: Final = 128
PATIENCE_SECONDS: Final = 8.0
"""How long a command is tried while the database is away: a client does not wait much longer."""
_REST_SECONDS: Final = 0.1
_FAILING_SECONDS: Final = 10.0
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
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._is_idle = False
        # Where other processes append as well, what is decided ahead is mostly decided in vain.
        self._foresees = True
        self._ahead: Work | None = None
        self._untold: list[Decided] = []
        self._closing = False
        self._failed_at: float | None = None
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
        bulk: bool = False,
        accounts: Sequence[UUID] = (),
    ) -> Future[T]:
        """Queue a command; the future brings its answer after the commit, or the LedgerError that refused it.

        `decide` may be called again, so it must only read and trigger. `alone`: it is decided while the head is held,
        because it rests on more of the log than a few streams. `account`: the one that it is about. Those of a batch
        are read together, and it may be decided before events that it looks at have their position and time. `bulk`: so
        may this one, about many `accounts` and appended by itself: the head is held for as long as it takes.
        """
        context = Context(log=self.recorder.log, actor=actor, request=request, cause=cause)
        answer: Answer[T] = self._new_answer()
        asked = Asked(decide, context, answer, alone=alone, account=account, bulk=bulk, accounts=accounts)
        with self._lock:
            if self._closing:
                raise DeskClosed(f"the desk of {self.recorder.log} is closed")
            self._queue.append(asked)
            if self._thread is None:
                self._thread = threading.Thread(target=self.run, name=f"desk {self.recorder.log}", daemon=True)
                self._start(self._thread)
            if self._is_idle:
                self._wake.notify()
        return answer

    @property
    def is_failing(self) -> bool:
        """Whether the last append failed, just now: what failed a while ago may be mended, and is tried by the next."""
        failed_at = self._failed_at
        return failed_at is not None and time.monotonic() - failed_at < _FAILING_SECONDS

    def close(self) -> None:
        """Answer what was asked, and stop."""
        with self._lock:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()

    def run(self) -> None:
        """Serve what is asked until the desk is closed: what its thread does."""
        work = Work([])
        try:
            while (work := self._take()).asked:
                self._serve(work)
        except BaseException as error:
            self._die(error, work)
            raise

    def _die(self, error: BaseException, work: Work) -> None:
        """Answer everybody, rather than leave them waiting for a thread that is gone."""
        self._tell()
        ahead = self._abandon()
        with self._lock:
            self._closing = True
            left, self._queue = [*work.asked, *ahead, *self._queue], deque()
        for asked in left:
            asked.fail(LedgerUnavailable(f"the desk of {self.recorder.log} died: {error!r}"))
        self._on_death(error)

    def _take(self) -> Work:
        """Wait for commands, and return what is appended next; without commands at the end.

        That is one command that is decided alone, or many others: what was decided ahead, and what was asked since.
        """
        if self._ahead is None:
            self._tell()
        with self._lock:
            while not self._queue and self._ahead is None and not self._closing:
                self._is_idle = True
                self._doze()
            self._is_idle = False
            work, self._ahead = self._ahead or Work([]), None
            work.take(self._queue, most=BATCH_MAX)
            return work

    def _serve(self, work: Work) -> None:
        try:
            if not self.book.is_loaded:
                self.book.load()
            if work.asked[0].has_own_append:
                self._read_up(work)
            if work.asked[0].is_alone:
                with self.recorder.held() as connection:
                    self.book.catch_up(self.recorder.head().position)
                    appended = self._append(work, on=connection)
            else:
                appended = self._append(work)
            self._confirm(work, appended)
        except (*OUTAGES, psycopg.errors.UniqueViolation, psycopg.errors.DataException) as error:
            # The last two say that the cache does not match the log, as after a fail-over to a server that lags.
            self._in_doubt(work, error)
        except ClockWrong as error:
            self._refuse(work, error)
        except Exception as error:
            self._isolate(work, error)
        else:
            self._conclude(work, appended)

    def _read_up(self, work: Work) -> None:
        """Read what takes long before the head is held, and the log's end as late as can be.

        Beside others a command about many accounts is stale as soon as one of them has moved.
        """
        if not work.decided:
            read_accounts(self.book, work.asked)
            self.book.catch_up(self.recorder.head().position)

    def _confirm(self, work: Work, appended: Appended) -> None:
        """Have what is told by an earlier event be durable; a commit of our own sees to that where there is one."""
        is_written = any(one.facts and one.group not in appended.left_out for one in work.decided)
        if not is_written and any(one.repeats for one in work.decided):
            self.recorder.confirm()

    def _refuse(self, work: Work, error: ClockWrong) -> None:
        """Nothing was appended, and nothing would be, whoever asks."""
        self._tell()
        self.book.forget()
        self._failed_at = time.monotonic()
        for asked in work.asked + self._abandon():
            asked.fail(error)

    def _isolate(self, work: Work, error: Exception) -> None:
        """Nothing was appended. Whose fault it is shows when each command is decided alone, and only that one fails."""
        self._tell()
        self.book.forget()
        if len(work.asked) == 1:
            work.asked[0].fail(error)
            self._put_back(self._abandon())
            return
        for asked in work.asked:
            asked.decide_alone()
        self._put_back(work.asked + self._abandon())

    def _append(self, work: Work, *, on: Connection[Any] | None = None) -> Appended:
        self._decide(work)
        batch = assemble(work.decided, known=self.book.known, now=self._clock())
        return self.recorder.append(batch, on=on, meanwhile=partial(self._look_ahead, work, batch.now))

    def _decide(self, work: Work, *, since: datetime | None = None) -> None:
        """Decide what of the work is not decided, at a time that is not before any that the book knows."""
        if not work.broke_off:
            now = max(filter(None, (self._clock(), self.book.recorded_at, since)))
            work.decided += decide(self.book, work.undecided, now=now)

    def _look_ahead(self, work: Work, now: datetime) -> None:
        """While the database appends some work, tell the answers before it and decide the stakes behind it."""
        self._tell()
        if not (self._foresees and work.is_foreseeable):
            return
        ahead = Work([])
        with self._lock:
            ahead.take(self._queue, most=BATCH_MAX, foreseeable=True)
        if not ahead.asked:
            return
        self._ahead = ahead
        try:
            self._decide(ahead, since=now)
        except Exception as error:
            # It must not keep the answer that is awaited from being read.
            _log.warning("log %s: nothing could be decided ahead: %s", self.recorder.log, error)
            ahead.failed = True

    def _abandon(self) -> list[Asked[Any]]:
        """Return the commands that were decided ahead, which are to be decided again."""
        ahead, self._ahead = self._ahead, None
        return [] if ahead is None else ahead.asked

    def _tell(self) -> None:
        told, self._untold = self._untold, []
        for one in told:
            one.tell()

    def _conclude(self, work: Work, appended: Appended) -> None:
        """Bring the book up to date, and put back what has to be decided again; the others are told with the next."""
        self._failed_at = None
        judged = judge(work.decided, appended, known=self.book.known)
        self._foresees = judged.as_foreseen
        ahead, undone = self._ahead, []
        if ahead is not None and (ahead.failed or not judged.as_foreseen):
            judged.dirty |= ahead.triggered
            undone = self._abandon()
        self._bring_up_to_date(judged, appended)
        if ahead is not None and ahead.failed:
            self.book.forget()
        self._put_back(judged.again + work.undecided + undone)
        self._untold += judged.told

    def _bring_up_to_date(self, judged: Judged, appended: Appended) -> None:
        try:
            self.book.drop(judged.dirty)
            self.book.catch_up(appended.base)
        except OUTAGES as error:
            # The batch is in the log: it is answered all the same, and the book is read again for the next one.
            _log.warning("log %s: the news did not come: %s", self.recorder.log, error)
            self.book.forget()
            return
        self.book.known = appended.base + judged.written
        if judged.written:
            self.book.recorded_at = appended.recorded_at
        self.book.trim(keeping=lambda: frozenset() if self._ahead is None else self._ahead.triggered)

    # All of the desk that has to do with threads and time, which others may have others of.

    def _start(self, thread: threading.Thread) -> None:
        thread.start()

    def _new_answer(self) -> Answer[Any]:
        return Answer(self._lock)

    def _doze(self) -> None:
        self._wake.wait()

    def _rest(self, seconds: float) -> None:
        time.sleep(seconds)

    def _put_back(self, commands: list[Asked[Any]]) -> None:
        with self._lock:
            self._queue.extendleft(reversed(commands))

    def _in_doubt(self, work: Work, error: Exception) -> None:
        """Forget what may or may not be in the log, and decide again under the same ids: the log knows them."""
        self._tell()
        batch = work.asked + self._abandon()
        _log.warning("log %s: append in doubt, deciding again: %s", self.recorder.log, error)
        self.book.forget()
        now = self._failed_at = time.monotonic()
        for asked in batch:
            if now - asked.asked_at > self._patience_seconds:
                asked.fail(
                    LedgerUnavailable(f"log {self.recorder.log}: the database does not answer: {error}"),
                )
        self._put_back([asked for asked in batch if not asked.future.done()])
        self._rest(_REST_SECONDS)
        self.recorder.store.drop_dead_connections()
