"""The desk's pure core: decide a batch of commands on the book, say what to append, and read the store's verdict.

Nothing here waits for anything but reads that the book makes for streams it has not cached.
"""

from __future__ import annotations

import time
from collections import deque
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


class Asked(Generic[T]):
    """A command that waits for its answer. `times`: how often it was left out already.

    `is_alone`: it is decided while the head is held, because it rests on the whole log, or would starve else.
    `has_own_append`: nothing else is appended with it. `is_foreseeable`: it may be decided before what stands in front
    of it is in the log. `accounts` are those that a bulk command is about.
    """

    __slots__ = (
        "account",
        "accounts",
        "asked_at",
        "context",
        "decide",
        "future",
        "has_own_append",
        "is_alone",
        "is_foreseeable",
        "times",
    )

    def __init__(
        self,
        decide: Callable[[Decision], T],
        context: Context,
        future: Future[T],
        *,
        alone: bool,
        account: UUID | None,
        bulk: bool = False,
        accounts: Sequence[UUID] = (),
    ) -> None:
        self.decide = decide
        self.context = context
        self.future = future
        self.account = account
        self.accounts = accounts
        self.asked_at = time.monotonic()
        self.times = 0
        self.is_alone = alone
        self.has_own_append = bulk or alone
        self.is_foreseeable = (bulk or account is not None) and not alone

    def leave_out(self) -> None:
        """Count that it was left out; the next time but one it is decided alone."""
        self.times += 1
        if self.times >= LEFT_OUT_MAX:
            self.decide_alone()

    def decide_alone(self) -> None:
        """Have it decided while the head is held."""
        self.is_alone = self.has_own_append = True
        self.is_foreseeable = False

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

    @property
    def repeats(self) -> bool:
        """Whether the answer is an earlier event: the command was carried out before."""
        return isinstance(self.answer, Fact) and not self.triggered

    def tell(self) -> None:
        """Give the caller what was decided."""
        if self.refusal is not None:
            self.asked.fail(self.refusal)
        else:
            self.asked.future.set_result(self.answer)


@dataclass(slots=True)
class Work:
    """Commands for one append, and those of them, the first ones, that are decided already.

    `failed`: deciding them ahead broke off, and has left the book in disorder.
    """

    asked: list[Asked[Any]]
    decided: list[Decided] = field(default_factory=list)
    failed: bool = False

    @property
    def undecided(self) -> list[Asked[Any]]:
        """The commands that are not decided yet."""
        return self.asked[len(self.decided) :]

    def take(self, queue: deque[Asked[Any]], *, most: int, foreseeable: bool = False) -> None:
        """Take from a queue what can be appended with these, up to so many; `foreseeable`: only what is so."""
        asked = self.asked
        while queue and len(asked) < most and (queue[0].is_foreseeable or not foreseeable):
            if asked and (queue[0].has_own_append or asked[-1].has_own_append):
                break
            asked.append(queue.popleft())

    @property
    def broke_off(self) -> bool:
        """Whether a command was refused midway: what it triggered is in the book, so nothing can be decided on it."""
        return bool(self.decided) and self.decided[-1].refusal is not None and bool(self.decided[-1].triggered)

    @property
    def is_foreseeable(self) -> bool:
        """Whether others may be decided as if all of this stood: nothing but accounts can have moved."""
        return not self.broke_off and all(asked.is_foreseeable for asked in self.asked)

    @property
    def triggered(self) -> set[UUID]:
        """The streams that the book has ahead of the log."""
        return {fact.stream for one in self.decided for fact in one.triggered}


@dataclass(slots=True)
class Judged:
    """A batch after the store's verdict: who is told, who is decided again, and streams that the cache has wrong.

    `as_foreseen`: all of it stands, and nobody else appended before it.
    """

    as_foreseen: bool
    told: list[Decided] = field(default_factory=list)
    again: list[Asked[Any]] = field(default_factory=list)
    dirty: set[UUID] = field(default_factory=set)
    written: int = 0


def read_accounts(book: Book, batch: Sequence[Asked[Any]]) -> None:
    """Have the book hold what some commands are about, in one query; raises psycopg.Error where it cannot read."""
    cached = book.aggregates
    missing = [asked.account for asked in batch if asked.account is not None and asked.account not in cached]
    if missing:
        book.fetch(Account, list(dict.fromkeys(missing)))
    for asked in batch:
        if asked.accounts:
            book.fetch_accounts(asked.accounts)


def decide(book: Book, batch: Sequence[Asked[Any]], *, now: datetime) -> list[Decided]:
    """Decide commands in order, each on what those before it triggered; stops behind one that broke off midway.

    What would stand behind the end of a sealed week is refused with WeekSealed. Raises psycopg.Error where the book
    cannot read.
    """
    week = book.week()
    read_accounts(book, batch)
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
            decision.week()
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
    writer: dict[int, int] = {}
    groups = _Groups(len(decided))
    for number, one in enumerate(decided):
        for aggregate in one.decision.touched:
            if id(aggregate) in writer:
                groups.join(writer[id(aggregate)], number)
        if one.refusal is None:
            for aggregate in one.decision.written:
                writer[id(aggregate)] = number
    for number, one in enumerate(decided):
        one.group = group = groups.of(number)
        batch.facts += [(group, fact) for fact in one.facts]
        batch.behind += [(group, aggregate.id) for aggregate in one.decision.touched]
        if one.decision.before is not None and one.facts:
            batch.before.append((one.group, one.decision.before))
        if one.decision.row is not None and one.refusal is None:
            batch.rows.append((one.group, one.decision.row))
            one.row = len(batch.rows)
    return batch


def judge(decided: Sequence[Decided], appended: Appended, *, known: int) -> Judged:
    """Read the store's verdict on a batch that was decided when the log was known up to `known`."""
    judged = Judged(appended.base == known and not appended.left_out)
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
            one.asked.leave_out()
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
