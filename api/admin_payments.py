"""What operators see of payments. Entries stand here, not persons."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api.checkout import OUTCOMES, Outcome
from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.newest_first import Place
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import AsOperator
from api.services import ServicesDep
from projections.payments import Verdict

router = APIRouter(prefix="/admin/payments", tags=["admin"])


class PaymentListed(Shown):
    """A payment as the ledger has it, in cents. `status`: open, paid, expired or failed; `dispute`: open, won or lost.

    `outcome` and `reason` are those of `GET /api/payments`. `entry` is null as long as the payer has none.
    """

    payment_id: UUID
    kind: str = Field(examples=["buy_back"])
    week: str | None = Field(examples=["2026-W47"])
    entry: UUID | None
    status: str = Field(examples=["paid"])
    outcome: Outcome | None
    reason: str | None = Field(examples=["late"])
    amount_cents: int = Field(examples=[500])
    currency: str = Field(examples=["usd"])
    refunded_cents: int = Field(examples=[0])
    dispute: str | None
    opened_at: Moment
    paid_at: Moment | None
    refunded_at: Moment | None


@router.get("", dependencies=[CAUGHT_UP])
def list_all_payments(
    operator: AsOperator,
    services: ServicesDep,
    paging: PagingDep,
    week: Annotated[str | None, Query(pattern=r"^\d{4}-W\d{2}$", examples=["2026-W47"])] = None,
    is_owed: Annotated[bool, Query(description="Only what was refused, and is not all given back.")] = False,
) -> Page[PaymentListed]:
    """Return payments, newest first: all, or for a week, or those that are to be given back and are not yet."""
    found = services.views.payments.payments_page(
        week=week, is_owed=is_owed, place=Place.wanted(paging), is_back=paging.is_back, limit=paging.fetch
    )
    return Page.of(found, paging, show=_shown, place=lambda paid: str(Place(paid.opened_at, paid.payment_id)))


def _shown(payment: Verdict) -> PaymentListed:
    return PaymentListed.of(payment, outcome=OUTCOMES.get(payment.verdict))
