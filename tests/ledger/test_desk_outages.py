"""When the database goes away around a commit: what is in the log is there once, and everybody gets an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.errors import DiskFull, ReadOnlySqlTransaction

from ledger.datastore import Datastore
from ledger.desk import Desk, DeskClosed, LedgerUnavailable
from ledger.events import StakePlaced
from ledger.recorder import Appended, Batch, LogRecorder
from tests.examples import WEEK
from tests.ledger.desks import Append, gathered, gone, kill_connections, once, replace_append, waiting_for_a_lock
from tests.ledger.playing import PATIENCE, House, Listed

LOST = psycopg.OperationalError("the connection is lost")


@pytest.fixture
def entries(house: House) -> list[UUID]:
    """Three entries of a week that is drawn."""
    return house.grouped(3)


@pytest.fixture
def game(house: House, entries: list[UUID]) -> Listed:
    """A game on the board."""
    return house.list_game()


def answer_lost(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
    """It is committed, and the answer does not arrive."""
    real(batch, on=on)
    raise LOST


def never_sent(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
    """It did not arrive."""
    raise LOST


def no_primary(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
    """Another server has become the primary."""
    raise ReadOnlySqlTransaction("cannot execute INSERT in a read-only transaction")


@pytest.mark.parametrize("trouble", [answer_lost, never_sent, no_primary])
def test_bet_in_doubt_is_placed_once_and_answered(
    house: House, game: Listed, entries: list[UUID], trouble: Callable[..., Appended]
) -> None:
    """Decided again under the same id, it finds itself in the log, or is appended now."""
    desk = house.ledger.desk(WEEK)
    replace_append(desk, once(trouble))
    with gathered(desk):
        bets = [house.bet(entry, game, stake=100 + number) for number, entry in enumerate(entries)]
    answers = [bet.result(PATIENCE) for bet in bets]
    assert [fact.event.stake for fact in answers] == [100, 101, 102]  # type: ignore[attr-defined]
    placed = [fact for fact in house.facts() if isinstance(fact.event, StakePlaced)]
    assert [(fact.token, fact.at) for fact in placed] == [(fact.token, fact.at) for fact in answers]
    assert house.available(entries[0]) == 900
    house.audit()


@pytest.mark.parametrize("trouble", [answer_lost, never_sent])
def test_enrolment_in_doubt_is_there_once(house: House, trouble: Callable[..., Appended]) -> None:
    """With its row in the same transaction."""
    house.open_week()
    replace_append(house.ledger.desk(WEEK), once(trouble))
    entry = house.enrol(UUID(int=1))
    assert house.ledger.entries.entry_of(player_id=UUID(int=1), week=WEEK) == entry
    assert [fact.event.TOPIC for fact in house.facts()] == ["week.opened", "entry.enrolled"]


def test_command_decided_alone_in_doubt_is_there_once(house: House, game: Listed, entries: list[UUID]) -> None:
    """The transaction that held the head is undone with its connection."""
    desk = house.ledger.desk(WEEK)
    replace_append(desk, once(answer_lost))
    fact = desk.ask(
        lambda on: on.game(game.game_id).suspend(market=None, why="alone"), actor="tester", request="r", alone=True
    ).result(PATIENCE)
    assert fact is not None
    assert fact.position == house.recorder().head().position
    house.audit()


def test_backend_killed_while_it_appends_loses_and_doubles_nothing(
    house: House, game: Listed, entries: list[UUID]
) -> None:
    """The bet waits for the head when its connection is ended; on another one it is placed."""
    house.available(entries[0])
    with house.recorder().held():
        bet = house.bet(entries[0], game)
        (waiting,) = waiting_for_a_lock(house.dsn)
        with psycopg.connect(house.dsn, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", (waiting,))
    placed = bet.result(PATIENCE)
    assert [fact.token for fact in house.facts() if isinstance(fact.event, StakePlaced)] == [placed.token]
    house.audit()


def test_service_outlives_a_restart_of_the_database(house: House, game: Listed, entries: list[UUID]) -> None:
    """Every connection is ended between two bets, again and again."""
    for number in range(3):
        assert kill_connections(house.dsn) > 0
        assert house.must_bet(entries[0], game, stake=100, key=f"k{number}").available == 900 - number * 100
    house.audit()


def test_bet_is_answered_although_the_news_did_not_come(
    house: House, game: Listed, entries: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the log; what others appended is read with the next command."""
    desk = house.ledger.desk(WEEK)
    house.available(entries[0])
    house.another().must_bet(entries[1], game)
    real, failed = desk.recorder.read_all, threading.Event()

    def failing_once(**pages: int) -> Any:
        if not failed.is_set():
            failed.set()
            raise LOST
        return real(**pages)

    monkeypatch.setattr(desk.recorder, "read_all", failing_once)
    assert house.must_bet(entries[0], game).available == 900
    assert failed.is_set()
    assert house.must_bet(entries[1], game, key="k2").available == 800
    house.audit()


