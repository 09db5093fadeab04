"""How a game's markets are shown: what is on offer, and whether a stake would be taken now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.moments import Moment
from api.quotes import QuoteShown, shown_prices
from api.services import Services
from ledger.game import SCHEDULED_START
from projections.board import Game, Market


class MarketShown(BaseModel):
    """A market: `is_open` for stakes, or why not in `closed_because`.

    `locked`: for good, because the game starts or left the week. `suspended`: for now. `closing_soon`: the game is
    about to start. No stake is taken from `closes_at` on, the game's scheduled start. `bettable`: open, and the week
    is drawn and not closed, so that a stake of one of its players at this quote would be taken now.
    """

    market_id: UUID
    market: str = Field(examples=["spread"])
    quote: QuoteShown
    bettable: bool
    is_open: bool
    closed_because: str | None = Field(examples=["scheduled start"])
    locked: bool
    suspended: bool
    closing_soon: bool
    closes_at: Moment


def shown_markets(services: Services, games: Sequence[Game], *, now: datetime) -> Mapping[UUID, list[MarketShown]]:
    """Return the quoted markets of some games as they are shown, by game."""
    weeks = {log: services.views.weeks.week(log) for log in {game.log for game in games}}
    taking = {log for log, week in weeks.items() if week is not None and week.state == "grouped"}
    found = services.views.board.markets_of_games([game.game_id for game in games])
    by_game = {game_id: list(group) for game_id, group in groupby(found, attrgetter("game_id"))}
    return {
        game.game_id: [
            _market(market, game, takes_stakes=game.log in taking, now=now, closing_soon=services.closing_soon)
            for market in by_game.get(game.game_id, [])
        ]
        for game in games
    }


def _market(market: Market, game: Game, *, takes_stakes: bool, now: datetime, closing_soon: timedelta) -> MarketShown:
    """Show a market as the ledger would judge a stake now; the ledger decides anew when one comes."""
    locked = "moved out of the week" if game.state == "moved_out" else game.locked
    if locked is None and now >= game.starts_at:
        locked = SCHEDULED_START
    suspended = game.suspended or market.suspended
    is_open = locked is None and suspended is None
    return MarketShown(
        market_id=market.market_id,
        market=market.market,
        quote=_quote(market),
        bettable=is_open and takes_stakes,
        is_open=is_open,
        closed_because=locked or suspended,
        locked=locked is not None,
        suspended=suspended is not None,
        closing_soon=locked is None and game.starts_at - now <= closing_soon,
        closes_at=game.starts_at,
    )


def _quote(market: Market) -> QuoteShown:
    """Show the quote of a market that has one, as all that readers see do."""
    assert market.odds_id is not None
    assert market.quoted_at is not None
    prices = shown_prices(market.prices)
    return QuoteShown(odds_id=market.odds_id, line=market.line, prices=prices, quoted_at=market.quoted_at)
