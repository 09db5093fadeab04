"""A desk answers everybody after the commit: what stands, what was refused, and what had to be decided again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from ledger import closing, listing
from ledger.account import InsufficientCredits
from ledger.aggregate import LedgerError
from ledger.book import Decision
from ledger.deciding import RowThere
from ledger.desk import Desk, DeskClosed
from ledger.events import GameLocked, StakePlaced
from ledger.facts import Fact
from ledger.game import MarketClosed, QuoteChanged
from ledger.recorder import Appended, Batch, Row
from ledger.week import BettingClosed
from tests.examples import ENDS_AT, KICK_OFF, STARTS_AT, WEEK
from tests.ledger.desks import Append, gathered, once, replace_append, waiting_for_a_lock, watched
from tests.ledger.playing import PATIENCE, House, Listed

T = TypeVar("T")


def ask(desk: Desk, decide: Callable[[Decision], T], *, alone: bool = False) -> Future[T]:
    return desk.ask(decide, actor="tester", request="r", alone=alone)


@pytest.fixture
def entries(house: House) -> list[UUID]:
    """Ten entries of a week that is drawn."""
    return house.grouped(10)


@pytest.fixture
def game(house: House, entries: list[UUID]) -> Listed:
    """A game on the board."""
    return house.list_game()


def desk_of(house: House) -> Desk:
    """The desk of the week, which has read the board."""
    desk = house.ledger.desk(WEEK)
    ask(desk, lambda on: on.week()).result(PATIENCE)
    return desk


def test_concurrent_commands_are_one_commit(house: House, game: Listed, entries: list[UUID]) -> None:
    """What queued during the last commit is decided and appended together, and answered with its place."""
    desk = desk_of(house)
    seen = watched(desk)
    with gathered(desk):
        bets = [house.bet(entry, game) for entry in entries]
    facts = [bet.result(PATIENCE) for bet in bets]
    assert [count for count, _ in seen] == [len(entries)]
    first = facts[0].position
    assert [fact.position for fact in facts] == list(range(first, first + len(entries)))
    assert {fact.at for fact in facts} == {STARTS_AT}
    house.audit()


def test_commands_of_one_stream_see_one_another(house: House, game: Listed, entries: list[UUID]) -> None:
    """In a batch, too, a stake leaves less for the next one."""
    desk = desk_of(house)
    with gathered(desk):
        bets = [house.bet(entries[0], game, stake=400, key=f"k{number}") for number in range(3)]
    assert [bets[number].result(PATIENCE).event.available for number in (0, 1)] == [600, 200]  # type: ignore[attr-defined]
    with pytest.raises(InsufficientCredits, match="200 are available"):
        bets[2].result(PATIENCE)
    house.audit()


def test_one_stale_stream_keeps_no_neighbour_waiting(house: House, game: Listed, entries: list[UUID]) -> None:
    """Two bets on an account that another desk moves meanwhile are decided again; the nine others stand at once."""
    desk, other = desk_of(house), house.another()

    def moves(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        other.must_bet(entries[0], game, stake=900, key="elsewhere")
        return real(batch, on=on)

    seen = watched(desk)
    replace_append(desk, once(moves))
    with gathered(desk):
        stale = [house.bet(entries[0], game, stake=60, key=key) for key in ("k1", "k2")]
        fresh = [house.bet(entry, game) for entry in entries[1:]]
    assert len({bet.result(PATIENCE).position for bet in fresh}) == 9
    assert stale[0].result(PATIENCE).event.available == 40  # type: ignore[attr-defined]
    with pytest.raises(InsufficientCredits, match="40 are available"):
        stale[1].result(PATIENCE)
    (first_count, first), (second_count, second) = seen
    assert (first_count, len(first.left_out), second_count, len(second.left_out)) == (11, 1, 1, 0)
    assert second.base == first.base + 9
    house.audit()


def test_same_bet_sent_twenty_times_is_there_once(house: House, game: Listed, entries: list[UUID]) -> None:
    """Through two desks at the same moment: everybody gets the same answer."""
    houses = [house, house.another()]
    together = threading.Barrier(20)

    def sending(number: int) -> Fact:
        together.wait(PATIENCE)
        return houses[number % 2].bet(entries[0], game, stake=70).result(PATIENCE)

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(sending, range(20)))
    assert {(fact.position, fact.version, fact.at) for fact in answers} == {
        (answers[0].position, answers[0].version, answers[0].at)
    }
    assert len(house.events(StakePlaced)) == 1
    assert house.available(entries[0]) == 930


Ask = Callable[[House, Listed], object]


def on_board(command: Callable[..., Any], **terms: Any) -> Ask:
    return lambda house, game: house.on_board(command, game, **terms).result(PATIENCE)


def closing_the_week(house: House, game: Listed) -> object:
    """Another process's clock is ahead, at the week's end."""
    return ask(house.ledger.desk(WEEK), lambda on: on.week().close(at=ENDS_AT)).result(PATIENCE)


GATES: list[tuple[str, Ask, type[LedgerError]]] = [
    ("lock", on_board(listing.lock, why="in progress", started_at=None), MarketClosed),
    ("suspended game", on_board(listing.suspend, market=None, why="news"), MarketClosed),
    ("suspended market", on_board(listing.suspend, market="spread", why="news"), MarketClosed),
    ("postponed", on_board(listing.postpone), MarketClosed),
    ("moved out", on_board(listing.reschedule, starts_at=ENDS_AT), MarketClosed),
    ("result", lambda house, game: house.result(game), MarketClosed),
    ("new quote", lambda house, game: house.quote(game, at=STARTS_AT, line="-6.5").result(PATIENCE), QuoteChanged),
    ("close", closing_the_week, BettingClosed),
]


@pytest.mark.parametrize(("gate", "error"), [gate[1:] for gate in GATES], ids=[gate[0] for gate in GATES])
def test_stake_decided_before_a_gate_moved_is_not_appended_behind_it(
    house: House, game: Listed, entries: list[UUID], gate: Ask, error: type[LedgerError]
) -> None:
    """Another desk appended since: the store leaves the stake out, and it is decided again with the news."""
    desk_of(house)
    gate(house.another(), game)
    seen = watched(house.ledger.desk(WEEK))
    with pytest.raises(error):
        house.bet(entries[0], game).result(PATIENCE)
    assert [(count, len(appended.left_out)) for count, appended in seen] == [(1, 1)]
    assert house.events(StakePlaced) == []
    assert house.available(entries[0]) == 1000


def test_stake_in_a_batch_with_its_gate_stands_on_its_side(house: House, game: Listed, entries: list[UUID]) -> None:
    """Asked before the lock it is placed before it, asked after it is refused, in one append."""
    desk = desk_of(house)
    with gathered(desk):
        before = house.bet(entries[0], game)
        lock = house.on_board(listing.lock, game, why="in progress", started_at=None)
        after = house.bet(entries[1], game)
    (locked,) = lock.result(PATIENCE)
    assert before.result(PATIENCE).position == locked.position - 1
    assert isinstance(locked.event, GameLocked)
    with pytest.raises(MarketClosed):
        after.result(PATIENCE)
    house.audit()


def test_stake_decided_in_time_and_recorded_too_late_is_refused(
    house: House, game: Listed, entries: list[UUID]
) -> None:
    """The start comes between decision and commit: the store's time limit keeps the stake out of the log."""
    desk = desk_of(house)
    house.clock.now = KICK_OFF - timedelta(microseconds=1)

    def start_comes(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        house.clock.now = batch.now = KICK_OFF
        return real(batch, on=on)

    replace_append(desk, once(start_comes))
    with pytest.raises(MarketClosed, match="scheduled start"):
        house.bet(entries[0], game).result(PATIENCE)
    assert house.events(StakePlaced) == []


def test_refusal_on_old_news_is_decided_again(house: House, game: Listed, entries: list[UUID]) -> None:
    """A market that another desk reopened takes the stake; a refusal that wrote nothing is checked all the same."""
    house.on_board(listing.suspend, game, market=None, why="news").result(PATIENCE)
    house.another().on_board(listing.reopen, game, market=None, why="news").result(PATIENCE)
    assert house.must_bet(entries[0], game).stake == 100


def test_market_listed_elsewhere_is_found(house: House, game: Listed, entries: list[UUID]) -> None:
    """A desk that has not heard of it looks at the whole log before it says unknown."""
    desk_of(house)
    other = house.another().list_game("g2")
    assert house.must_bet(entries[0], other).game_id == other.game_id


def test_credits_won_elsewhere_can_be_staked(house: House, game: Listed, entries: list[UUID]) -> None:
    """Too few credits is an answer only on the account as it now is."""
    house.must_bet(entries[0], game, stake=1000)
    elsewhere, other = house.another(), house.list_game("g2")
    elsewhere.result(game, 35, 20)
    elsewhere.settle(game)
    assert house.must_bet(entries[0], other, stake=1909, key="k2").available == 0
    house.audit()


def breaking_off(game: Listed) -> Callable[[Decision], None]:
    """A command that triggers something and is then refused."""

    def decide(on: Decision) -> None:
        on.game(game.game_id).suspend(market=None, why="broken off")
        raise InsufficientCredits("midway")

    return decide


def test_command_that_breaks_off_leaves_no_trace(house: House, game: Listed, entries: list[UUID]) -> None:
    """Neither in the log nor in the cache, whether alone or between others in a batch."""
    desk = desk_of(house)
    for alone in (False, True):
        with pytest.raises(InsufficientCredits, match="midway"):
            ask(desk, breaking_off(game), alone=alone).result(PATIENCE)
    with gathered(desk):
        before = house.bet(entries[0], game)
        broken = ask(desk, breaking_off(game))
        after = [house.bet(entry, game) for entry in entries[1:]]
    with pytest.raises(InsufficientCredits, match="midway"):
        broken.result(PATIENCE)
    assert before.result(PATIENCE).version == 3
    assert [bet.result(PATIENCE).version for bet in after] == [3] * 9
    assert [fact for fact in house.facts() if fact.stream == game.game_id][-1].event.TOPIC == "game.market_quoted"
    house.audit()


def test_command_that_cannot_be_stored_fails_alone(house: House, game: Listed, entries: list[UUID]) -> None:
    """A key that the database cannot take, for instance, is no fault of its neighbours."""
    desk = desk_of(house)
    with gathered(desk):
        before = house.bet(entries[0], game)
        broken = house.bet(entries[1], game, key="\x00")
        after = house.bet(entries[2], game)
    assert before.result(PATIENCE).position + 1 == after.result(PATIENCE).position
    with pytest.raises(psycopg.DataError):
        broken.result(PATIENCE)
    assert house.available(entries[1]) == 1000
    house.audit()


def test_row_that_is_there_refuses_its_command_and_no_other(house: House, game: Listed, entries: list[UUID]) -> None:
    """Also not one that stands on the same stream in the same batch."""
    desk = desk_of(house)

    def writing(number: int) -> Callable[[Decision], Fact | None]:
        def decide(on: Decision) -> Fact | None:
            on.write(Row("entries", {"player_id": UUID(int=77), "week": WEEK, "entry": UUID(int=number)}))
            return on.game(game.game_id).suspend(market=None, why=f"news {number}")

        return decide

    with gathered(desk):
        commands = [ask(desk, writing(number)) for number in (1, 2)]
        neighbour = house.bet(entries[0], game, market="total", outcome="over")
    first = commands[0].result(PATIENCE)
    assert first is not None
    with pytest.raises(RowThere, match="is there already"):
        commands[1].result(PATIENCE)
    with pytest.raises(MarketClosed, match="news 1"):
        neighbour.result(PATIENCE)
    assert [fact.token for fact in house.facts() if fact.request == "r"] == [first.token]


def test_command_decided_alone_sees_the_whole_log(house: House, game: Listed, entries: list[UUID]) -> None:
    """It knows what others appended up to now, and nobody appends until it is through."""
    desk, other = desk_of(house), house.another()
    other.must_bet(entries[0], game)
    waiting: list[Any] = []

    def decide(on: Decision) -> tuple[int, Fact | None]:
        waiting.append(other.bet(entries[1], game))
        waiting_for_a_lock(house.dsn)
        assert not waiting[0].done()
        return on.known, on.game(game.game_id).suspend(market="total", why="alone")

    known, fact = ask(desk, decide, alone=True).result(PATIENCE)
    assert fact is not None
    assert fact.position == known + 1
    assert waiting[0].result(PATIENCE).position == fact.position + 1


def test_command_that_is_left_out_twice_is_decided_with_the_head_held(
    house: House, game: Listed, entries: list[UUID]
) -> None:
    """However busy a stream is elsewhere, nobody starves."""
    desk, other = desk_of(house), house.another()
    times: list[int] = []

    def decide(on: Decision) -> Fact | None:
        times.append(on.known)
        on.account(entries[0])
        if len(times) <= 2:
            other.must_bet(entries[0], game, key=f"busy {len(times)}", stake=1)
        else:
            with psycopg.connect(house.dsn) as connection, pytest.raises(psycopg.errors.LockNotAvailable):
                connection.execute("SELECT FROM heads WHERE log = %s FOR UPDATE NOWAIT", (WEEK,))
        return on.game(game.game_id).suspend(market="total", why="at last")

    fact = ask(desk, decide).result(PATIENCE)
    assert fact is not None
    assert len(times) == 3
    assert fact.position == house.recorder().head().position


def test_accounts_are_read_before_the_head_is_held(
    house: House, entries: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command about many accounts keeps nobody waiting while they are read, even if it would starve."""
    desk = desk_of(house)
    desk.book.drop(entries)
    held, read = desk.recorder.held, list[bool]()

    def holding() -> AbstractContextManager[Connection[Any]]:
        read.append(all(entry in desk.book.aggregates for entry in entries))
        return held()

    monkeypatch.setattr(desk.recorder, "held", holding)
    asked = desk.ask(
        lambda on: len(on.accounts(entries)), actor="settler", request="bulk", alone=True, accounts=entries
    )
    assert asked.result(PATIENCE) == len(entries)
    assert read == [True]


def test_closing_desk_answers_what_was_asked(house: House, game: Listed, entries: list[UUID]) -> None:
    """And takes nothing more."""
    desk = desk_of(house)
    with ThreadPoolExecutor(1) as threads:
        with gathered(desk):
            bets = [house.bet(entry, game) for entry in entries]
            closed = threads.submit(desk.close)
        assert all(isinstance(bet.result(PATIENCE).event, StakePlaced) for bet in bets)
        closed.result(PATIENCE)
    with pytest.raises(DeskClosed, match="is closed"):
        ask(desk, lambda on: on.week())


def test_desk_that_was_never_asked_closes(house: House) -> None:
    """It has no thread yet."""
    house.open_week()
    house.another().ledger.desk(WEEK).close()
    assert house.deaths == []


def test_week_that_is_not_open_is_refused(house: House) -> None:
    """Every command of a log that does not exist is told so."""
    with pytest.raises(LedgerError, match="not open"):
        closing.close_week(house.ledger, week="2026-W50", actor="clock", request="r").result(PATIENCE)
