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
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import psycopg
from psycopg_pool import PoolTimeout

from ledger.account import Account
from ledger.aggregate import Context, LedgerError
from ledger.book import Book, Decision
from ledger.facts import Fact
from ledger.recorder import Appended, Batch, LogRecorder

T = TypeVar("T")
BATCH_MAX: Final = 256
LEFT_OUT_MAX: Final = 2
PATIENCE_SECONDS: Final = 20.0
_OUTAGES: Final = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
_log = logging.getLogger(__name__)


class LedgerUnavailable(LedgerError):
    """The database did not answer for a while: whether the command was recorded is found out by repeating it."""

    code = "unavailable"


class DeskClosed(LedgerError):
    """The service is stopping: repeat the command, with the same key, when it is back."""

    code = "unavailable"


class RowThere(LedgerError):
    """The command's row was there already: somebody else was first."""

    code = "already_there"


@dataclass(slots=True)
class _Asked(Generic[T]):
    """A command that waits for its answer."""

    decide: Callable[[Decision], T]
    context: Context
    future: Future[T]
    alone: bool
    account: UUID | None
    asked_at: float = field(default_factory=time.monotonic)
    times: int = 0


@dataclass(slots=True)
class _Decided:
    """A command as it was decided: an answer or a refusal, true only if its group is not left out."""

    asked: _Asked[Any]
    decision: Decision
    triggered: list[Fact]
    answer: Any = None
    refusal: Exception | None = None
    group: int = 0
    row: int | None = None

    @property
    def facts(self) -> list[Fact]:
        """What is to be appended: nothing of a command that was refused, even midway."""
        return [] if self.refusal else self.triggered


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
        self._queue: deque[_Asked[Any]] = deque()
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
        asked: _Asked[T] = _Asked(decide, context, Future(), alone, account)
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
        batch: list[_Asked[Any]] = []
        try:
            while batch := self._take():
                self._serve(batch)
        except BaseException as error:
            self._die(error, batch)
            raise

    def _die(self, error: BaseException, batch: list[_Asked[Any]]) -> None:
        """Answer everybody, rather than leave them waiting for a thread that is gone."""
        with self._wake:
            self._closing = True
            left, self._queue = [*batch, *self._queue], deque()
        for asked in left:
            _fail(asked, LedgerUnavailable(f"the desk of {self.recorder.log} died: {error!r}"))
        self._on_death(error)

    def _take(self) -> list[_Asked[Any]]:
        """Wait for commands and return the next batch: one that is decided alone, or many others; [] at the end."""
        with self._wake:
            while not self._queue and not self._closing:
                self._wake.wait()
            batch: list[_Asked[Any]] = []
            while self._queue and len(batch) < BATCH_MAX and not (batch and self._is_alone(self._queue[0])):
                batch.append(self._queue.popleft())
                if self._is_alone(batch[-1]):
                    break
            return batch

    @staticmethod
    def _is_alone(asked: _Asked[Any]) -> bool:
        return asked.alone or asked.times >= LEFT_OUT_MAX

    def _serve(self, batch: list[_Asked[Any]]) -> None:
        decided: list[_Decided] = []
        try:
            if not self.book.is_loaded:
                self.book.load()
            if self._is_alone(batch[0]):
                with self.recorder.held() as connection:
                    self.book.catch_up(self.recorder.head().position)
                    decided = self._decide(batch)
                    appended = self.recorder.append(self._assemble(decided), on=connection)
            else:
                decided = self._decide(batch)
                appended = self.recorder.append(self._assemble(decided))
        except (*_OUTAGES, psycopg.errors.UniqueViolation, psycopg.errors.DataException) as error:
            # The last two say that the cache does not match the log, as after a fail-over to a server that lags.
            self._in_doubt(batch, error)
            return
        except Exception as error:
            self._isolate(batch, error)
            return
        self._conclude(batch, decided, appended)

    def _isolate(self, batch: list[_Asked[Any]], error: Exception) -> None:
        """Nothing was appended. Whose fault it is shows when each command is decided alone, and only that one fails."""
        self.book.forget()
        if len(batch) == 1:
            _fail(batch[0], error)
            return
        for asked in batch:
            asked.times = LEFT_OUT_MAX
        self._put_back(batch)

    def _decide(self, batch: list[_Asked[Any]]) -> list[_Decided]:
        """Decide commands in order, each on what those before it triggered; stops behind one that broke off midway."""
        now = self._clock()
        if self.book.recorded_at is not None:
            now = max(now, self.book.recorded_at)
        self.book.fetch(Account, list(dict.fromkeys(asked.account for asked in batch if asked.account is not None)))
        decided = []
        for asked in batch:
            decision = Decision(self.book, asked.context, now)
            answer, refusal = None, None
            try:
                answer = asked.decide(decision)
            except psycopg.Error:
                raise
            except Exception as error:
                refusal = error
            decided.append(_Decided(asked, decision, decision.collect(), answer, refusal))
            if refusal and decided[-1].triggered:
                # What it triggered is in the cache and must not be: later commands wait for the next batch.
                break
        return decided

    def _assemble(self, decided: list[_Decided]) -> Batch:
        """Group the commands that rest on one another's events, and list what each group rests on."""
        batch = Batch(known=self.book.known, now=self._clock())
        writer: dict[UUID, int] = {}
        groups = _Groups()
        for number, one in enumerate(decided):
            groups.add(number)
            for stream in one.decision.streams:
                if stream in writer:
                    groups.join(writer[stream], number)
            for fact in one.facts:
                writer[fact.stream] = number
        for number, one in enumerate(decided):
            one.group = groups.of(number)
            batch.facts.extend((one.group, fact) for fact in one.facts)
            batch.behind.extend((one.group, stream) for stream in one.decision.streams)
            if one.decision.before is not None and one.facts:
                batch.before.append((one.group, one.decision.before))
            if one.decision.row is not None and one.refusal is None:
                batch.rows.append((one.group, one.decision.row))
                one.row = len(batch.rows)
        return batch

    def _conclude(self, batch: list[_Asked[Any]], decided: list[_Decided], appended: Appended) -> None:
        """Answer what stands, bring the book up to date, and put back what has to be decided again."""
        again: list[_Asked[Any]] = []
        dirty: set[UUID] = set()
        news_came = appended.base > self.book.known
        for one in decided:
            left_out = one.group in appended.left_out or (one.decision.on_whole_log and not one.facts and news_came)
            if left_out or one.refusal is not None:
                dirty |= {fact.stream for fact in one.triggered}
            if one.row in appended.rows_refused:
                _fail(one.asked, RowThere(f"{one.decision.row} is there already"))
            elif left_out:
                one.asked.times += 1
                again.append(one.asked)
        written = sum(len(one.facts) for one in decided if one.group not in appended.left_out)
        self._bring_up_to_date(dirty, appended, written)
        self._put_back(again + batch[len(decided) :])
        waiting = {id(asked) for asked in again}
        for one in decided:
            if one.refusal is not None and id(one.asked) not in waiting:
                _fail(one.asked, one.refusal)
            elif id(one.asked) not in waiting and not one.asked.future.done():
                one.asked.future.set_result(one.answer)

    def _bring_up_to_date(self, dirty: set[UUID], appended: Appended, written: int) -> None:
        try:
            self.book.drop(dirty)
            self.book.catch_up(appended.base)
        except _OUTAGES as error:
            # The batch is in the log: it is answered all the same, and the book is read again for the next one.
            _log.warning("log %s: the news did not come: %s", self.recorder.log, error)
            self.book.forget()
            return
        self.book.known = appended.base + written
        if written:
            self.book.recorded_at = appended.recorded_at
        self.book.trim()

    def _put_back(self, commands: list[_Asked[Any]]) -> None:
        with self._wake:
            self._queue.extendleft(reversed(commands))

    def _in_doubt(self, batch: list[_Asked[Any]], error: Exception) -> None:
        """Forget what may or may not be in the log, and decide again under the same ids: the log knows them."""
        _log.warning("log %s: append in doubt, deciding again: %s", self.recorder.log, error)
        self.book.forget()
        now = time.monotonic()
        for asked in batch:
            if now - asked.asked_at > self._patience_seconds:
                _fail(
                    asked,
                    LedgerUnavailable(f"log {self.recorder.log}: the database does not answer: {error}"),
                )
        self._put_back([asked for asked in batch if not asked.future.done()])
        time.sleep(0.1)
        self.recorder.store.drop_dead_connections()


def _fail(asked: _Asked[Any], error: Exception) -> None:
    if not asked.future.done():
        asked.future.set_exception(error)


class _Groups:
    """Disjoint sets of commands, by union and find."""

    def __init__(self) -> None:
        self._parent: dict[int, int] = {}

    def add(self, number: int) -> None:
        self._parent[number] = number

    def of(self, number: int) -> int:
        while self._parent[number] != number:
            number = self._parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        self._parent[self.of(other)] = self.of(one)
