"""What operators see of prizes and do about them. Entries stand here, not persons: those are looked at as persons."""

from __future__ import annotations

import logging
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.newest_first import Place
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import AsOperator, request_key
from api.identity.tokens import Principal
from api.people.admin import Reason
from api.prizes import PrizeState
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger import prize_paying
from ledger.facts import Fact
from ledger.prize_payment import PrizeNotReleasable, PrizeTerms
from projections.payments import Prize

router = APIRouter(prefix="/admin/prizes", tags=["admin"])
_log = logging.getLogger(__name__)


class PrizeListed(Shown):
    """A prize, and how its payment stands. `state`: owed, held, failed or paid.

    `reason` is what holds it (`erased`, `dispute`, `payout_account`, `identity`, `tax`, `operator`), or the provider's
    code for why it failed; `why` an operator's words. `attempt` counts failures. `changed_at` is null as long as
    nothing has come of it.
    """

    entry: UUID
    week: str = Field(examples=["2026-W47"])
    pool_name: str = Field(examples=["W2026-47-A"])
    rank: int = Field(examples=[1])
    amount_cents: int = Field(examples=[5000])
    currency: str = Field(examples=["usd"])
    awarded_at: Moment
    state: PrizeState
    reason: str | None = Field(examples=["identity"])
    why: str | None
    attempt: int
    paid_at: Moment | None
    changed_at: Moment | None


class PrizeTotalShown(Shown):
    """How many prizes of a week are in a state, and how much they are together."""

    state: PrizeState
    currency: str = Field(examples=["usd"])
    number: int = Field(examples=[12])
    amount_cents: int = Field(examples=[60_000])


class PrizePage(Page[PrizeListed]):
    """Some prizes, newest first. `totals` are those of all prizes of the week that was asked for, null without one."""

    totals: list[PrizeTotalShown] | None


class Why(BaseModel):
    """Why: it is kept in the ledger and public with it, and the winner reads it, so it names nobody."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason


class PrizeStands(BaseModel):
    """How a prize stands now; `position` is a token to read it with (`?after=`), null where nothing had to change."""

    entry: UUID
    state: PrizeState
    reason: str | None = Field(examples=["operator"])
    position: str | None = Field(examples=["office:311"])


@router.get("", dependencies=[CAUGHT_UP])
def list_prizes(
    operator: AsOperator,
    services: ServicesDep,
    paging: PagingDep,
    week: Annotated[str | None, Query(pattern=r"^\d{4}-W\d{2}$", examples=["2026-W47"])] = None,
    state: PrizeState | None = None,
) -> PrizePage:
    """Return prizes, newest first: all, of a week, or in a state."""
    place = Place.wanted(paging)
    found = services.views.payments.prizes_page(
        week=week, state=state, place=place, is_back=paging.is_back, limit=paging.fetch
    )
    totals = services.views.payments.prize_totals(week) if week is not None else None
    return PrizePage.of(
        found,
        paging,
        show=PrizeListed.of,
        place=lambda prize: str(Place(prize.awarded_at, prize.entry)),
        totals=[PrizeTotalShown.of(total) for total in totals] if totals is not None else None,
    )


@router.get("/{entry}", dependencies=[CAUGHT_UP])
def get_prize(operator: AsOperator, entry: UUID, services: ServicesDep) -> PrizeListed:
    """Return the prize of an entry. Refused with `unknown_prize` where it has won none."""
    return PrizeListed.of(_prize(services, entry))


@router.post("/{entry}/hold")
def hold_prize(operator: AsOperator, entry: UUID, body: Why, request: Request, services: ServicesDep) -> PrizeStands:
    """Keep a prize back until an operator releases it; again, it stays so.

    Refused with `unknown_prize` and `prize_paid_already`.
    """
    held = prize_paying.hold_prize(
        services.ledger,
        _terms(services, entry),
        why=body.reason,
        actor=f"operator:{operator.id}",
        request=request_key(request),
    )
    return _stands(services, entry, held.result())


@router.post("/{entry}/release")
def release_prize(operator: AsOperator, entry: UUID, body: Why, request: Request, services: ServicesDep) -> PrizeStands:
    """Have what holds a prize count no longer: an operator's hold, a dispute, the tax form, the identity check.

    Refused with `unknown_prize`, `prize_paid_already`, and `prize_not_releasable` where nothing holds it, or what only
    the winner can mend. Again, it stays released.
    """
    return _release(operator, entry, body, request, services)


@router.post("/{entry}/retry")
def retry_prize(operator: AsOperator, entry: UUID, body: Why, request: Request, services: ServicesDep) -> PrizeStands:
    """Have a payment tried once more that failed; again, it is one more try.

    Refused with `unknown_prize`, `prize_paid_already`, and `prize_not_releasable` where it has not failed.
    """
    if prize_paying.standing(services.ledger, entry=entry).result().state == "held":
        raise PrizeNotReleasable(f"the prize of entry {entry} is held and has not failed: release it")
    return _release(operator, entry, body, request, services)


def _release(operator: Principal, entry: UUID, body: Why, request: Request, services: Services) -> PrizeStands:
    released = prize_paying.release_prize(
        services.ledger,
        _terms(services, entry),
        why=body.reason,
        actor=f"operator:{operator.id}",
        request=request_key(request),
    )
    return _stands(services, entry, released.result())


def _prize(services: Services, entry: UUID) -> Prize:
    prize = services.views.payments.prize(entry)
    if prize is None:
        raise Refusal("unknown_prize", f"Entry {entry} has no prize.")
    return prize


def _terms(services: Services, entry: UUID) -> PrizeTerms:
    prize = _prize(services, entry)
    return PrizeTerms(entry=entry, week=prize.week, amount_cents=prize.amount_cents, currency=prize.currency)


def _stands(services: Services, entry: UUID, fact: Fact | None) -> PrizeStands:
    if fact is not None:
        _log.info("%s of entry %s by %s: %s", fact.event.TOPIC, entry, fact.actor, fact.token)
    standing = prize_paying.standing(services.ledger, entry=entry).result()
    return PrizeStands.model_validate(
        {
            "entry": entry,
            "state": standing.state,
            "reason": standing.reason,
            "position": fact.token if fact is not None else None,
        }
    )
