"""A game's markets follow the newest quote of one source, and take stakes only while nothing stops them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger.events import (
    Event,
    GameLocked,
    GameMovedOut,
    GameRescheduled,
    GameScheduled,
    GameUnlocked,
    MarketReopened,
    MarketSuspended,
)
from ledger.facts import Fact
from ledger.game import (
    BY_OPERATOR,
    POSTPONED,
    SCHEDULED_START,
    SOURCE_SILENT,
    Game,
    MarketClosed,
    Offer,
    QuoteChanged,
    UnknownMarket,
)
from ledger.game import UnknownOutcome as NoSuchOutcome
from ledger.ids import odds_id
from tests.examples import GAME, KICK_OFF, MARKETS, MONEYLINE, SOURCE, SPREAD, TOTAL, at, game_scheduled, offer, quoted
from tests.given import Given
from tests.given import given as given_any

QUOTED_AT = at("Tue 10:00")
SATURDAY = at("Sat 13:00")
BEFORE = KICK_OFF - timedelta(microseconds=1)
LISTED = game_scheduled()
STARTED = GameLocked(started_at=None, why=SCHEDULED_START)


def given(*history: Event) -> Given[Game]:
    return given_any(Game, *history, stream=GAME)


def quoting(
    market: str = "spread", *, when: datetime = QUOTED_AT, source: str = SOURCE, **terms: Any
) -> Callable[[Game], Fact | None]:
    said = MARKETS[market] | terms
    return lambda game: game.quote(market=market, line=said["line"], prices=said["prices"], source=source, at=when)


def offering(
    market: UUID = SPREAD, odds: UUID | None = None, outcome: str = "home", when: datetime = BEFORE
) -> Callable[[Game], Offer]:
    wanted = odds or odds_id(market, SOURCE, QUOTED_AT)
    return lambda game: game.offer(market_id=market, odds_id=wanted, outcome=outcome, at=when)


def listing(**changes: Any) -> Callable[[Game], Fact | None]:
    event = game_scheduled(**changes)
    fields = {name: getattr(event, name) for name in GameScheduled.__struct_fields__}
    return lambda game: game.schedule(**fields)


def suspended(market_id: UUID | None = None, why: str = "news") -> MarketSuspended:
    return MarketSuspended(market_id=market_id, why=why)


def reopened(market_id: UUID | None = None, why: str = "news") -> MarketReopened:
    return MarketReopened(market_id=market_id, why=why)


def test_game_is_listed_once() -> None:
    """The first listing stands; another one of the same id changes nothing."""
    given().when(listing()).then(LISTED)
    given(LISTED).when(listing()).then()
    given(LISTED).when(listing(home="MIA")).then()


@pytest.mark.parametrize("market", ["moneyline", "spread", "total"])
def test_first_quote_is_put_on_offer(market: str) -> None:
    """A quote's id follows from its market, source and time, and each of its prices can be taken."""
    game = given(LISTED).when(quoting(market)).then(quoted(market))
    for outcome, price in MARKETS[market]["prices"].items():
        taken = offering(quoted(market).market_id, outcome=outcome)(game)
        assert taken == offer(market, outcome)
        assert taken.price == price


LATER = QUOTED_AT + timedelta(seconds=1)
OTHER_PRICES = {"home": -115, "away": -105}


@pytest.mark.parametrize(
    ("quote", "news"),
    [
        (quoting(when=LATER, prices=OTHER_PRICES), quoted(when=LATER, prices=OTHER_PRICES)),
        (quoting(when=LATER, line="-6.5"), quoted(when=LATER, line="-6.5")),
        (quoting("total", when=QUOTED_AT), quoted("total")),
        (quoting(when=LATER), None),
        (quoting(when=QUOTED_AT, prices=OTHER_PRICES), None),
        (quoting(when=QUOTED_AT - timedelta(seconds=1), prices=OTHER_PRICES), None),
        (quoting(when=LATER, prices=OTHER_PRICES, source="another"), None),
    ],
    ids=["prices", "line", "other market", "same content", "same time", "older", "other source"],
)
def test_only_a_newer_quote_of_the_same_source_that_says_something_new_is_an_event(
    quote: Callable[[Game], Fact | None], news: Event | None
) -> None:
    """What is not newer, not from the market's source, or says the same leaves the board as it is."""
    given(LISTED, quoted()).when(quote).then(*([news] if news else []))


def test_each_market_follows_a_source_of_its_own() -> None:
    """The spread's source does not bind the total."""
    given(LISTED, quoted()).when(quoting("total", source="another")).then(quoted("total", source="another"))


