"""The desk's pure core: decide a batch of commands on the book, say what to append, and read the store's verdict.

Nothing here waits for anything but reads that the book makes for streams it has not cached.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import psycopg

from ledger import events
from ledger.account import Account
from ledger.aggregate import Context, LedgerError
from ledger.book import Book, Decision
from ledger.facts import Fact
from ledger.recorder import Appended, Batch

T = TypeVar("T")
LEFT_OUT_MAX: Final = 2


class RowThere(LedgerError):
    """The command's row was there already: somebody else was first."""

    code = "already_there"


class WeekSealed(LedgerError):
    """The week's book is closed: nothing more can be written into it."""

    code = "week_sealed"


@dataclass(slots=True)
class Asked(Generic[T]):
    """A command that waits for its answer. `times`: how often it was left out already."""

    decide: Callable[[Decision], T]
    context: Context
    future: Future[T]
    alone: bool
    account: UUID | None
    asked_at: float = field(default_factory=time.monotonic)
    times: int = 0

    @property
    def is_alone(self) -> bool:
        """Whether it is decided while the head is held: because it rests on the whole log, or would starve else."""
        return self.alone or self.times >= LEFT_OUT_MAX

    def fail(self, error: Exception) -> None:
        """Answer with an error, unless there is an answer."""
        if not self.future.done():
            self.future.set_exception(error)


@dataclass(slots=True)
class Decided:
    """A command as it was decided: an answer or a refusal, true only if its group is not left out.

    `row` is the place of its row in the batch, 0 where it writes none.
    """

    asked: Asked[Any]
    decision: Decision
    triggered: list[Fact]
    answer: Any = None
    refusal: Exception | None = None
    group: int = 0
    row: int = 0

    @property
    def facts(self) -> list[Fact]:
        """What is to be appended: nothing of a command that was refused, even midway."""
        return [] if self.refusal else self.triggered

    def tell(self) -> None:
        """Give the caller what was decided."""
        if self.refusal is not None:
            self.asked.fail(self.refusal)
        elif not self.asked.future.done():
            self.asked.future.set_result(self.answer)


@dataclass(slots=True)
class Judged:
    """A batch after the store's verdict: who is told, who is decided again, and streams that the cache has wrong."""

    told: list[Decided] = field(default_factory=list)
    again: list[Asked[Any]] = field(default_factory=list)
    dirty: set[UUID] = field(default_factory=set)
    written: int = 0


def decide(book: Book, batch: Sequence[Asked[Any]], *, now: datetime) -> list[Decided]:
    """Decide commands in order, each on what those before it triggered; stops behind one that broke off midway.

    What would stand behind the end of a sealed week is refused with WeekSealed. Raises psycopg.Error where the book
    cannot read.
    """
    week = book.week()
    gate = set() if week is None else {week.id}
    book.fetch(Account, list(dict.fromkeys(asked.account for asked in batch if asked.account is not None)))
    decided = []
    for asked in batch:
        decision = Decision(book, asked.context, now)
        answer, refusal = None, None
        try:
            answer = asked.decide(decision)
        except psycopg.Error:
            raise
        except Exception as error:
            refusal = error
        triggered = decision.collect()
        if triggered and week is not None:
            # Whatever a command rests on, it also rests on the book being open.
            decision.streams |= gate
            if week.sealed is not None and triggered[-1].event.TOPIC != events.WeekSealed.TOPIC:
                refusal = WeekSealed(f"week {book.log} is sealed since {week.sealed.token}: nothing follows in its log")
        decided.append(Decided(asked, decision, triggered, answer, refusal))
        if refusal and decided[-1].triggered:
            # What it triggered is in the cache and must not be: later commands wait for the next batch.
            break
    return decided


def assemble(decided: Sequence[Decided], *, known: int, now: datetime) -> Batch:
    """Group the commands that rest on one another's events, and list what each group rests on."""
    batch = Batch(known=known, now=now)
    writer: dict[UUID, int] = {}
    groups = _Groups(len(decided))
    for number, one in enumerate(decided):
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


def judge(decided: Sequence[Decided], appended: Appended, *, known: int) -> Judged:
    """Read the store's verdict on a batch that was decided when the log was known up to `known`."""
    judged = Judged()
    for one in decided:
        # What was found absent may have come since, in a stream that nobody could look at.
        missed_news = one.decision.on_whole_log and not one.facts and appended.base > known
        left_out = one.group in appended.left_out or missed_news
        if left_out or one.refusal is not None:
            judged.dirty |= {fact.stream for fact in one.triggered}
        if one.row in appended.rows_refused:
            one.refusal = RowThere(f"{one.decision.row} is there already")
            judged.told.append(one)
        elif left_out:
            one.asked.times += 1
            judged.again.append(one.asked)
        else:
            judged.written += len(one.facts)
            judged.told.append(one)
    return judged


class _Groups:
    """Disjoint sets of commands, by union and find."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def of(self, number: int) -> int:
        while self._parent[number] != number:
            number = self._parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        self._parent[self.of(other)] = self.of(one)
