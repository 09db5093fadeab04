"""The bet slip: several bets in one request, each on its own, or all or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from api.errors import Problem, ledger_problem
from api.identity.principal import AsPlayer, required_key
from api.people.restrictions import Restricted
from api.placing import (
    PLACING_PARAMETERS,
    PlaceBet,
    PlacedBet,
    RehearsedBet,
    is_dry_run,
    placed_bet,
    rehearsed_bet,
    week_and_entry,
)
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger import betting
from ledger.aggregate import LedgerError
from ledger.betting import Accepted
from ledger.desk import DeskClosed, LedgerUnavailable
from ledger.entry import NotEnrolled
from ledger.facts import Fact
from ledger.game import UnknownMarket
from ledger.slip import Slip, SlipRefused

router = APIRouter(prefix="/bets", tags=["bets"])

BETS_MAX: Final = 20


class PlaceSlip(BaseModel):
    """Bets to be placed in this order: each on its own, or `all_or_nothing`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bets: Annotated[list[PlaceBet], Field(min_length=1, max_length=BETS_MAX)]
    all_or_nothing: StrictBool = False


class SlipBet(BaseModel):
    """What came of one bet of a slip: `bet` if it was placed (in a dry run: accepted), `problem` if it was refused.

    `replayed`: it was placed by an earlier request with the same key.
    """

    status: Literal["placed", "accepted", "refused"]
    replayed: bool
    bet: PlacedBet | RehearsedBet | None
    problem: Problem | None


class SlipAnswer(BaseModel):
    """What came of a slip: how many bets were placed and refused, and the answer to each, in the order of the slip.

    `staked` is the sum of the stakes placed; `remaining_credits` is what the last of them left, and `position` its
    place in the ledger, null where none was placed. A dry run says what would be, without a position.
    """

    dry_run: bool
    placed: int = Field(examples=[2])
    refused: int = Field(examples=[0])
    staked: int = Field(examples=[75])
    remaining_credits: int | None = Field(examples=[925])
    position: str | None = Field(examples=["2026-W47:5124"])
    bets: list[SlipBet]


class _Part(NamedTuple):
    """The bets of a slip that belong to one week, by number, and the entry that plays it."""

    week: str
    entry: UUID
    numbers: list[int]


class _Answer(NamedTuple):
    """What came of a bet. `order`: the position of a bet that was placed, else its number."""

    said: Fact | Accepted | LedgerError
    week: str = ""
    order: int = 0
    is_replay: bool = False


@router.post(
    "/slip",
    response_model=SlipAnswer,
    responses={201: {"model": SlipAnswer, "description": "All bets of a slip that is all or nothing were placed"}},
    openapi_extra={"parameters": PLACING_PARAMETERS},
)
async def place_slip(body: PlaceSlip, player: AsPlayer, request: Request, services: ServicesDep) -> Response:
    """Place several bets. Each has its own answer, and is refused as it would be alone; the others are placed.

    With `all_or_nothing` either all are placed, in one append to the ledger, or none: then the answer is the problem
    of the first that was refused, such as `quote_changed`, `insufficient_credits`, `market_closed`, `not_enrolled`,
    `account_not_open`, `betting_closed`, `unknown_market`, `unknown_outcome` or `stake_out_of_range`, and its `errors`
    names them all. Such a slip keeps to one week, else `slip_spans_weeks`.

    The same Idempotency-Key with the same slip again is answered with the bets that it placed; those refused are tried
    again, as nothing is kept of a refusal. Refused as a whole with `restricted`.
    """
    barred = await services.restrictions.barred(player.id)
    dry_run = is_dry_run(request)
    if dry_run and barred is not None:
        raise barred
    slip = Slip(
        key="" if dry_run else required_key(request),
        stakes=tuple(bet.as_stake() for bet in body.bets),
        all_or_nothing=body.all_or_nothing,
    )
    parts, refusals = await _parts(services, player.id, slip)
    if slip.all_or_nothing:
        _require_whole(parts, refusals)
    answers = {number: _Answer(refusal) for number, refusal in refusals.items()}
    for part in parts:
        answers |= await _answers(services, slip, part, dry_run=dry_run, is_all=len(parts) == 1, barred=barred)
    in_order = [answers[number] for number in sorted(answers)]
    status = 201 if slip.all_or_nothing and not dry_run else 200
    said = msgspec.json.encode(_answer(request, in_order, dry_run=dry_run))
    return Response(said, status, media_type="application/json")


