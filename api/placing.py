"""What the routes that place bets have in common: what is asked, what is answered, and waiting for the ledger."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StrictInt, TypeAdapter, ValidationError

from api.http.moments import Moment
from api.identity.principal import KEY_PATTERN
from api.services import Services
from ledger.betting import Accepted
from ledger.entry import NotEnrolled
from ledger.events import StakePlaced
from ledger.facts import Fact
from ledger.game import UnknownMarket
from ledger.slip import Stake

CREDITS_MAX: Final = 2**53 - 1
"""The largest whole number that every JSON client reads exactly."""
_YES_OR_NO: Final = TypeAdapter(bool)

PLACING_PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "in": "header",
        "name": "Idempotency-Key",
        "required": True,
        "description": "The same key again is the same request, answered as it was first. A dry run needs none.",
        "schema": {"type": "string", "pattern": KEY_PATTERN},
    },
    {
        "in": "query",
        "name": "dry_run",
        "required": False,
        "description": "Check everything and answer with what would be, but place nothing.",
        "schema": {"type": "boolean", "default": False},
    },
]
"""For the OpenAPI document: these routes read their headers and queries by hand."""


class PlaceBet(BaseModel):
    """A stake, in whole credits, on an outcome of a market at the quote that the player has seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    market_id: UUID
    odds_id: UUID
    outcome: Annotated[str, Field(max_length=20, examples=["home"])]
    stake: Annotated[StrictInt, Field(ge=1, le=CREDITS_MAX, examples=[50])]

    def as_stake(self) -> Stake:
        """Return it as the ledger takes it."""
        return Stake(self.market_id, self.odds_id, self.outcome, self.stake)


class _Terms(BaseModel):
    """The terms that a bet freezes, in whole credits. Prices are American; `line` is null for a moneyline."""

    remaining_credits: int = Field(examples=[950])
    potential_payout: int = Field(examples=[95])
    stake: int = Field(examples=[50])
    price: int = Field(examples=[-110])
    line: str | None = Field(examples=["-6.5"])
    outcome: str = Field(examples=["home"])
    market: str = Field(examples=["spread"])
    market_id: UUID
    game_id: UUID
    odds_id: UUID
    week: str = Field(examples=["2026-W47"])


class PlacedBet(_Terms):
    """A placed bet with its frozen terms. Credits are whole numbers; `position` is its place in the ledger.

    `remaining_credits` are what it left when it was placed, `potential_payout` is what it pays if it wins, stake
    included.
    """

    bet_id: UUID
    status: Literal["placed"]
    position: str = Field(examples=["2026-W47:5123"])
    placed_at: Moment


class RehearsedBet(_Terms):
    """A bet that would be placed now, at these terms. Nothing was stored, so it has no id and no position."""

    dry_run: Literal[True]


def placed_bet(placed: Fact) -> dict[str, Any]:
    """Return a PlacedBet, ready to be written as JSON: building the model would take longer than the ledger does."""
    event = placed.event
    assert isinstance(event, StakePlaced)
    return {
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


def rehearsed_bet(accepted: Accepted, *, week: str) -> dict[str, Any]:
    """Return a RehearsedBet, ready to be written as JSON."""
    offer = accepted.offer
    return {
        "dry_run": True,
        "remaining_credits": accepted.available,
        "potential_payout": accepted.potential_payout,
        "stake": accepted.stake,
        "price": offer.price,
        "line": offer.line,
        "outcome": offer.outcome,
        "market": offer.market,
        "market_id": offer.market_id,
        "game_id": offer.game_id,
        "odds_id": offer.odds_id,
        "week": week,
    }


def is_dry_run(request: Request) -> bool:
    """Return what the query says of `dry_run`; raises RequestValidationError where it is neither yes nor no."""
    if not request.scope["query_string"]:
        return False
    try:
        return _YES_OR_NO.validate_python(request.query_params.get("dry_run", "false"))
    except ValidationError as error:
        raise invalid_part(error, "query", "dry_run") from error


def invalid_part(error: ValidationError, *part: str) -> RequestValidationError:
    """Return the error of a part of a request that is read by hand, as FastAPI raises it."""
    return RequestValidationError([{**each, "loc": (*part, *each["loc"])} for each in error.errors(include_url=False)])


async def week_and_entry(services: Services, *, player_id: UUID, market_id: UUID) -> tuple[str, UUID]:
    """Return the week in which a stake on a market is placed, and the player's entry in it.

    Raises UnknownMarket and NotEnrolled.
    """
    week = await _week_of_market(services, market_id)
    entry = await services.entries.entry_of(player_id=player_id, week=week)
    if entry is None:
        raise NotEnrolled(f"You are not enrolled in week {week}, which this market belongs to.")
    return week, entry


async def _week_of_market(services: Services, market_id: UUID) -> str:
    log = services.ledger.week_of_market(market_id)
    if log is not None:
        return log
    market = await run_in_threadpool(services.views.board.market, market_id)
    if market is None:
        raise UnknownMarket(f"There is no market {market_id}.")
    return market.log
