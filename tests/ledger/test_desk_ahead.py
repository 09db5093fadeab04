"""While stakes are appended, the next ones are decided as if those stood; where they do not, nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from ledger import listing
from ledger.account import InsufficientCredits
from ledger.book import Decision
from ledger.desk import Desk, LedgerUnavailable
from ledger.events import StakePlaced
from ledger.facts import Fact
from ledger.game import MarketClosed
from ledger.recorder import Appended, Batch
from tests.examples import WEEK
from tests.ledger.desks import Append, once, replace_append, watched
from tests.ledger.playing import PATIENCE, House, Listed

LOST = psycopg.OperationalError("the connection is lost")


@pytest.fixture
def entries(house: House) -> list[UUID]:
    """Four entries of a week that is drawn."""
    return house.grouped(4)


@pytest.fixture
def game(house: House, entries: list[UUID]) -> Listed:
    """A game on the board."""
    return house.list_game()


@pytest.fixture
def desk(house: House, game: Listed, entries: list[UUID]) -> Desk:
    """The desk of the week, which has the board and the accounts."""
    for entry in entries:
        house.available(entry)
    return house.ledger.desk(WEEK)


def during(desk: Desk, happens: Callable[[], object]) -> None:
    """Let something happen just before the next append is sent: what is asked there is what it finds queued."""

    def asking(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        happens()
        return real(batch, on=on)

    replace_append(desk, once(asking))


def known_when_decided(desk: Desk, entry: UUID, known: list[int]) -> Future[None]:
    """Ask something about an account that notes up to where the log was known."""

    def decide(on: Decision) -> None:
        on.account(entry)
        known.append(on.known)

    return desk.ask(decide, actor="tester", request="r", account=entry)


def available(answer: Future[Fact]) -> int:
    event = answer.result(PATIENCE).event
    assert isinstance(event, StakePlaced)
    return event.available


def test_stakes_are_decided_while_others_are_appended(
    house: House, game: Listed, entries: list[UUID], desk: Desk
) -> None:
    """On what those leave, in an append of their own, and with the next positions."""
    known: list[int] = []
    later: list[Future[Any]] = []

    def ask() -> None:
        later.append(known_when_decided(desk, entries[1], known))
        later.extend(house.bet(entries[0], game, stake=400, key=f"ahead {number}") for number in range(2))

    during(desk, ask)
    seen = watched(desk)
    first = house.bet(entries[0], game, stake=400)
    position = first.result(PATIENCE).position
    assert available(later[1]) == 200
    assert later[1].result(PATIENCE).position == position + 1
    with pytest.raises(InsufficientCredits, match="200 are available"):
        later[2].result(PATIENCE)
    assert known == [position - 1]
    assert [(count, len(appended.left_out)) for count, appended in seen] == [(1, 0), (1, 0)]
    house.audit()


def test_what_was_decided_before_news_came_is_decided_again(
    house: House, game: Listed, entries: list[UUID], desk: Desk
) -> None:
    """Another desk appended in front of the stakes under way: what counts is what it left."""
    known: list[int] = []
    later: list[Future[Any]] = []
    other = house.another()

    def ask() -> None:
        other.must_bet(entries[1], game, stake=900, key="elsewhere")
        later.append(known_when_decided(desk, entries[2], known))
        later.append(house.bet(entries[1], game, stake=60, key="k1"))
        later.append(house.bet(entries[1], game, stake=60, key="k2"))

    during(desk, ask)
    first = house.bet(entries[0], game)
    position = first.result(PATIENCE).position
    assert available(later[1]) == 40
    with pytest.raises(InsufficientCredits, match="40 are available"):
        later[2].result(PATIENCE)
    assert known == [position - 2, position]
    house.audit()


def test_stake_on_one_that_is_left_out_is_decided_again(
    house: House, game: Listed, entries: list[UUID], desk: Desk
) -> None:
    """Behind it: both had been decided on credits that were gone."""
    later: list[Future[Fact]] = []
    other = house.another()

    def ask() -> None:
        other.must_bet(entries[0], game, stake=500, key="elsewhere")
        later.append(house.bet(entries[0], game, stake=300, key="later"))

    during(desk, ask)
    assert available(house.bet(entries[0], game, stake=300, key="first")) == 200
    with pytest.raises(InsufficientCredits, match="200 are available"):
        later[0].result(PATIENCE)
    house.audit()


def answer_lost(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
    """It is committed, and the answer does not arrive."""
    real(batch, on=on)
    raise LOST


def never_sent(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
    """What was asked meanwhile was decided, and the commit did not come."""
    real.keywords["meanwhile"]()  # type: ignore[attr-defined]
    raise LOST


@pytest.mark.parametrize("trouble", [answer_lost, never_sent])
def test_stakes_decided_ahead_of_an_append_in_doubt_are_there_once(
    house: House, game: Listed, entries: list[UUID], desk: Desk, trouble: Callable[..., Appended]
) -> None:
    """Whether what they rested on was appended or not."""
    later: list[Future[Fact]] = []

    def asking(real: Append, batch: Batch, on: Connection[Any] | None) -> Appended:
        later.extend(house.bet(entries[0], game, stake=100, key=f"ahead {number}") for number in range(3))
        return trouble(real, batch, on)

    replace_append(desk, once(asking))
    first = house.bet(entries[0], game, stake=100)
    assert available(first) == 900
    assert [available(bet) for bet in later] == [800, 700, 600]
    assert len(house.events(StakePlaced)) == 4
    house.audit()


def test_what_cannot_be_read_ahead_keeps_no_answer_back(
    house: House, game: Listed, entries: list[UUID], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that is not in memory, while the connection for it is lost: it is read for the next append."""
    later: list[Future[Fact]] = []
    failed: list[bool] = []
    real = desk.recorder.read_streams

    def failing_once(streams: Any) -> Any:
        if not failed:
            failed.append(True)
            raise LOST
        return real(streams)

    def ask() -> None:
        desk.book.drop([entries[1]])
        monkeypatch.setattr(desk.recorder, "read_streams", failing_once)
        later.append(house.bet(entries[0], game, stake=100, key="same account"))
        later.append(house.bet(entries[1], game, stake=100))

    during(desk, ask)
    assert available(house.bet(entries[0], game, stake=100)) == 900
    assert [available(bet) for bet in later] == [800, 900]
    assert failed
    house.audit()