def test_older_quote_named_by_a_stake_brings_the_new_one() -> None:
    """The refusal carries the quote on the board, for the client to show."""
    newer = quoted(when=LATER, prices=OTHER_PRICES)
    game = given(LISTED, quoted(), newer).aggregate
    with pytest.raises(QuoteChanged) as refused:
        offering()(game)
    assert (refused.value.quote.odds_id, refused.value.quote.prices) == (newer.odds_id, OTHER_PRICES)
    assert offering(odds=newer.odds_id)(game).price == -115


def test_unchanged_quote_can_still_be_taken_after_it_was_repeated() -> None:
    """The same line and prices sent again keep the id under which they are on offer."""
    game = given(LISTED, quoted()).when(quoting(when=LATER)).then()
    assert offering()(game).odds_id == quoted().odds_id


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ((STARTED,), SCHEDULED_START),
        ((GameLocked(started_at=None, why="result"),), "result"),
        ((suspended(),), "news"),
        ((suspended(SPREAD, "line move"),), "line move"),
        ((suspended(why=POSTPONED),), POSTPONED),
        ((GameMovedOut(starts_at=at("next Tue 20:00")),), "moved out"),
    ],
)
def test_stopped_market_takes_no_stakes(history: tuple[Event, ...], why: str) -> None:
    """Locked, suspended or gone: the refusal says which."""
    given(LISTED, quoted(), *history).when(offering()).raises(MarketClosed, why)


def test_stakes_are_taken_until_the_scheduled_start() -> None:
    """The last microsecond before it is in time, the start itself is not."""
    assert offering(when=BEFORE)(given(LISTED, quoted()).aggregate) == offer()
    given(LISTED, quoted()).when(offering(when=KICK_OFF)).raises(MarketClosed, SCHEDULED_START)


def test_suspension_of_one_market_leaves_the_others_open() -> None:
    """A market is stopped alone, or the whole game is."""
    game = given(LISTED, quoted(), quoted("total"), suspended(SPREAD)).aggregate
    assert offering(TOTAL, outcome="over")(game).market == "total"
    given(LISTED, quoted(), quoted("total"), suspended()).when(offering(TOTAL, outcome="over")).raises(MarketClosed)


def test_market_suspended_before_its_first_quote_is_shown_and_not_bettable() -> None:
    """The quote that arrives goes on the board, and waits there for the market to reopen."""
    history = (LISTED, suspended(SPREAD, "not yet"), quoted())
    game = given(*history).aggregate
    assert game.markets["spread"].quote is not None
    given(*history).when(offering()).raises(MarketClosed, "not yet")
    assert offering()(given(*history, reopened(SPREAD)).aggregate) == offer()


def test_market_without_a_quote_takes_no_stakes() -> None:
    """A market may be known, by its suspension, before there is anything to take."""
    given(LISTED, suspended(SPREAD), reopened(SPREAD)).when(offering()).raises(MarketClosed, "no quote yet")


def test_what_is_not_offered_is_refused() -> None:
    """An outcome that the market does not have, and a market that the game does not have."""
    given(LISTED, quoted()).when(offering(outcome="draw")).raises(NoSuchOutcome, "offers away, home, not 'draw'")
    given(LISTED, quoted()).when(offering(TOTAL)).raises(UnknownMarket, str(TOTAL))
    given().when(lambda game: game.listing).raises(UnknownMarket, "not listed")


def test_three_way_moneyline_offers_a_draw() -> None:
    """A draw price makes its quote three-way, for bets on any of its outcomes."""
    three_way = quoted("moneyline", prices={"home": 120, "draw": 240, "away": 210})
    game = given(LISTED, three_way).aggregate
    assert offering(MONEYLINE, outcome="draw")(game).price == 240
    assert game.three_way_odds == {three_way.odds_id}
    assert given(LISTED, quoted("moneyline")).aggregate.three_way_odds == set()


@pytest.mark.parametrize(
    ("history", "market", "news"),
    [
        ((), "spread", suspended(SPREAD)),
        ((), "total", suspended(TOTAL)),
        ((), None, suspended()),
        ((suspended(SPREAD),), "spread", None),
        ((suspended(SPREAD, SOURCE_SILENT),), "spread", suspended(SPREAD)),
        ((suspended(SPREAD, BY_OPERATOR),), "spread", None),
        ((suspended(why=BY_OPERATOR),), None, None),
        ((suspended(),), None, None),
        ((suspended(why="other reason"),), None, suspended()),
        ((suspended(),), "spread", suspended(SPREAD)),
    ],
)
def test_suspending(history: tuple[Event, ...], market: str | None, news: Event | None) -> None:
    """What is stopped already is not stopped again, unless for a better reason: an operator's is the best of all."""
    suspending = given(LISTED, quoted(), *history).when(lambda game: game.suspend(market=market, why="news"))
    suspending.then(*([news] if news else []))