@pytest.fixture
def impatient(house: House, entries: list[UUID]) -> Iterator[Desk]:
    """A desk that waits for a database for a moment only."""
    datastore = Datastore(house.dsn)
    datastore.pool.timeout = 0.2
    desk = Desk(LogRecorder(datastore, WEEK), clock=house.clock, on_death=house.deaths.append, patience_seconds=0.5)
    desk.ask(lambda on: on.week(), actor="tester", request="r").result(PATIENCE)
    yield desk
    desk.close()
    datastore.close()


def test_caller_is_told_when_the_database_stays_away(
    house: House, game: Listed, entries: list[UUID], impatient: Desk
) -> None:
    """After a while, everybody; and once it is back, commands go on."""

    def suspending() -> Any:
        return impatient.ask(
            lambda on: on.game(game.game_id).suspend(market=None, why="news"), actor="tester", request="r"
        )

    with gone(house.dsn):
        for command in [suspending() for _ in range(3)]:
            with pytest.raises(LedgerUnavailable, match="does not answer"):
                command.result(PATIENCE)
    assert suspending().result(PATIENCE).event.TOPIC == "game.market_suspended"
    house.ledger.datastore.drop_dead_connections()
    house.audit()


def test_database_that_is_back_in_time_is_not_noticed(house: House, game: Listed, entries: list[UUID]) -> None:
    """The bet waits, and is placed."""
    house.available(entries[0])
    with gone(house.dsn):
        bet = house.bet(entries[0], game)
        assert not bet.done()
    assert bet.result(PATIENCE).event.TOPIC == "account.stake_placed"
    house.audit()


def test_desk_says_that_its_writes_fail(house: House, game: Listed, entries: list[UUID]) -> None:
    """For as long as they do: a disk that is full may be read all the same."""
    desk = house.ledger.desk(WEEK)
    seen: list[bool] = []

    def full(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        seen.append(house.ledger.is_failing)
        if len(seen) < 3:
            raise DiskFull("could not extend file: No space left on device")
        return real(batch, on=on)

    assert not house.ledger.is_failing
    replace_append(desk, full)
    house.must_bet(entries[0], game)
    assert seen == [False, True, True]
    assert not house.ledger.is_failing
    house.audit()


class Fault(BaseException):
    """Something that no desk can go on after."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("place", ["append", "_conclude"])
def test_dying_desk_leaves_nobody_waiting(
    house: House, game: Listed, entries: list[UUID], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The batch under way and the queue behind it are answered, and the service is told to stop."""
    desk = house.ledger.desk(WEEK)
    reached, late = threading.Event(), threading.Event()

    def fail(*_: Any, **__: Any) -> Any:
        reached.set()
        late.wait(PATIENCE)
        raise Fault

    house.available(entries[0])
    monkeypatch.setattr(desk.recorder if place == "append" else desk, place, fail)
    under_way = house.bet(entries[0], game)
    assert reached.wait(PATIENCE)
    queued = house.bet(entries[1], game)
    late.set()
    for bet in (under_way, queued):
        with pytest.raises(LedgerUnavailable, match="died"):
            bet.result(PATIENCE)
    desk.close()
    with pytest.raises(DeskClosed):
        house.bet(entries[2], game)
    assert [type(death) for death in house.deaths] == [Fault]
