"""The runner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import make_conninfo

from ledger.datastore import Datastore
from ledger.events import ChunkSettled
from ledger.facts import Fact
from ledger.ids import settlement_stream
from ledger.recorder import LogRecorder
from projections.accounts import Accounts
from projections.catalogue import projections
from projections.projection import Projection
from projections.rebuild import verify
from projections.rows import Rows
from projections.runner import Runner
from projections.settlements import Settlements, SettlementsProjection
from projections.weeks import Weeks, WeeksProjection
from tests.projections.book import Book, random_week

MOVES = [(number % 15, number * 7, number * 11) for number in range(150)]


class Broken(SettlementsProjection):
    """A release that cannot take one kind of event."""

    def apply(self, rows: Rows, fact: Fact) -> None:
        if isinstance(fact.event, ChunkSettled):
            raise ZeroDivisionError("a mistake")
        super().apply(rows, fact)


class Keyless(WeeksProjection):
    """A release that forgot which rows its fold asks for."""

    def keys(self, fact: Fact) -> Iterator[tuple[type, object]]:
        yield from ()


@pytest.fixture
def book() -> Book:
    """A week with three accounts in it."""
    book = Book()
    book.open_week()
    book.draw({"A": 2, "B": 1})
    return book


def append(datastore: Datastore, book: Book) -> None:
    book.append_to(LogRecorder(datastore, book.log))


def positions(runner: Runner) -> dict[str, int]:
    return {status.name: status.position for status in runner.status()}


@contextmanager
def running(runner: Runner) -> Iterator[None]:
    """The runner's loop, in a thread of its own."""
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_step_takes_a_batch_to_every_projection(datastore: Datastore, book: Book) -> None:
    """Rows and position move together, a batch at a time, until there is no news."""
    append(datastore, book)
    runner = Runner(datastore, projections())
    head = len(book.facts)
    assert runner.step(limit=head - 1) == len(projections()) * (head - 1)
    assert set(positions(runner).values()) == {head - 1}
    week = Weeks(datastore).week(book.log)
    assert week is not None
    assert week.state == "registering"
    assert runner.step() == len(projections())
    assert runner.step() == 0
    week = Weeks(datastore).week(book.log)
    assert week is not None
    assert (week.state, week.position) == ("grouped", head)
    assert all(status.lag == 0 and status.error is None for status in runner.status())


def test_each_log_has_its_own_position(datastore: Datastore) -> None:
    """News of one log is taken whatever the others hold, and `status` lists each projection in each log."""
    first, second = Book("2026-W47"), Book("2026-W48")
    for book in (first, second):
        book.open_week()
        append(datastore, book)
    runner = Runner(datastore, projections())
    assert runner.step() == 2 * len(projections())
    second.draw({"A": 1})
    append(datastore, second)
    lags = {(status.name, status.log): status.lag for status in runner.status()}
    assert lags["weeks", "2026-W47"] == 0
    assert lags["weeks", "2026-W48"] == len(second.facts) - 1
    assert len(lags) == 2 * len(projections())


