"""What operators see of games and do about them by hand. Reasons are public with the ledger, so they name nobody."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypedDict
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.admin_feed import FlagShown
from api.http.etags import IF_MATCH, version_seen, version_tag
from api.http.moments import Moment
from api.http.reading import Shown, WeekOpened
from api.identity.actors import actor_of
from api.identity.principal import AsOperator, request_key
from api.identity.tokens import Principal
from api.people.admin import Reason
from api.services import Services, ServicesDep
from feeds.flags import Flag
from feeds.games import GameStands
from ledger import listing
from ledger.game import BY_OPERATOR

router = APIRouter(prefix="/admin/weeks/{week}/games", tags=["admin"])

_CONDITIONAL: Final[dict[str, Any]] = {"parameters": [IF_MATCH]}


class MarketStandsShown(Shown):
    """A market and its quote; `suspended` says why it takes no stakes, if so."""

    market_id: UUID
    market: str = Field(examples=["spread"])
    line: str | None
    prices: dict[str, int]
    suspended: str | None


class GameStandsShown(Shown):
    """Where a game stands: why it takes no stakes, what was said of its end, and what it waits for if it is stuck.

    `void_at` is when it is void without an official result, null once it is resolved.
    """

    week: str = Field(examples=["2026-W47"])
    game_id: UUID
    external_id: str
    source: str
    league: str
    home: str
    away: str
    starts_at: Moment
    moved_out: bool
    suspended: str | None
    locked: str | None
    started_at: Moment | None
    markets: list[MarketStandsShown]
    said: list[str]
    resolution: int
    is_resolved: bool
    waits_for: str | None
    void_at: Moment | None
    flags: list[FlagShown] = Field(description="All flags of the game; empty in a list of games.")


class GamesStanding(BaseModel):
    """Games of a week, in order of start."""

    data: list[GameStandsShown]


class StopOrGo(BaseModel):
    """Which market, null for all of the game, and why: public with the ledger, so it names nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    market: Literal["moneyline", "spread", "total"] | None = None
    reason: Reason


class _Asked(TypedDict):
    """What stopping and letting go have in common."""

    market: str | None
    why: str
    actor: str
    request: str
    reason: str
    seen: int | None


@router.get("")
def list_standing_games(
    operator: AsOperator,
    week: WeekOpened,
    services: ServicesDep,
    stuck: Annotated[bool, Query(description="Only those that should be over, and are not resolved.")] = False,
) -> GamesStanding:
    """Return where the games of a week stand."""
    return GamesStanding(data=[_standing(each, []) for each in services.care.games.games(week, stuck_only=stuck)])


@router.get("/{game_id}")
def get_standing_game(
    operator: AsOperator, week: WeekOpened, game_id: UUID, response: Response, services: ServicesDep
) -> GameStandsShown:
    """Return where a game stands. Refused with `unknown_game`."""
    return _stands(week, game_id, response, services)


@router.post("/{game_id}/suspension", openapi_extra=_CONDITIONAL)
def suspend_game(
    operator: AsOperator,
    week: WeekOpened,
    game_id: UUID,
    body: StopOrGo,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> GameStandsShown:
    """Stop stakes on a game or a market, until an operator lets them go on, whatever the feed says meanwhile."""
    listing.suspend(services.ledger, week=week, game_id=game_id, **_asked(operator, body, request)).result()
    return _stands(week, game_id, response, services)


@router.post("/{game_id}/reopening", openapi_extra=_CONDITIONAL)
def reopen_game(
    operator: AsOperator,
    week: WeekOpened,
    game_id: UUID,
    body: StopOrGo,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> GameStandsShown:
    """Let stakes on a game or a market go on, whatever they were stopped for; a game that has started stays locked."""
    listing.reopen(services.ledger, week=week, game_id=game_id, **_asked(operator, body, request)).result()
    return _stands(week, game_id, response, services)


def _asked(operator: Principal, body: StopOrGo, request: Request) -> _Asked:
    return {
        "market": body.market,
        "why": BY_OPERATOR,
        "actor": actor_of(operator.id),
        "request": request_key(request),
        "reason": body.reason,
        "seen": version_seen(request),
    }


def _stands(week: str, game_id: UUID, response: Response, services: Services) -> GameStandsShown:
    game = services.care.games.game(week, game_id)
    response.headers["ETag"] = version_tag(game.version)
    return _standing(game, services.care.flags.flags_of_game(game_id))


def _standing(game: GameStands, flags: list[Flag]) -> GameStandsShown:
    markets = [MarketStandsShown.of(market) for market in game.markets]
    return GameStandsShown.of(game, markets=markets, flags=[FlagShown.of(flag) for flag in flags])
