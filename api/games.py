"""Games, their markets, and the quotes on offer."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel

from api.errors import Refusal
from api.principal import PUBLIC
from api.quotes import Moment, QuoteShown, shown_prices
from api.reading import CAUGHT_UP, Shown
from api.services import Services, ServicesDep
from ledger.game import SCHEDULED_START
from ledger.weeks import NEW_YORK
from projections.board import Game, Market

router = APIRouter(prefix="/games", tags=["games"])


class GameShown(Shown):
    """A game. `state`: scheduled, locked or moved_out; `locked` and `suspended` say why it takes no stakes.

    `result_status`, `certainty` and the scores are those of the result that counts so far.
    """

    game_id: UUID
    week: str
    league: str
    home: str
    away: str
    starts_at: Moment
    state: str
    locked: str | None
    suspended: str | None
    started_at: Moment | None
    result_status: str | None
    certainty: str | None
    home_score: int | None
    away_score: int | None


class GameList(BaseModel):
    """The games that start on a date, as the clocks of `zone` show it, in order of start."""

    date: date
    zone: str
    data: list[GameShown]


class MarketShown(BaseModel):
    """A market: `is_open` for stakes, or why not in `closed_because`. `closing_soon`: its game is about to start.

    `locked`: for good, because the game starts or left the week. `suspended`: for now.
    """

    market_id: UUID
    market: str
    quote: QuoteShown
    is_open: bool
    closed_because: str | None
    locked: bool
    suspended: bool
    closing_soon: bool


class Markets(BaseModel):
    """A game's markets at an instant of the service's clock."""

    game: GameShown
    as_of: Moment
    data: list[MarketShown]


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("this is no time zone of the IANA database, like America/New_York")
    return name


Day = Annotated[date | None, Query(ge=date(2000, 1, 1), le=date(2999, 12, 31), examples=["2026-11-19"])]
Zone = Annotated[str, Query(max_length=64, examples=[NEW_YORK.key]), AfterValidator(_zone)]


@router.get("", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def list_games(services: ServicesDep, date: Day = None, zone: Zone = NEW_YORK.key) -> GameList:
    """Return the games that start on a date, today's unless it is given."""
    clocks = ZoneInfo(zone)
    day = date or services.clock().astimezone(clocks).date()
    since, until = _midnight(day, clocks), _midnight(day + timedelta(days=1), clocks)
    games = services.views.board.games_between(since, until)
    return GameList(date=day, zone=zone, data=[GameShown.of(game) for game in games])


@router.get("/{game_id}", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def get_game(game_id: UUID, services: ServicesDep) -> GameShown:
    """Return a game."""
    return GameShown.of(_game(services, game_id))


@router.get("/{game_id}/markets", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def list_markets(game_id: UUID, services: ServicesDep) -> Markets:
    """Return a game's markets with their current quotes."""
    game, now = _game(services, game_id), services.clock()
    markets = services.views.board.markets_of_game(game_id)
    shown = [_shown(market, game, now=now, closing_soon=services.closing_soon) for market in markets]
    return Markets(game=GameShown.of(game), as_of=now, data=shown)


def _game(services: Services, game_id: UUID) -> Game:
    game = services.views.board.game(game_id)
    if game is None:
        raise Refusal("unknown_game", f"There is no game {game_id}.")
    return game


def _shown(market: Market, game: Game, *, now: datetime, closing_soon: timedelta) -> MarketShown:
    """Show a market as the ledger would judge a stake now; the ledger decides anew when one comes."""
    locked = "moved out of the week" if game.state == "moved_out" else game.locked
    if locked is None and now >= game.starts_at:
        locked = SCHEDULED_START
    suspended = game.suspended or market.suspended
    assert market.odds_id is not None
    assert market.quoted_at is not None
    return MarketShown(
        market_id=market.market_id,
        market=market.market,
        quote=QuoteShown(
            odds_id=market.odds_id,
            line=market.line,
            prices=shown_prices(market.prices),
            quoted_at=market.quoted_at,
        ),
        is_open=locked is None and suspended is None,
        closed_because=locked or suspended,
        locked=locked is not None,
        suspended=suspended is not None,
        closing_soon=locked is None and game.starts_at - now <= closing_soon,
    )


def _midnight(day: date, clocks: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, clocks)
