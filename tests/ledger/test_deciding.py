"""What of a batch stands, who is told, and who is decided again follows from the store's verdict alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any
from uuid import UUID

import pytest

from ledger.account import Account
from ledger.aggregate import Context, LedgerError
from ledger.book import Book, Decision
from ledger.deciding import Asked, Decided, RowThere, assemble, decide, judge
from ledger.facts import Record
from ledger.ids import week_stream
from ledger.recorder import Appended, LogRecorder, Row
from tests.examples import KICK_OFF, POOL, STARTS_AT, WEEK
from tests.ledger.appending import A, B, C

ROW = Row("entries", {"entry": A})


@pytest.fixture
def book(recorder: LogRecorder) -> Book:
    """The book of a log without events, in which any stream is blank."""
    book = Book(recorder)
    book.load()
    book.week()
    return book


def asked(command: Callable[[Decision], Any], *, account: UUID | None = None) -> Asked[Any]:
    return Asked(command, Context(log=WEEK, actor="tester", request="r"), Future(), alone=False, account=account)


def opening(*accounts: UUID, behind: UUID | None = None) -> Asked[Any]:
    """A command that opens accounts, perhaps after a look at another one."""

    def command(on: Decision) -> list[UUID]:
        if behind is not None:
            on.account(behind)
        for account in accounts:
            on.account(account).open(pool_id=POOL, pool_name="W2026-47-A", grant=1000)
        return list(accounts)

    return asked(command)


def deciding(book: Book, *batch: Asked[Any]) -> list[Decided]:
    decided = decide(book, batch, now=STARTS_AT)
    assemble(decided, known=book.known, now=STARTS_AT)
    return decided


def verdict(*, base: int = 0, left_out: set[int] | None = None, rows_refused: set[int] | None = None) -> Appended:
    return Appended(base, STARTS_AT, frozenset(left_out or ()), frozenset(rows_refused or ()))


def test_commands_that_rest_on_one_another_are_one_group(book: Book) -> None:
    """Whoever looks at a stream after it was written stands or falls with the writer, and so on down the batch."""
    decided = deciding(book, opening(A), opening(B), opening(C, behind=A), opening(UUID(int=9)), opening(B, behind=C))
    groups = [one.group for one in decided]
    assert groups[0] == groups[1] == groups[2] == groups[4] != groups[3]


def test_looking_at_the_same_stream_joins_nobody(book: Book) -> None:
    """Two bets on one game are two groups: neither has written it."""
    decided = deciding(book, opening(A, behind=C), opening(B, behind=C))
    assert decided[0].group != decided[1].group


def test_batch_lists_what_each_group_rests_on(book: Book) -> None:
    """Its streams and the week, its time limit and its row; a refused command brings its streams alone."""

    def limited(on: Decision) -> None:
        on.account(A).open(pool_id=POOL, pool_name="W2026-47-A", grant=1000)
        on.must_be_recorded_before(KICK_OFF)
        on.write(ROW)

    def refused(on: Decision) -> None:
        on.account(B)
        on.must_be_recorded_before(KICK_OFF)
        on.write(ROW)
        raise LedgerError

    decided = decide(book, [asked(limited), asked(refused)], now=STARTS_AT)
    batch = assemble(decided, known=7, now=KICK_OFF)
    assert (batch.known, batch.now) == (7, KICK_OFF)
    assert [(group, fact.version) for group, fact in batch.facts] == [(0, 1), (0, 2)]
    assert sorted(batch.behind) == [(0, A), (0, week_stream(WEEK)), (1, B)]
    assert (batch.before, batch.rows) == ([(0, KICK_OFF)], [(0, ROW)])


def test_command_that_broke_off_ends_the_batch(book: Book) -> None:
    """What it triggered is in the cache: those behind it wait, and the stream is read again."""

    def breaking_off(on: Decision) -> None:
        on.account(A).open(pool_id=POOL, pool_name="W2026-47-A", grant=1000)
        raise LedgerError("midway")

    decided = deciding(book, opening(B), asked(breaking_off), opening(C))
    assert [len(one.facts) for one in decided] == [2, 0]
    judged = judge(decided, verdict(), known=0)
    assert (judged.dirty, judged.written, len(judged.told)) == ({A}, 2, 2)


def test_left_out_group_is_decided_again_and_its_cache_dropped(book: Book) -> None:
    """The others are told."""
    decided = deciding(book, opening(A), opening(B), opening(C))
    judged = judge(decided, verdict(left_out={decided[1].group}), known=0)
    assert (judged.again, judged.dirty, judged.written) == ([decided[1].asked], {B}, 4)
    assert [one.answer for one in judged.told] == [[A], [C]]
    assert decided[1].asked.times == 1
    assert not decided[1].asked.is_alone
    judge(decided, verdict(left_out={decided[1].group}), known=0)
    assert decided[1].asked.is_alone


def test_row_that_was_there_refuses_its_command_and_the_rest_of_the_group_is_decided_again(book: Book) -> None:
    """Whoever shares its group did nothing wrong."""

    def writing(on: Decision) -> None:
        on.account(A)
        on.write(ROW)

    decided = deciding(book, opening(A), asked(writing))
    judged = judge(decided, verdict(left_out={decided[0].group}, rows_refused={1}), known=0)
    assert judged.again == [decided[0].asked]
    (told,) = judged.told
    told.tell()
    assert isinstance(told.asked.future.exception(0), RowThere)


@pytest.mark.parametrize(("base", "again"), [(0, False), (3, True)])
def test_what_was_not_found_is_looked_for_again_where_news_came(book: Book, base: int, again: bool) -> None:
    """A refusal that rests on the whole log is an answer only if nobody appended since."""
    decided = deciding(book, asked(lambda on: on.game_of_market(A)))
    judged = judge(decided, verdict(base=base), known=0)
    assert (judged.again == [decided[0].asked]) is again


def test_accounts_of_a_batch_are_read_together(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """One query, however many commands name theirs."""
    queries: list[list[UUID]] = []
    real = book.recorder.read_streams

    def read_streams(streams: Sequence[UUID]) -> list[Record]:
        queries.append(list(streams))
        return real(streams)

    monkeypatch.setattr(book.recorder, "read_streams", read_streams)
    decide(book, [asked(lambda on: on.account(A), account=each) for each in (A, B, A, C)], now=STARTS_AT)
    assert queries == [[A, B, C]]
    assert isinstance(book.get(Account, C), Account)