async def _parts(services: Services, player_id: UUID, slip: Slip) -> tuple[list[_Part], dict[int, LedgerError]]:
    """Sort the bets of a slip by week; refused, by number, are those on no market or in a week not enrolled in."""
    parts: dict[str, _Part] = {}
    refusals: dict[int, LedgerError] = {}
    for number, stake in enumerate(slip.stakes, start=1):
        try:
            week, entry = await week_and_entry(services, player_id=player_id, market_id=stake.market_id)
        except (UnknownMarket, NotEnrolled) as refusal:
            refusals[number] = refusal
        else:
            parts.setdefault(week, _Part(week, entry, [])).numbers.append(number)
    return list(parts.values()), refusals


def _require_whole(parts: Sequence[_Part], refusals: Mapping[int, LedgerError]) -> None:
    if refusals:
        raise SlipRefused(refusals)
    if len(parts) > 1:
        weeks = " and ".join(part.week for part in parts)
        raise Refusal("slip_spans_weeks", f"These bets belong to {weeks}: all or nothing takes those of one week.")


async def _answers(
    services: Services, slip: Slip, part: _Part, *, dry_run: bool, is_all: bool, barred: Restricted | None
) -> dict[int, _Answer]:
    """Place or rehearse the bets of one week. What refuses them together is raised where no other week has any."""
    asked: dict[str, Any] = {"week": part.week, "entry": part.entry, "slip": slip, "numbers": part.numbers}
    known = services.ledger.desk(part.week).book.known
    answers: Mapping[int, Any]
    try:
        if dry_run:
            answers = await services.answers.of(partial(betting.rehearse_bets, services.ledger, **asked))
        else:
            answers = await services.answers.of(partial(betting.place_bets, services.ledger, **asked, barred=barred))
    except LedgerError as refusal:
        # In doubt is not refused: repeated, the whole slip is answered with what was placed of it.
        if is_all or isinstance(refusal, DeskClosed | LedgerUnavailable):
            raise
        return dict.fromkeys(part.numbers, _Answer(refusal))
    return {number: _answered(said, part.week, number, known) for number, said in answers.items()}


def _answered(said: Fact | Accepted | LedgerError, week: str, number: int, known: int) -> _Answer:
    match said:
        case Fact(position=position):
            # A bet that stands where the desk had been before it was asked is an earlier request's.
            return _Answer(said, week, position, is_replay=position <= known)
        case Accepted():
            return _Answer(said, week, number)
        case _:
            return _Answer(said)


def _answer(request: Request, answers: Sequence[_Answer], *, dry_run: bool) -> dict[str, Any]:
    """Return a SlipAnswer, ready to be written as JSON."""
    bets = [_bet(request, answer) for answer in answers]
    placed = [bet["bet"] for bet in bets if bet["bet"] is not None]
    last = bets[answers.index(max(answers, key=lambda answer: (answer.week, answer.order)))]["bet"] or {}
    return {
        "dry_run": dry_run,
        "placed": len(placed),
        "refused": len(bets) - len(placed),
        "staked": sum(bet["stake"] for bet in placed),
        "remaining_credits": last.get("remaining_credits"),
        "position": last.get("position"),
        "bets": bets,
    }


def _bet(request: Request, answer: _Answer) -> dict[str, Any]:
    """Return a SlipBet, ready to be written as JSON."""
    bet, problem = None, None
    match answer.said:
        case Fact() as fact:
            status, bet = "placed", placed_bet(fact)
        case Accepted() as accepted:
            status, bet = "accepted", rehearsed_bet(accepted, week=answer.week)
        case refusal:
            status, problem = "refused", ledger_problem(request, refusal)
    return {"status": status, "replayed": answer.is_replay, "bet": bet, "problem": problem}
