"""Whatever the feed and the clock say of a game, in whatever order: its offers are those of a plain model."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.game import POSTPONED, SCHEDULED_START, Game, MarketClosed, QuoteChanged, UnknownMarket
from ledger.ids import market_id, odds_id
from tests.examples import GAME, MARKETS, STARTS_AT, at
from tests.given import given

markets = st.sampled_from(sorted(MARKETS))
minutes = st.integers(1, 60 * 24 * 6)
whys = st.sampled_from(["news", POSTPONED])


@dataclass
class ModelMarket:
    """What is on offer, and whether it was stopped."""

    source: str | None = None
    at: datetime = STARTS_AT
    quote: tuple[str | None, dict[str, int]] = (None, {})
    stopped: bool = False


@dataclass
class ModelGame:
    """A game as the model keeps it."""

    starts_at: datetime = STARTS_AT
    locked: str | None = None
    stopped: str | None = None
    moved_out: bool = False
    markets: dict[str, ModelMarket] = field(default_factory=lambda: {name: ModelMarket() for name in MARKETS})


def instant(minute: int) -> datetime:
    return STARTS_AT + timedelta(minutes=minute)


class GameMachine(RuleBasedStateMachine):
    """A listed game beside its model."""

    def __init__(self) -> None:
        super().__init__()
        self.given = given(Game, stream=GAME)
        self.model = ModelGame()

    @initialize(minute=minutes)
    def lists(self, minute: int) -> None:
        self.model.starts_at = instant(minute)
        teams = {"league": "NFL", "home": "BAL", "away": "CIN"}
        self.given.ask(lambda g: g.schedule(external_id="g1", starts_at=instant(minute), source="a", **teams))

    @rule(market=markets, minute=minutes, source=st.sampled_from("ab"), price=st.integers(100, 103))
    def quotes(self, market: str, minute: int, source: str, price: int) -> None:
        known = self.model.markets[market]
        said = (MARKETS[market]["line"], dict.fromkeys(MARKETS[market]["prices"], price))
        is_news = known.source is None or (
            known.source == source and instant(minute) > known.at and said != known.quote
        )
        events = self.given.ask(
            lambda g: g.quote(market=market, line=said[0], prices=said[1], source=source, at=instant(minute))
        )
        assert len(events) == is_news
        if is_news:
            known.source, known.at, known.quote = source, instant(minute), said

    @rule(market=markets)
    def suspends_a_market(self, market: str) -> None:
        known = self.model.markets[market]
        assert len(self.given.ask(lambda g: g.suspend(market=market, why="news"))) == (not known.stopped)
        known.stopped = True

    @rule(why=whys)
    def suspends_the_game(self, why: str) -> None:
        assert len(self.given.ask(lambda g: g.suspend(market=None, why=why))) == (self.model.stopped != why)
        self.model.stopped = why

    @rule(market=markets)
    def reopens_a_market(self, market: str) -> None:
        known = self.model.markets[market]
        assert len(self.given.ask(lambda g: g.reopen(market=market, why="news"))) == known.stopped
        known.stopped = False

    @rule()
    def reopens_the_game(self) -> None:
        stopped = self.model.stopped is not None or any(each.stopped for each in self.model.markets.values())
        assert len(self.given.ask(lambda g: g.reopen(market=None, why="news"))) == stopped
        self._reopen()

    @rule()
    def clock_locks(self) -> None:
        assert len(self.given.ask(lambda g: g.lock(why=SCHEDULED_START))) == (self.model.locked is None)
        self.model.locked = self.model.locked or SCHEDULED_START

    @rule()
    def result_locks(self) -> None:
        assert len(self.given.ask(lambda g: g.lock(why="result"))) == (self.model.locked is None)
        self.model.locked = self.model.locked or "result"

    @precondition(lambda self: self.model.locked is not None)
    @rule()
    def operator_unlocks(self) -> None:
        assert len(self.given.ask(lambda g: g.unlock(why="operator"))) == 1
        self.model.locked = None

    @rule(minute=minutes)
    def reschedules(self, minute: int) -> None:
        postponed = self.model.stopped == POSTPONED and self.model.locked in (None, SCHEDULED_START)
        moves = instant(minute) != self.model.starts_at or postponed
        unlocks = moves and self.model.locked == SCHEDULED_START
        events = self.given.ask(lambda g: g.reschedule(starts_at=instant(minute)))
        assert len(events) == moves + unlocks + (moves and postponed)
        if moves:
            self.model.starts_at = instant(minute)
        if unlocks:
            self.model.locked = None
        if postponed:
            self._reopen()

    @rule()
    def moves_out(self) -> None:
        assert len(self.given.ask(lambda g: g.move_out(starts_at=at("next Tue 20:00")))) == (not self.model.moved_out)
        self.model.moved_out = True

    def _reopen(self) -> None:
        self.model.stopped = None
        for known in self.model.markets.values():
            known.stopped = False

    @rule(market=markets, minute=minutes, stale=st.booleans())
    def offers_what_the_model_offers(self, market: str, minute: int, stale: bool) -> None:
        known, wanted = self.model.markets[market], market_id(GAME, market)
        odds = odds_id(wanted, known.source or "a", known.at + timedelta(seconds=stale))
        outcome = min(MARKETS[market]["prices"])
        try:
            offer = self.given.aggregate.offer(market_id=wanted, odds_id=odds, outcome=outcome, at=instant(minute))
        except UnknownMarket:
            assert known.source is None
        except MarketClosed:
            assert not self._is_open(known, minute)
        except QuoteChanged as changed:
            assert stale
            assert self._is_open(known, minute)
            assert (changed.quote.line, changed.quote.prices) == known.quote
        else:
            assert self._is_open(known, minute)
            assert not stale
            assert (offer.line, offer.price) == (known.quote[0], known.quote[1][outcome])

    def _is_open(self, known: ModelMarket, minute: int) -> bool:
        stopped = self.model.moved_out or self.model.locked or self.model.stopped or known.stopped
        return not stopped and known.source is not None and instant(minute) < self.model.starts_at

    @invariant()
    def replay_gives_the_same_game(self) -> None:
        self.given.read_again()


TestGame = GameMachine.TestCase
TestGame.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