def test_only_stakes_are_decided_ahead_and_keep_their_place(
    house: House, game: Listed, entries: list[UUID], desk: Desk
) -> None:
    """A lock that is asked between two stakes comes between them."""
    later: list[Future[Any]] = []

    def ask() -> None:
        later.append(house.bet(entries[1], game))
        later.append(house.on_board(listing.lock, game, why="in progress", started_at=None))
        later.append(house.bet(entries[2], game))

    during(desk, ask)
    first = house.bet(entries[0], game).result(PATIENCE)
    (locked,) = later[1].result(PATIENCE)
    assert later[0].result(PATIENCE).position == first.position + 1 == locked.position - 1
    with pytest.raises(MarketClosed):
        later[2].result(PATIENCE)
    house.audit()


def test_nothing_is_decided_on_a_lock_that_is_not_in_the_log(
    house: House, game: Listed, entries: list[UUID], desk: Desk
) -> None:
    """Stakes behind it wait for its commit."""
    known: list[int] = []
    later: list[Future[Any]] = []
    during(desk, lambda: later.append(known_when_decided(desk, entries[0], known)))
    (locked,) = house.on_board(listing.lock, game, why="in progress", started_at=None).result(PATIENCE)
    later[0].result(PATIENCE)
    assert known == [locked.position]


def test_account_that_is_ahead_of_the_log_stays_in_memory(
    house: House, game: Listed, entries: list[UUID], desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little room there is: read again, it would be as it was."""
    monkeypatch.setattr("ledger.book.ACCOUNTS_KEPT", 1)
    later: list[Future[Fact]] = []
    during(desk, lambda: later.append(house.bet(entries[1], game, stake=100)))
    later.append(house.bet(entries[0], game, stake=100))
    later[0].result(PATIENCE)
    assert available(later[1]) == 900
    assert house.must_bet(entries[1], game, stake=100, key="k2").available == 800
    house.audit()


class Fault(BaseException):
    """Something that no desk can go on after."""


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_dying_while_deciding_ahead_leaves_nobody_waiting(
    house: House, game: Listed, entries: list[UUID], desk: Desk
) -> None:
    """Neither those under way nor those behind them."""
    later: list[Future[Any]] = []

    def fail(on: Decision) -> None:
        raise Fault

    def ask() -> None:
        later.append(desk.ask(fail, actor="tester", request="r", account=entries[1]))
        later.append(house.bet(entries[1], game))
        later.append(desk.ask(lambda on: on.week(), actor="tester", request="r"))

    during(desk, ask)
    first = house.bet(entries[0], game)
    for bet in (first, *later):
        with pytest.raises(LedgerUnavailable, match="died"):
            bet.result(PATIENCE)
    desk.close()
    assert [type(death) for death in house.deaths] == [Fault]
