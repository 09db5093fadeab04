"""Rebuild and verify."""

from __future__ import annotations

from itertools import count
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.datastore import Datastore, cursor_on
from ledger.events import BetWon
from ledger.recorder import LogNotOpen, LogRecorder
from projections.accounts import Accounts
from projections.catalogue import UnknownProjection, projections
from projections.projection import ProjectionStopped
from projections.rebuild import FACTS_A_BATCH, Difference, rebuild, verify
from projections.runner import Runner
from tests.projections.book import KINDS_OF_MOVES, Book, random_week
from tests.projections.conftest import Project

MOVES = [(number % KINDS_OF_MOVES, number * 7, number * 11) for number in range(150)]
_numbers = count(1)


@pytest.fixture
def book() -> Book:
    """A week in which all kinds of things happened."""
    return random_week("2026-W47", MOVES)


def tamper(datastore: Datastore, statement: str, *values: object) -> None:
    with datastore.connection() as connection:
        assert cursor_on(connection).execute(statement.encode(), values).rowcount > 0


@given(
    moves=st.lists(st.tuples(st.integers(0, KINDS_OF_MOVES - 1), st.integers(0, 50), st.integers(0, 500)), max_size=60),
    limits=st.lists(st.integers(1, 30), min_size=1, max_size=5),
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_live_rows_equal_rebuilt_rows(
    datastore: Datastore, moves: list[tuple[int, int, int]], limits: list[int]
) -> None:
    """Whatever happened, and however it was batched: the live rows are those of one fold from the start."""
    book = random_week(f"{next(_numbers):04}-W01", moves)
    recorder = LogRecorder(datastore, book.log)
    runner = Runner(datastore, projections())
    for limit in limits:
        book.append_to(recorder, facts=2 * limit)
        runner.step(limit=limit)
    book.append_to(recorder)
    while runner.step(limit=limits[-1]):
        pass
    assert all(status.lag == 0 and status.error is None for status in runner.status())
    assert verify(datastore, log=book.log, facts_a_batch=40 + limits[0]) == []
    name = projections()[len(moves) % len(projections())].name
    [rebuilt] = rebuild(datastore, name=name, log=book.log, segment=limits[0])
    assert (rebuilt.flip.differing, rebuilt.flip.uncompared) == (0, ())
    assert verify(datastore, name=name, log=book.log) == []


@pytest.mark.parametrize("facts_a_batch", [FACTS_A_BATCH, 50])
def test_verify_names_a_tampered_row(datastore: Datastore, project: Project, book: Book, facts_a_batch: int) -> None:
    """Projection, place, table, key and column, what the log gives and what stands there, in however many batches."""
    project(book)
    entry = book.entry(0)
    account = Accounts(datastore).account(entry)
    assert account is not None
    tamper(datastore, "UPDATE accounts SET at_stake = at_stake + 1 WHERE entry = %s", entry)
    [difference] = verify(datastore, facts_a_batch=facts_a_batch)
    assert difference == Difference(
        projection="accounts",
        log=book.log,
        position=len(book.facts),
        table="accounts",
        key=entry,
        column="at_stake",
        expected=account.at_stake,
        found=account.at_stake + 1,
    )
    assert f"accounts {entry} at_stake: expected {account.at_stake}, found {account.at_stake + 1}" in str(difference)


@pytest.mark.parametrize("facts_a_batch", [FACTS_A_BATCH, 50])
def test_verify_finds_rows_that_are_missing_or_too_many(
    datastore: Datastore, project: Project, book: Book, facts_a_batch: int
) -> None:
    """One difference per projection, with no column."""
    project(book)
    tamper(datastore, "DELETE FROM bets WHERE bet_id = %s", min(book.bets))
    tamper(
        datastore,
        "INSERT INTO leaderboard SELECT log, %s, pool_id, pool_name, position, credits, at_stake, open_bets, won,"
        " lost, returned FROM leaderboard LIMIT 1",
        UUID(int=1),
    )
    missing, extra = verify(datastore, facts_a_batch=facts_a_batch)
    assert (missing.projection, missing.key, missing.column, missing.found) == ("bets", min(book.bets), None, None)
    assert (extra.projection, extra.key, extra.column, extra.expected) == ("leaderboard", UUID(int=1), None, None)


def test_verify_compares_where_a_projection_stands(datastore: Datastore, project: Project, book: Book) -> None:
    """One that is behind differs in nothing; neither does one that has not begun."""
    runner = project(book)
    book.stake(book.entry(0), book.list_game("three"), 1)
    book.append_to(LogRecorder(datastore, book.log))
    unread = Book("2026-W48")
    unread.open_week()
    unread.append_to(LogRecorder(datastore, unread.log))
    Runner(datastore, projections("bets")).step()
    assert {status.lag for status in runner.status() if status.log == book.log} == {0, 2}
    assert verify(datastore) == verify(datastore, facts_a_batch=len(book.facts) - 2) == []


def test_a_rebuild_repairs_the_rows(datastore: Datastore, project: Project, book: Book) -> None:
    """After it nothing differs, and each projection stands at the head."""
    runner = project(book)
    tamper(datastore, "UPDATE accounts SET available = 0")
    tamper(datastore, "DELETE FROM markets")
    tamper(datastore, "UPDATE weeks SET seed = 'another'")
    rebuild(datastore)
    assert verify(datastore) == []
    assert all(status.lag == 0 for status in runner.status())


def test_a_rebuild_keeps_to_what_was_named(datastore: Datastore, project: Project, book: Book) -> None:
    """One projection of one log is made anew; the others stay as they are."""
    other = random_week("2026-W48", MOVES)
    project(book)
    project(other)
    tamper(datastore, "UPDATE accounts SET available = 0")
    tamper(datastore, "UPDATE leaderboard SET credits = 0")
    rebuild(datastore, name="accounts", log=book.log)
    assert {(each.projection, each.log) for each in verify(datastore)} == {
        ("accounts", other.log),
        ("leaderboard", book.log),
        ("leaderboard", other.log),
    }
    assert verify(datastore, name="accounts", log=book.log) == []


def test_the_game_goes_on_during_a_rebuild(datastore: Datastore, project: Project, book: Book) -> None:
    """What is appended and taken meanwhile is in the rebuilt rows, too."""
    runner = project(book)
    recorder = LogRecorder(datastore, book.log)
    tamper(datastore, "UPDATE accounts SET available = 0")

    def meanwhile(done: int, total: int) -> None:
        book.stake(book.entry(0), book.list_game("meanwhile"), 1)
        book.append_to(recorder)
        assert runner.step() > 0

    rebuild(datastore, progress=meanwhile)
    assert all(status.position == len(book.facts) for status in runner.status())
    assert verify(datastore) == []


def test_verification_writes_nothing_that_lasts(datastore: Datastore, project: Project, book: Book) -> None:
    """Neither rows nor tables, however many batches it takes."""
    runner = project(book)
    tamper(datastore, "UPDATE accounts SET available = 0")
    with datastore.connection() as connection:
        count_tables = "SELECT count(*) FROM pg_class WHERE relkind = 'r'"
        before = cursor_on(connection).execute(count_tables).fetchall()
        found = verify(datastore, facts_a_batch=50)
        assert cursor_on(connection).execute(count_tables).fetchall() == before
    assert found == verify(datastore) != []
    assert {status.lag for status in runner.status()} == {0}


def test_progress_is_told_in_facts(datastore: Datastore, project: Project, book: Book) -> None:
    """Growing, over all logs, up to the total."""
    other = random_week("2026-W48", MOVES[:50])
    project(book)
    project(other)
    total = len(book.facts) + len(other.facts)
    told: list[tuple[int, int]] = []

    def tell(done: int, of: int) -> None:
        told.append((done, of))

    for work in (rebuild, verify):
        told.clear()
        work(datastore, progress=tell)
        assert told == [(len(book.facts), total), (total, total)]


def test_a_rebuild_starts_a_stopped_projection_again(datastore: Datastore, project: Project, book: Book) -> None:
    """Its error is forgotten when the whole log could be folded."""
    runner = project(book)
    tamper(datastore, "UPDATE projection_positions SET error = 'a mistake', position = 5 WHERE name = 'bets'")
    rebuild(datastore, name="bets")
    assert all(status.lag == 0 and status.error is None for status in runner.status())
    assert verify(datastore) == []


def test_a_rebuild_that_cannot_be_done_changes_nothing(datastore: Datastore, project: Project, book: Book) -> None:
    """The error names the fact; readers keep the rows that they had."""
    project(book)
    before = Accounts(datastore).members(book.pool("A"))
    poison = book.add(book.entry(0), BetWon(available=1, bet_id=UUID(int=1), payout=1, resolution=1))
    runner = project(book)
    with pytest.raises(ProjectionStopped, match=f"cannot take {poison.token}"):
        rebuild(datastore, name="accounts")
    assert Accounts(datastore).members(book.pool("A")) == before
    assert {status.name for status in runner.status() if status.error} == {"accounts", "bets", "leaderboard", "journal"}


def test_what_does_not_exist_is_not_rebuilt(datastore: Datastore, project: Project, book: Book) -> None:
    """A misspelt projection or log is refused, for verification too."""
    project(book)
    for work in (rebuild, verify):
        with pytest.raises(UnknownProjection, match="account"):
            work(datastore, name="account")
        with pytest.raises(LogNotOpen, match="2026-W01"):
            work(datastore, log="2026-W01")