@pytest.mark.parametrize(
    ("history", "market", "news"),
    [
        ((), "spread", None),
        ((), None, None),
        ((suspended(SPREAD),), "spread", reopened(SPREAD)),
        ((suspended(SPREAD),), "moneyline", None),
        ((suspended(SPREAD),), None, reopened()),
        ((suspended(),), None, reopened()),
        ((suspended(),), "spread", None),
    ],
)
def test_reopening(history: tuple[Event, ...], market: str | None, news: Event | None) -> None:
    """Only what was stopped opens; reopening the game reopens every market of it."""
    reopening = given(LISTED, quoted(), *history).when(lambda game: game.reopen(market=market, why="news"))
    game = reopening.then(*([news] if news else []))
    if news:
        assert offering()(game) == offer()


FIRST, SECOND = at("Thu 20:17"), at("Thu 20:10")


@pytest.mark.parametrize(
    ("history", "started_at", "news"),
    [
        ((), None, GameLocked(started_at=None, why="said")),
        ((), FIRST, GameLocked(started_at=FIRST, why="said")),
        ((STARTED,), None, None),
        ((STARTED,), FIRST, GameLocked(started_at=FIRST, why="said")),
        ((GameLocked(started_at=FIRST, why="first"),), FIRST, None),
        ((GameLocked(started_at=FIRST, why="first"),), None, None),
        ((GameLocked(started_at=FIRST, why="first"),), SECOND, GameLocked(started_at=SECOND, why="said")),
    ],
)
def test_locking(history: tuple[Event, ...], started_at: datetime | None, news: Event | None) -> None:
    """A game is locked once, and once more for each real start that is learnt."""
    locking = given(LISTED, *history).when(lambda game: game.lock(why="said", started_at=started_at))
    locking.then(*([news] if news else []))


def test_unlocking_lifts_the_lock_and_forgets_the_start() -> None:
    """Only a locked game is unlocked."""
    game = given(LISTED, GameLocked(started_at=FIRST, why="error")).when(lambda game: game.unlock(why="operator"))
    assert game.then(GameUnlocked(why="operator")).started_at is None
    given(LISTED).when(lambda game: game.unlock(why="operator")).then()


MOVED = GameRescheduled(starts_at=SATURDAY)
CALLED_OFF = suspended(why=POSTPONED)


@pytest.mark.parametrize(
    ("history", "to", "news"),
    [
        ((), SATURDAY, (MOVED,)),
        ((), KICK_OFF, ()),
        ((MOVED,), SATURDAY, ()),
        ((STARTED,), SATURDAY, (MOVED, GameUnlocked(why="rescheduled"))),
        ((CALLED_OFF,), SATURDAY, (MOVED, reopened(why="rescheduled"))),
        ((CALLED_OFF,), KICK_OFF, (GameRescheduled(starts_at=KICK_OFF), reopened(why="rescheduled"))),
        ((CALLED_OFF, STARTED), SATURDAY, (MOVED, GameUnlocked(why="rescheduled"), reopened(why="rescheduled"))),
        ((GameLocked(started_at=FIRST, why="in progress"),), SATURDAY, (MOVED,)),
        ((suspended(),), SATURDAY, (MOVED,)),
    ],
)
def test_rescheduling(history: tuple[Event, ...], to: datetime, news: tuple[Event, ...]) -> None:
    """A new start lifts what was stopped for the old one: the clock's lock and a postponement, nothing else."""
    given(LISTED, quoted(), *history).when(lambda game: game.reschedule(starts_at=to)).then(*news)


def test_rescheduled_game_takes_stakes_until_its_new_start() -> None:
    """Bets stand, and more may be placed."""
    game = given(LISTED, quoted(), STARTED, MOVED, GameUnlocked(why="rescheduled")).aggregate
    assert offering(when=SATURDAY - timedelta(microseconds=1))(game) == offer()
    with pytest.raises(MarketClosed, match=SCHEDULED_START):
        offering(when=SATURDAY)(game)


@pytest.mark.parametrize(
    ("history", "postponed"),
    [
        ((), False),
        ((CALLED_OFF,), True),
        ((suspended(),), False),
        ((CALLED_OFF, STARTED), True),
        ((CALLED_OFF, GameLocked(started_at=FIRST, why="in progress")), False),
        ((CALLED_OFF, MOVED, reopened(why="rescheduled")), False),
    ],
)
def test_postponed_is_called_off_and_not_started_since(history: tuple[Event, ...], postponed: bool) -> None:
    """A new start, or a real one, ends a postponement; the clock's lock does not."""
    assert given(LISTED, *history).aggregate.is_postponed is postponed


def test_game_moves_out_once() -> None:
    """The listing ends when the start leaves the week."""
    out = GameMovedOut(starts_at=at("next Tue 20:00"))
    given(LISTED).when(lambda game: game.move_out(starts_at=out.starts_at)).then(out)
    given(LISTED, out).when(lambda game: game.move_out(starts_at=at("next Wed 20:00"))).then()