def test_a_poison_event_stops_one_projection_only(
    datastore: Datastore, book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """It stands before the batch, says which fact stopped it, and keeps nothing; the others go on."""
    game = book.list_game("one")
    book.result(game)
    poison = book.add(settlement_stream(UUID(int=9)), ChunkSettled(bets=1, from_=1, paid=1, resolution=1, to=2))
    append(datastore, book)
    runner = Runner(datastore, projections())
    runner.step()
    stopped = {status.name: status for status in runner.status() if status.error is not None}
    assert list(stopped) == ["settlements"]
    error = stopped["settlements"].error or ""
    assert "settlements cannot take 2026-W47:" + str(poison.position) in error
    assert error in caplog.text
    assert positions(runner).pop("settlements") == 0
    assert Settlements(datastore).settlement(game) is None
    assert {position for name, position in positions(runner).items() if name != "settlements"} == {len(book.facts)}
    book.open_account(book.entry(9), "A")
    append(datastore, book)
    assert runner.step() == 2 * (len(projections()) - 1), "the stopped projection is left alone, the others follow"


def test_a_stopped_projection_goes_on_when_it_is_started_again(datastore: Datastore, book: Book) -> None:
    """A release that can take the fact starts from where the broken one stood, and skips nothing."""
    game = book.list_game("one")
    book.result(game)
    book.add(settlement_stream(game), ChunkSettled(bets=1, from_=1, paid=5, resolution=1, to=2))
    append(datastore, book)
    broken = Runner(datastore, [Broken()])
    assert broken.step() == 0
    mended = Runner(datastore, projections())
    mended.step()
    assert positions(mended)["settlements"] == 0
    with running(mended):
        while any(status.error for status in mended.status()):
            pass
        assert mended.wait_for(book.log, len(book.facts), timeout=60)
    settlement = Settlements(datastore).settlement(game)
    assert settlement is not None
    assert (settlement.bets, settlement.paid) == (1, 5)


def test_a_row_that_a_fold_did_not_announce_stops_it(datastore: Datastore, book: Book) -> None:
    """Else the live rows would differ from those of a rebuild."""
    append(datastore, book)
    runner = Runner(datastore, [Keyless()])
    assert runner.step(limit=1) == 1
    assert runner.step() == 0
    [status] = runner.status()
    assert "RowNotLoaded" in (status.error or "")


def test_an_event_of_a_later_release_stops_who_has_to_read_it(datastore: Datastore, book: Book) -> None:
    """It stands right before what it does not know; the tree, which hashes without reading, and another log go on."""
    append(datastore, book)
    recorder = LogRecorder(datastore, book.log)
    recorder.insert_events([StoredEvent(UUID(int=9), 1, "week.teleported", b"{}")])
    other = Book("2026-W48")
    other.open_week()
    append(datastore, other)
    runner = Runner(datastore, projections())
    assert runner.step() == (len(book.facts) + 1) * len(projections()) + 1
    assert runner.step() == 0
    for status in runner.status():
        if status.log == book.log and status.name != "tree":
            assert status.position == len(book.facts)
            assert f"{book.log}:{status.head}: topic 'week.teleported'" in (status.error or "")
        else:
            assert (status.lag, status.error) == (0, None)


def test_rows_that_do_not_fit_stop_their_projection(datastore: Datastore, book: Book) -> None:
    """What the table refuses is an error of the fact, told with the batch that it was in."""
    game = book.list_game("one")
    book.result(game, home_score=2**40)
    append(datastore, book)
    runner = Runner(datastore, projections())
    runner.step()
    stopped = {status.name: status.error or "" for status in runner.status() if status.error is not None}
    assert set(stopped) == {"board", "settlements"}
    assert f"2026-W47:1 to 2026-W47:{len(book.facts)}" in stopped["board"]
    assert "out of range" in stopped["board"]


def test_two_runners_at_once_are_harmless(dsn: str, datastore: Datastore) -> None:
    """Each fact is taken once by each projection, whoever takes it."""
    book = random_week("2026-W47", MOVES)
    append(datastore, book)
    taken: list[int] = []

    def follow() -> None:
        mine = Datastore(dsn)
        runner = Runner(mine, projections())
        while any(status.lag and status.error is None for status in runner.status()):
            taken.append(runner.step(limit=5))
        mine.close()

    threads = [threading.Thread(target=follow) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == len(projections()) * len(book.facts)
    assert verify(datastore) == []


def test_a_running_runner_follows_what_is_appended(datastore: Datastore, book: Book) -> None:
    """Whoever appended may wait until their own writes can be read."""
    runner = Runner(datastore, projections())
    with running(runner):
        append(datastore, book)
        assert runner.wait_for(book.log, len(book.facts), timeout=60)
        account = Accounts(datastore).account(book.entry(0))
        assert account is not None
        assert account.available == 1000
        book.stake(book.entry(0), book.list_game("one"), 300)
        append(datastore, book)
        assert runner.wait_for(book.log, len(book.facts), timeout=60, names=["accounts"])
        account = Accounts(datastore).account(book.entry(0))
        assert account is not None
        assert account.available == 700


def test_a_runner_outlives_its_connections(dsn: str, datastore: Datastore, book: Book) -> None:
    """When the server cuts them it connects again and goes on where the positions stand."""
    mine = Datastore(make_conninfo(dsn, application_name="projector"))
    runner = Runner(mine, projections())
    with running(runner):
        append(datastore, book)
        assert runner.wait_for(book.log, len(book.facts), timeout=60)
        with psycopg.connect(dsn, autocommit=True) as admin:
            cut = admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'projector'"
            ).fetchall()
        book.open_account(book.entry(9), "A")
        append(datastore, book)
        followed = Runner(datastore, projections())
        assert followed.wait_for(book.log, len(book.facts), timeout=60)
    mine.close()
    assert cut
    assert verify(datastore) == []


def test_a_projection_by_itself_runs_by_itself(datastore: Datastore, book: Book) -> None:
    """A runner of one projection leaves the positions of the others alone."""
    append(datastore, book)
    only: list[Projection] = list(projections("accounts"))
    assert Runner(datastore, only).step() == len(book.facts)
    standing = positions(Runner(datastore, projections()))
    assert {name for name, position in standing.items() if position} == {"accounts"}
