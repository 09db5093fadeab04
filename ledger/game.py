"""A game as the write path sees it: its start, its markets and quotes, and whether it takes stakes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import (
    GameLocked,
    GameMovedOut,
    GameRescheduled,
    GameScheduled,
    GameUnlocked,
    MarketQuoted,
    MarketReopened,
    MarketSuspended,
)
from ledger.facts import Fact
from ledger.ids import market_id, odds_id
from ledger.instants import Instant

POSTPONED = "postponed"
SCHEDULED_START = "scheduled start"
IN_PROGRESS = "in progress"
SOURCE_SILENT = "source silent"
BY_OPERATOR = "operator"


class UnknownMarket(LedgerError):
    """No such market is listed."""

    code = "unknown_market"


class UnknownGame(LedgerError):
    """No such game is listed."""

    code = "unknown_game"


class GameMoved(LedgerError):
    """Something was done about the game since the operator looked at it."""

    code = "precondition_failed"


class UnknownOutcome(LedgerError):
    """The market does not offer this outcome."""

    code = "unknown_outcome"


class MarketClosed(LedgerError):
    """The market takes no stakes now: suspended, without a quote, or its game has started."""

    code = "market_closed"


class QuoteChanged(LedgerError):
    """The quote is no longer on the board; `quote` is the one that is."""

    code = "quote_changed"

    def __init__(self, message: str, quote: Quote) -> None:
        super().__init__(message)
        self.quote = quote


@dataclass(frozen=True, slots=True)
class Quote:
    """A line and its American prices by outcome, on offer from `at` on."""

    odds_id: UUID
    line: str | None
    prices: Mapping[str, int]
    source: str
    at: Instant


class Offer(NamedTuple):
    """One outcome of a market at the quote on the board: what a stake freezes."""

    game_id: UUID
    market_id: UUID
    odds_id: UUID
    market: str
    outcome: str
    line: str | None
    price: int


@dataclass(slots=True)
class Market:
    """A market of a game; `suspended` says why it takes no stakes, if so."""

    market_id: UUID
    market: str
    quote: Quote | None = None
    suspended: str | None = None


class Game(Aggregate):
    """One listing of a game in a week."""

    def __init__(self) -> None:
        self.listed: GameScheduled | None = None
        self.starts_at: Instant
        self.markets: dict[str, Market] = {}
        self.three_way_odds: set[UUID] = set()
        self.suspended: str | None = None
        self.is_held = False
        self.locked: str | None = None
        self.started_at: Instant | None = None
        self.moved_out = False

    @property
    def listing(self) -> GameScheduled:
        """How the game was listed."""
        if self.listed is None:
            raise UnknownMarket(f"game {self.id} is not listed in this week")
        return self.listed

    @property
    def is_postponed(self) -> bool:
        """Called off for now, and neither started nor given a new start since."""
        return self.suspended == POSTPONED and self.locked in (None, SCHEDULED_START) and self.started_at is None

    def schedule(
        self, *, external_id: str, league: str, home: str, away: str, starts_at: datetime, source: str
    ) -> Fact | None:
        """List the game; None where it is listed already."""
        if self.listed is not None:
            return None
        return self.trigger(
            GameScheduled(
                away=away,
                external_id=external_id,
                home=home,
                league=league,
                source=source,
                starts_at=Instant.of(starts_at),
            )
        )

    def reschedule(self, *, starts_at: datetime) -> Fact | None:
        """Move the start within the week: bets stand, and what was stopped for it opens again."""
        if starts_at == self.starts_at and not self.is_postponed:
            return None
        was_postponed = self.is_postponed
        moved = self.trigger(GameRescheduled(starts_at=Instant.of(starts_at)))
        if self.locked == SCHEDULED_START:
            self.trigger(GameUnlocked(why="rescheduled"))
        if was_postponed:
            self._reopen_after_postponement()
        return moved

    def _reopen_after_postponement(self) -> None:
        """Open all markets, but for what an operator stopped."""
        held = [each.market_id for each in self.markets.values() if each.suspended == BY_OPERATOR]
        is_held = self.is_held
        self.trigger(MarketReopened(market_id=None, why="rescheduled"))
        for stopped in [None, *held] if is_held else held:
            self.trigger(MarketSuspended(market_id=stopped, why=BY_OPERATOR))

    def move_out(self, *, starts_at: datetime) -> Fact | None:
        """End this listing: the start is no longer in the week."""
        return None if self.moved_out else self.trigger(GameMovedOut(starts_at=Instant.of(starts_at)))

    def quote(
        self, *, market: str, line: str | None, prices: Mapping[str, int], source: str, at: datetime
    ) -> Fact | None:
        """Put a line and prices on offer; None for what is not newer, or says nothing new."""
        current = self.markets[market].quote if market in self.markets else None
        if current is not None:
            if at <= current.at or source != current.source:
                return None
            if (line, dict(prices)) == (current.line, dict(current.prices)):
                return None
        market_key = market_id(self.id, market)
        return self.trigger(
            MarketQuoted(
                at=Instant.of(at),
                line=line,
                market=market,
                market_id=market_key,
                odds_id=odds_id(market_key, source, at),
                prices=dict(prices),
                source=source,
            )
        )

    def suspend(self, *, market: str | None, why: str) -> Fact | None:
        """Stop stakes on a market, or on the whole game; None where they are stopped already for as good a reason.

        A market that is stopped because its source is silent is stopped anew for what anybody says of it, and one that
        is stopped for anything else by an operator, so that it stays stopped when the first reason has gone.
        """
        if market is None:
            is_held = self.suspended == BY_OPERATOR and why != POSTPONED
            return None if self.suspended == why or is_held else self.trigger(MarketSuspended(market_id=None, why=why))
        stopped = self._market(market).suspended
        if stopped is not None and _weight(why) <= _weight(stopped):
            return None
        return self.trigger(MarketSuspended(market_id=market_id(self.id, market), why=why))

    def stopped_for(self, market: str | None) -> str | None:
        """Return why a market, or the whole game, is suspended, None where it is not."""
        return self.suspended if market is None else self._market(market).suspended

    def reopen(self, *, market: str | None, why: str) -> Fact | None:
        """Let stakes go on, on a market or on all of them; None where nothing was stopped."""
        if market is None:
            stopped = self.suspended or any(each.suspended for each in self.markets.values())
            return self.trigger(MarketReopened(market_id=None, why=why)) if stopped else None
        if self._market(market).suspended is None:
            return None
        return self.trigger(MarketReopened(market_id=market_id(self.id, market), why=why))

    def lock(self, *, why: str, started_at: datetime | None = None) -> Fact | None:
        """Stop stakes for good; a lock is repeated once it is learnt that the game did start, or when."""
        started = why == IN_PROGRESS and self.locked == SCHEDULED_START
        learnt = started_at is not None and started_at != self.started_at
        if self.locked is not None and not started and not learnt:
            return None
        known = Instant.of(started_at) if started_at is not None else self.started_at
        return self.trigger(GameLocked(started_at=known, why=why))

    def unlock(self, *, why: str) -> Fact | None:
        """Lift the lock."""
        return None if self.locked is None else self.trigger(GameUnlocked(why=why))

    def offer(self, *, market_id: UUID, odds_id: UUID, outcome: str, at: datetime) -> Offer:
        """Return what a stake would freeze; raises MarketClosed, QuoteChanged or UnknownOutcome."""
        market = self.market(market_id)
        stopped = self.stopped(market, at=at)
        if stopped is not None:
            raise MarketClosed(f"market {market_id} takes no stakes: {stopped}")
        quote = market.quote
        assert quote is not None
        if quote.odds_id != odds_id:
            raise QuoteChanged(f"market {market_id} is now quoted as {quote.odds_id}, not {odds_id}", quote)
        if outcome not in quote.prices:
            raise UnknownOutcome(f"market {market_id} offers {', '.join(sorted(quote.prices))}, not {outcome!r}")
        return Offer(self.id, market_id, odds_id, market.market, outcome, quote.line, quote.prices[outcome])

    def stopped(self, market: Market, *, at: datetime) -> str | None:
        """Say why a market takes no stakes at an instant, or None where it does."""
        if self.moved_out:
            return "the game moved out of the week"
        if self.locked is not None:
            return self.locked
        if at >= self.starts_at:
            return SCHEDULED_START
        return self.suspended or market.suspended or (None if market.quote else "no quote yet")

    def market(self, market_id: UUID) -> Market:
        """Return one of the game's markets by id; raises UnknownMarket."""
        # UUIDs are compared by Python code, and this is part of each bet.
        wanted = market_id.int
        for market in self.markets.values():
            if market.market_id.int == wanted:
                return market
        raise UnknownMarket(f"game {self.id} has no market {market_id}")

    def _market(self, name: str) -> Market:
        return self.markets.get(name) or Market(market_id(self.id, name), name)

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case GameScheduled() as event:
                self.listed = event
                self.starts_at = event.starts_at
            case GameRescheduled(starts_at=starts_at):
                self.starts_at = starts_at
            case GameMovedOut():
                self.moved_out = True
            case MarketQuoted() as event:
                market = self.markets.setdefault(event.market, self._market(event.market))
                market.quote = Quote(event.odds_id, event.line, event.prices, event.source, event.at)
                if "draw" in event.prices:
                    self.three_way_odds.add(event.odds_id)
            case MarketSuspended(market_id=None, why=why):
                self.suspended = why
                # It stays so while it is called off, and until an operator lets it go on.
                self.is_held = self.is_held or why == BY_OPERATOR
            case MarketSuspended(market_id=stopped, why=why):
                self._by_id(stopped).suspended = why
            case MarketReopened(market_id=None):
                self.suspended = None
                self.is_held = False
                for market in self.markets.values():
                    market.suspended = None
            case MarketReopened(market_id=reopened):
                self._by_id(reopened).suspended = None
            case GameLocked(started_at=started_at, why=why):
                self.locked = why
                self.started_at = started_at
            case GameUnlocked():
                self.locked = None
                self.started_at = None

    def _by_id(self, wanted: UUID | None) -> Market:
        """Return a market that an event names; one that is suspended before its first quote is made here."""
        for name in ("moneyline", "spread", "total"):
            if market_id(self.id, name) == wanted:
                return self.markets.setdefault(name, Market(market_id(self.id, name), name))
        raise UnknownMarket(f"game {self.id} has no market {wanted}")


def _weight(why: str) -> int:
    return {SOURCE_SILENT: 0, BY_OPERATOR: 2}.get(why, 1)
