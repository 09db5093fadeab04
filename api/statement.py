"""Statements: every movement of credits of an account with the balance after it, straight from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.places import Paging, invalid_cursor
from api.http.reading import Shown, WeekOpened, week_named
from api.identity.principal import AsAuditor, AsPerson
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger.casebook import Casebook, Why
from ledger.ids import position_token
from ledger.statement import Movement, MovementKind, statement
from projections.board import Game

router = APIRouter()

Order = Annotated[Literal["desc", "asc"], Query(description="`desc`: newest first; `asc`: oldest first.")]


class MovementShown(Shown):
    """One movement: `amount` credits came, or went (below zero), and `available` were there after it.

    `bet_id` to `price` are those of the bet that it is about, with the teams that play; `bet_status` is what the bet
    became: placed, won, lost, push or void. `reason` says why a stake was returned or a payout corrected, under which
    `resolution` of the game. A lost bet and a prize move no credits. Where an operator's ruling moved credits, `note`
    is the reason in their words, and `case_id` what to name when asking about it; else both are null.
    """

    kind: MovementKind
    amount: int = Field(examples=[-50])
    available: int = Field(examples=[950])
    bet_id: UUID | None = None
    bet_status: str | None = Field(examples=["placed"])
    game_id: UUID | None = None
    home: str | None = Field(None, examples=["BAL"])
    away: str | None = Field(None, examples=["CIN"])
    market: str | None = Field(None, examples=["spread"])
    outcome: str | None = Field(None, examples=["home"])
    line: str | None = Field(None, examples=["-6.5"])
    price: int | None = Field(None, examples=[-110])
    reason: str | None = Field(examples=[None])
    resolution: int | None = Field(examples=[None])
    note: str | None = Field(None, examples=["The league corrected the score."])
    case_id: UUID | None = None
    position: str = Field(examples=["2026-W47:5123"])
    at: Moment


class Statement(Page[MovementShown]):
    """Part of a week's statement. The amounts of the whole add up to `available`, the credits there are now.

    `entry` is null in a week that the player is not enrolled in, `available` until there is an account.
    """

    week: str = Field(examples=["2026-W47"])
    entry: UUID | None
    available: int | None = Field(examples=[950])


@router.get("/me/statement", tags=["me"])
def get_my_statement(
    principal: AsPerson,
    services: ServicesDep,
    paging: PagingDep,
    week: Annotated[str, Query(max_length=20, description="A week by id, or `current` or `next`.")] = "current",
    order: Order = "desc",
) -> Statement:
    """Return every movement of the player's credits in a week, with the balance after each.

    It comes straight from the ledger: a bet is on it as soon as it is placed, so there is no `after` to ask for.
    """
    named = week_named(week, services)
    entry = services.ledger.entries.entry_of(player_id=principal.id, week=named)
    movements = statement(services.ledger, week=named, entry=entry) if entry is not None else []
    return _page(services, movements, paging, order=order, week=named, entry=entry)


@router.get("/weeks/{week}/entries/{entry}/statement", tags=["weeks"])
def get_statement(
    auditor: AsAuditor, week: WeekOpened, entry: UUID, services: ServicesDep, paging: PagingDep, order: Order = "desc"
) -> Statement:
    """Return every movement of an entry's credits, as its player sees them. `unknown_entry` without an account."""
    movements = statement(services.ledger, week=week, entry=entry)
    if not movements:
        raise Refusal("unknown_entry", f"Entry {entry} has no account in week {week}.")
    return _page(services, movements, paging, order=order, week=week, entry=entry)


def _page(
    services: Services, movements: Sequence[Movement], paging: Paging, *, order: str, week: str, entry: UUID | None
) -> Statement:
    """Show a page of a week's statement, which is given as a whole, oldest first: it is short."""
    found = _found(movements, paging, week=week, is_ascending=(order == "asc") != paging.is_back)
    games = _games(services, found[: paging.limit])
    reasons = _reasons(services, found[: paging.limit], week=week)
    return Statement.of(
        found,
        paging,
        show=lambda movement: _shown(movement, games, reasons.get(movement.cause or "")),
        place=lambda movement: position_token(movement.log, movement.position),
        week=week,
        entry=entry,
        available=movements[-1].available if movements else None,
    )


def _found(movements: Sequence[Movement], paging: Paging, *, week: str, is_ascending: bool) -> Sequence[Movement]:
    """Return the movements from the cursor on, in the order in which the page is read."""
    place = paging.position()
    if place is None:
        return movements if is_ascending else movements[::-1]
    log, position = place
    if log != week:
        raise invalid_cursor()
    if is_ascending:
        return [movement for movement in movements if movement.position > position]
    return [movement for movement in reversed(movements) if movement.position < position]


def _shown(movement: Movement, games: Mapping[UUID, Game], why: Why | None) -> MovementShown:
    bet = movement.bet
    if bet is None:
        return MovementShown.of(movement)
    game = games.get(bet.game_id)
    terms = {name: getattr(bet, name) for name in ("bet_id", "game_id", "market", "outcome", "line", "price")}
    if why is not None:
        terms |= {"note": why.reason, "case_id": why.case_id}
    return MovementShown.of(movement, **terms, home=game and game.home, away=game and game.away)


def _games(services: Services, movements: Sequence[Movement]) -> dict[UUID, Game]:
    """Return the games of some movements, in one query."""
    wanted = {movement.bet.game_id for movement in movements if movement.bet is not None}
    return {game.game_id: game for game in services.views.board.games(list(wanted))} if wanted else {}


def _reasons(services: Services, movements: Sequence[Movement], *, week: str) -> dict[str, Why]:
    """Return why operators moved credits among some movements, by cause, in one query."""
    causes = {int(movement.cause.rpartition(":")[2]) for movement in movements if movement.cause is not None}
    return Casebook(services.ledger).reasons(week, causes) if causes else {}
