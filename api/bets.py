"""Bets: placing them, the hot path of the service, and reading one's own."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from api.http.cursors import Page, PagingDep
from api.http.direct import body_of
from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown, week_named
from api.identity.principal import AsPlayer, identify, required_key
from api.placing import (
    PLACING_PARAMETERS,
    PlaceBet,
    PlacedBet,
    RehearsedBet,
    invalid_part,
    is_dry_run,
    placed_bet,
    rehearsed_bet,
    week_and_entry,
)
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger import betting
from ledger.aggregate import LedgerError
from ledger.ids import position_token
from ledger.slip import Slip
from projections.bets import Bet

router = APIRouter(prefix="/bets", tags=["bets"])

_PLACE_BET_DOCUMENTED: Final[dict[str, Any]] = {
    "security": [{"bearer": ["play"]}],
    "parameters": PLACING_PARAMETERS,
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": PlaceBet.model_json_schema()}},
    },
}


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


class BetPage(Page[BetShown]):
    """Some of a player's bets, newest first."""


@router.post(
    "",
    status_code=201,
    response_model=PlacedBet,
    responses={200: {"model": RehearsedBet, "description": "A dry run: the bet that would be placed"}},
    openapi_extra=_PLACE_BET_DOCUMENTED,
)
async def place_bet(request: Request) -> Response:
    """Place a bet. The same Idempotency-Key again gets the same answer, also when the week is long over.

    The quote must be the one on the board: else `quote_changed`, with the new one, ready to bet at. Refused with
    `not_enrolled`, `account_not_open` or `betting_closed` by the week, `unknown_market`, `unknown_outcome` or
    `market_closed` by the market, `stake_out_of_range` or `insufficient_credits` by the stake, and with `restricted`.
    """
    # The hot path reads its request by hand: FastAPI's dependencies would take longer than the ledger does.
    services: Services = request.app.state.services
    player = await identify(request, "play")
    barred = await services.restrictions.barred(player.id)
    dry_run = is_dry_run(request)
    key = "" if dry_run else required_key(request)
    body = await _read(request)
    week, entry = await week_and_entry(services, player_id=player.id, market_id=body.market_id)
    if dry_run:
        if barred is not None:
            raise barred
        return await _rehearse(services, week=week, entry=entry, body=body)
    known = services.ledger.desk(week).book.known
    placed = await services.answers.of(
        lambda: betting.place_bet(
            services.ledger,
            week=week,
            entry=entry,
            market_id=body.market_id,
            odds_id=body.odds_id,
            outcome=body.outcome,
            stake=body.stake,
            key=key,
            barred=barred,
        )
    )
    answer = placed_bet(placed)
    headers = {"Location": f"/api/bets/{answer['bet_id']}"}
    if placed.position <= known:
        # A bet that stands where the desk had been before it was asked is an earlier request's.
        headers["Idempotent-Replayed"] = "true"
    return Response(msgspec.json.encode(answer), 201, headers, "application/json")


@router.get("", dependencies=[CAUGHT_UP])
def list_bets(
    player: AsPlayer,
    services: ServicesDep,
    paging: PagingDep,
    week: Annotated[str | None, Query(max_length=20)] = None,
    status: Literal["placed", "won", "lost", "push", "void"] | None = None,
    game_id: UUID | None = None,
    market: Literal["moneyline", "spread", "total"] | None = None,
) -> BetPage:
    """Return the player's bets, newest first: of all weeks or of one, and with one status, game or kind of market."""
    named = week_named(week, services) if week is not None else None
    entries = services.ledger.entries.entries_of(player_id=player.id)
    found = services.views.bets.bets_of_entries(
        [entry.entry for entry in entries if named in (None, entry.week)],
        status=status,
        game_id=game_id,
        market=market,
        place=paging.position(),
        is_back=paging.is_back,
        limit=paging.fetch,
    )
    return BetPage.of(found, paging, show=_shown, place=lambda bet: position_token(bet.log, bet.position))


@router.get("/{bet_id:uuid}", dependencies=[CAUGHT_UP])
def get_bet(bet_id: UUID, player: AsPlayer, services: ServicesDep) -> BetShown:
    """Return one of the player's bets; `unknown_bet` for those of others."""
    bet = services.views.bets.bet(bet_id)
    if bet is None or not _is_of(bet, player.id, services):
        raise Refusal("unknown_bet", f"You have no bet {bet_id}.")
    return _shown(bet)


async def _rehearse(services: Services, *, week: str, entry: UUID, body: PlaceBet) -> Response:
    slip = Slip("", (body.as_stake(),))
    rehearse = partial(betting.rehearse_bets, services.ledger, week=week, entry=entry, slip=slip, numbers=[1])
    said = (await services.answers.of(rehearse))[1]
    if isinstance(said, LedgerError):
        raise said
    return Response(msgspec.json.encode(rehearsed_bet(said, week=week)), media_type="application/json")


async def _read(request: Request) -> PlaceBet:
    try:
        return PlaceBet.model_validate_json(await body_of(request))
    except ValidationError as error:
        raise invalid_part(error, "body") from error


def _shown(bet: Bet) -> BetShown:
    return BetShown.of(bet, week=bet.log)


def _is_of(bet: Bet, player_id: UUID, services: Services) -> bool:
    return services.ledger.entries.entry_of(player_id=player_id, week=bet.log) == bet.entry
