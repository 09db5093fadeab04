"""Bets: placing them, the hot path of the service, and reading one's own."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StrictInt, ValidationError

from api.cursors import Cursor
from api.errors import Refusal
from api.principal import KEY_PATTERN, AsPlayer, identify, required_key
from api.quotes import Moment
from api.reading import CAUGHT_UP, Shown
from api.services import Services, ServicesDep, services_of
from ledger import betting
from ledger.entries import Entry
from ledger.entry import NotEnrolled
from ledger.events import StakePlaced
from ledger.facts import Fact
from ledger.game import UnknownMarket
from projections.bets import Bet

router = APIRouter(prefix="/bets", tags=["bets"])

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
CREDITS_MAX: Final = 2**53 - 1
"""The largest whole number that every JSON client reads exactly."""


class PlaceBet(BaseModel):
    """A stake, in whole credits, on an outcome of a market at the quote that the player has seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    market_id: UUID
    odds_id: UUID
    outcome: Annotated[str, Field(max_length=20, examples=["home"])]
    stake: Annotated[StrictInt, Field(ge=1, le=CREDITS_MAX, examples=[50])]


_PLACE_BET_DOCUMENTED: Final[dict[str, Any]] = {
    "security": [{"bearer": ["play"]}],
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": True,
            "description": "The same key again is the same bet.",
            "schema": {"type": "string", "pattern": KEY_PATTERN},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": PlaceBet.model_json_schema()}},
    },
}


class PlacedBet(BaseModel):
    """A placed bet with its frozen terms. Credits are whole numbers; `position` is its place in the ledger."""

    bet_id: UUID
    status: Literal["placed"]
    remaining_credits: int
    potential_payout: int
    stake: int
    price: int
    line: str | None
    outcome: str
    market: str
    market_id: UUID
    game_id: UUID
    odds_id: UUID
    week: str
    position: str
    placed_at: Moment


class BetShown(Shown):
    """A bet. `status`: placed, won, lost, push or void (see `void_reason`); `payout` is null while placed.

    `corrected` counts how often a corrected result has changed it since it was first settled.
    """

    bet_id: UUID
    week: str
    game_id: UUID
    market_id: UUID
    odds_id: UUID
    market: str
    outcome: str
    line: str | None
    price: int
    stake: int
    potential_payout: int
    status: str
    void_reason: str | None
    payout: int | None
    corrected: int
    placed_at: Moment
    settled_at: Moment | None
    position: str


class BetPage(BaseModel):
    """Some of a player's bets, newest first; `next_cursor` asks for those that follow."""

    data: list[BetShown]
    has_more: bool
    next_cursor: str | None


@router.post("", status_code=201, response_model=PlacedBet, openapi_extra=_PLACE_BET_DOCUMENTED)
async def place_bet(request: Request) -> Response:
    """Place a bet. The same Idempotency-Key again gets the same answer, also when the week is long over."""
    # The hot path reads its request by hand: FastAPI's dependencies would take longer than the ledger does.
    services = await services_of(request)
    player = await identify(request, "play")
    key = required_key(request)
    body = await _read(PlaceBet, request)
    week = await _week_of_market(services, body.market_id)
    entry = await services.entries.entry_of(player_id=player.id, week=week)
    if entry is None:
        raise NotEnrolled(f"You are not enrolled in week {week}, which this market belongs to.")
    known = services.ledger.desk(week).book.known
    placed = await recorded(
        betting.place_bet(
            services.ledger,
            week=week,
            entry=entry,
            market_id=body.market_id,
            odds_id=body.odds_id,
            outcome=body.outcome,
            stake=body.stake,
            key=key,
        )
    )
    # A bet that stands where the desk had been before it was asked is an earlier request's.
    headers = {"Idempotent-Replayed": "true"} if placed.position <= known else None
    return Response(_answer(placed), 201, headers, "application/json")


@router.get("", dependencies=[CAUGHT_UP])
def list_bets(
    player: AsPlayer,
    services: ServicesDep,
    week: Annotated[str | None, Query(max_length=20)] = None,
    status: Literal["placed", "won", "lost", "push", "void"] | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> BetPage:
    """Return the player's bets of all weeks or of one, newest first."""
    last = Cursor.read(cursor) if cursor is not None else None
    found: list[Bet] = []
    for entry in services.ledger.entries.entries_of(player_id=player.id):
        if len(found) <= limit and week in (None, entry.week) and not _is_behind(entry, last):
            before = last.position if last is not None and last.log == entry.week else None
            found += services.views.bets.bets_of_entry(
                entry.entry, status=status, before=before, limit=limit + 1 - len(found)
            )
    page, has_more = found[:limit], len(found) > limit
    next_cursor = str(Cursor(page[-1].log, page[-1].position)) if has_more else None
    return BetPage(data=[_shown(bet) for bet in page], has_more=has_more, next_cursor=next_cursor)


@router.get("/{bet_id}", dependencies=[CAUGHT_UP])
def get_bet(bet_id: UUID, player: AsPlayer, services: ServicesDep) -> BetShown:
    """Return one of the player's bets; `unknown_bet` for those of others."""
    bet = services.views.bets.bet(bet_id)
    if bet is None or not _is_of(bet, player.id, services):
        raise Refusal("unknown_bet", f"You have no bet {bet_id}.")
    return _shown(bet)


async def recorded(answer: Future[T]) -> T:
    """Wait for the ledger's answer. A request that is given up does not take back a command that may stand already."""
    return await asyncio.shield(asyncio.wrap_future(answer))


async def _read(model: type[M], request: Request) -> M:
    """Return the request's body; raises RequestValidationError, as FastAPI does."""
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        fields = [{**each, "loc": ("body", *each["loc"])} for each in error.errors(include_url=False)]
        raise RequestValidationError(fields) from error


async def _week_of_market(services: Services, market_id: UUID) -> str:
    """Return the log in which a stake on a market is placed; raises UnknownMarket."""
    log = services.ledger.week_of_market(market_id)
    if log is not None:
        return log
    market = await run_in_threadpool(services.views.board.market, market_id)
    if market is None:
        raise UnknownMarket(f"There is no market {market_id}.")
    return market.log


def _answer(placed: Fact) -> bytes:
    event = placed.event
    assert isinstance(event, StakePlaced)
    return msgspec.json.encode(
        {
            "bet_id": event.bet_id,
            "status": "placed",
            "remaining_credits": event.available,
            "potential_payout": event.potential_payout,
            "stake": event.stake,
            "price": event.price,
            "line": event.line,
            "outcome": event.outcome,
            "market": event.market,
            "market_id": event.market_id,
            "game_id": event.game_id,
            "odds_id": event.odds_id,
            "week": placed.log,
            "position": placed.token,
            "placed_at": str(placed.at),
        }
    )


def _shown(bet: Bet) -> BetShown:
    return BetShown.of(bet, week=bet.log)


def _is_of(bet: Bet, player_id: UUID, services: Services) -> bool:
    return services.ledger.entries.entry_of(player_id=player_id, week=bet.log) == bet.entry


def _is_behind(entry: Entry, last: Cursor | None) -> bool:
    """Say whether all bets of an entry were on earlier pages: pages go from the newest week to the oldest."""
    return last is not None and entry.week > last.log
