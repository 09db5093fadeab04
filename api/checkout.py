"""Paying: checkouts, and a player's payments with their receipts."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.errors import Refusal
from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown, week_named
from api.identity.principal import KEY_PATTERN, AsPlayer, required_key
from api.payments import Kind, Payment, Status
from api.services import Services, ServicesDep

router = APIRouter(prefix="/payments", tags=["payments"])

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_USUAL_WEEK: Final = {"weekly_pass": "next", "buy_back": "current"}
_WEEK_OF_ITS_KIND: Final[dict[str, Any]] = {
    "not": {"required": ["week"], "properties": {"kind": {"const": "subscription"}, "week": {"type": "string"}}}
}
_KEY_DOCUMENTED: Final[dict[str, Any]] = {
    "parameters": [
        {
            "in": "header",
            "name": "Idempotency-Key",
            "required": True,
            "description": "The same key again is the same checkout.",
            "schema": {"type": "string", "pattern": KEY_PATTERN},
        }
    ]
}


class Checkout(BaseModel):
    """What to pay for: a weekly pass, the next week's unless told; a buy-back, this week's; or a subscription."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_WEEK_OF_ITS_KIND)

    kind: Kind
    week: Annotated[str, Field(pattern=r"^(current|next|\d{4}-W\d{2})$", examples=["2026-W47"])] | None = None

    @model_validator(mode="after")
    def _subscribe_to_no_week(self) -> Self:
        if self.kind == "subscription" and self.week is not None:
            raise ValueError("a subscription is for no week in particular")
        return self


class PaymentShown(Shown):
    """A payment. `status`: open, paid, expired, failed, refunded or disputed.

    Send the player to `checkout_url` while it is open; it can be paid until `expires_at`. `week` is null for a
    subscription. `amount_cents` is a whole number of cents of `currency` (ISO 4217, lower case).
    """

    payment_id: UUID
    kind: Kind
    week: str | None = Field(examples=["2026-W47"])
    status: Status
    amount_cents: int = Field(examples=[500])
    currency: str = Field(examples=["usd"])
    checkout_url: str | None
    created_at: Moment
    expires_at: Moment | None
    paid_at: Moment | None
    refunded_at: Moment | None


class PaymentPage(Page[PaymentShown]):
    """Some of the player's payments, newest first."""


class Receipt(Shown):
    """What was paid, when and for what, and what of it was refunded. `receipt_url` is the provider's own, if any."""

    payment_id: UUID
    kind: Kind
    week: str | None = Field(examples=["2026-W47"])
    amount_cents: int = Field(examples=[500])
    currency: str = Field(examples=["usd"])
    paid_at: Moment
    refunded_cents: int = Field(examples=[0])
    refunded_at: Moment | None
    receipt_url: str | None


@router.post("/checkout", status_code=201, openapi_extra=_KEY_DOCUMENTED)
async def create_checkout(player: AsPlayer, body: Checkout, request: Request, services: ServicesDep) -> PaymentShown:
    """Open a checkout; the same Idempotency-Key again gets the first one.

    Refused with `payments_off` where nothing is sold: the game is free there. With `unknown_week` for a week that is
    none.
    """
    key = required_key(request)
    payment = await services.payments.checkout(player_id=player.id, kind=body.kind, week=_week(services, body), key=key)
    return PaymentShown.of(payment)


@router.get("", dependencies=[CAUGHT_UP])
def list_payments(player: AsPlayer, services: ServicesDep, paging: PagingDep) -> PaymentPage:
    """Return the player's payments, newest first."""
    place = paging.place(_ID)
    found = services.payments.payments(
        player_id=player.id,
        before=UUID(place) if place is not None else None,
        is_back=paging.is_back,
        limit=paging.fetch,
    )
    return PaymentPage.of(found, paging, show=PaymentShown.of, place=lambda payment: str(payment.payment_id))


@router.get("/{payment_id:uuid}", dependencies=[CAUGHT_UP])
def get_payment(payment_id: UUID, player: AsPlayer, services: ServicesDep) -> PaymentShown:
    """Return one of the player's payments. Refused with `unknown_payment`, for those of others too."""
    return PaymentShown.of(_payment(services, payment_id, player_id=player.id))


@router.get("/{payment_id:uuid}/receipt", dependencies=[CAUGHT_UP])
def get_receipt(payment_id: UUID, player: AsPlayer, services: ServicesDep) -> Receipt:
    """Return the receipt of a payment. Refused with `unknown_payment`, and with `not_paid` until it is paid."""
    payment = _payment(services, payment_id, player_id=player.id)
    if payment.paid_at is None:
        raise Refusal("not_paid", f"Payment {payment_id} is {payment.status}: there is no receipt for it.")
    return Receipt.of(payment)


def _week(services: Services, body: Checkout) -> str | None:
    named = body.week or _USUAL_WEEK.get(body.kind)
    return week_named(named, services) if named is not None else None


def _payment(services: Services, payment_id: UUID, *, player_id: UUID) -> Payment:
    payment = services.payments.payment(payment_id, player_id=player_id)
    if payment is None:
        raise Refusal("unknown_payment", f"You have no payment {payment_id}.")
    return payment
