"""Paying: checkouts, and a player's payments with their receipts."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal, Self, get_args
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown, not_open, week_named
from api.identity.principal import KEY_PATTERN, PUBLIC, AsPlayer, required_key
from api.people.payers import require_may_pay
from api.refusal import Refusal
from api.services import Services, ServicesDep
from feeds.payments.provider import Kind
from feeds.payments.records import PlayersPayment

router = APIRouter(prefix="/payments", tags=["payments"])

Status = Literal["open", "paid", "expired", "failed", "refunded", "disputed"]
Outcome = Literal["credited", "refused"]

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_USUAL_WEEK: Final[dict[Kind, str]] = {"weekly_pass": "next", "buy_back": "current"}
OUTCOMES: Final[dict[str | None, Outcome]] = {"accepted": "credited", "refused": "refused"}
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
    """A payment. `status`: open, paid, expired, failed, refunded (all of it) or disputed (open, or lost by us).

    Send the player to `checkout_url` while it is there; it can be paid until `expires_at`. `week` is null for a
    subscription. `amount_cents` is a whole number of cents of `currency` (ISO 4217, lower case), and so is
    `refunded_cents`, what of it went back.

    `outcome` is null until it is decided what comes of a paid one: `credited`, it gave what it was for, or `refused`,
    it goes back by itself. A subscription is refused or stays null: it enrols week after week. The `reason` of a
    refusal, as an app may put it: `late`, paid after the cutoff, or after the week had begun; `second`, bought twice;
    `not_bust`, there were credits left, or bets open; `withdrawn`, the player withdrew from the week; `not_admitted`,
    the player may not take part for now; `erased`, the account was erased. More may be added.
    """

    payment_id: UUID
    kind: Kind
    week: str | None = Field(examples=["2026-W47"])
    status: Status
    outcome: Outcome | None
    reason: str | None = Field(examples=["late"])
    amount_cents: int = Field(examples=[500])
    currency: str = Field(examples=["usd"])
    refunded_cents: int = Field(examples=[0])
    checkout_url: str | None
    created_at: Moment
    expires_at: Moment | None
    paid_at: Moment | None
    refunded_at: Moment | None


class Offer(BaseModel):
    """What can be paid for: once, or, a subscription, every week."""

    kind: Kind
    amount_cents: int = Field(examples=[500])
    currency: str = Field(examples=["usd"])


class Offers(BaseModel):
    """All that can be paid for here, nothing where the service takes no payments.

    `entry_is_free`: anybody may take part in a week without a pass or a subscription.
    """

    data: list[Offer]
    entry_is_free: bool


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

    While a checkout for the same is open, another key gets that one, too. Refused with `payments_off` where nothing of
    the kind is sold: the game goes on without it. With `unknown_week` for a week that is none, or not open.

    A pass is refused with `registration_closed` from half an hour before the week on, and with `already_enrolled`; a
    buy-back with `account_not_open`, `betting_closed` or `buy_back_refused` unless it could be credited now; a second
    subscription with `already_subscribed`. Who may not take part is refused as they would be on enrolment: with
    `restricted`, `dispute_open`, `age_unknown`, `too_young`, `jurisdiction_unknown` or `jurisdiction_not_served`;
    `spend_limit_reached` names the limit that the player has set. A key whose checkout was never opened, and cannot be
    any more, is answered with `checkout_expired`; what the payment provider will not open with `payment_refused`.
    After `payments_unavailable` repeat the request with the same key: nothing is opened twice.
    """
    key = required_key(request)
    week = await run_in_threadpool(_week, services, player.id, body, key)

    def admit(amount_cents: int) -> None:
        require_may_pay(services, player_id=player.id, week=week, amount_cents=amount_cents)

    payment = await services.money.till.checkout(player_id=player.id, kind=body.kind, week=week, key=key, admit=admit)
    return shown(payment)


@router.get("/offers", openapi_extra=PUBLIC)
def list_offers(services: ServicesDep) -> Offers:
    """Return what is sold, at which price, and whether taking part is free."""
    prices = services.money.till.prices
    offers = [Offer(kind=kind, amount_cents=cents, currency=prices.currency) for kind, cents in prices.cents.items()]
    return Offers(data=offers, entry_is_free=services.entry_is_free)


@router.get("", dependencies=[CAUGHT_UP])
def list_payments(player: AsPlayer, services: ServicesDep, paging: PagingDep) -> PaymentPage:
    """Return the player's payments, newest first."""
    place = paging.place(_ID)
    found = services.money.till.payments(
        player_id=player.id,
        before=UUID(place) if place is not None else None,
        is_back=paging.is_back,
        limit=paging.fetch,
    )
    return PaymentPage.of(found, paging, show=shown, place=lambda payment: str(payment.payment_id))


@router.get("/{payment_id:uuid}", dependencies=[CAUGHT_UP])
def get_payment(payment_id: UUID, player: AsPlayer, services: ServicesDep) -> PaymentShown:
    """Return one of the player's payments. Refused with `unknown_payment`, for those of others too."""
    return shown(_payment(services, payment_id, player_id=player.id))


@router.get("/{payment_id:uuid}/receipt", dependencies=[CAUGHT_UP])
def get_receipt(payment_id: UUID, player: AsPlayer, services: ServicesDep) -> Receipt:
    """Return the receipt of a payment. Refused with `unknown_payment`, and with `not_paid` until it is paid."""
    payment = _payment(services, payment_id, player_id=player.id)
    if payment.paid_at is None:
        raise Refusal("not_paid", f"Payment {payment_id} is {_status(payment)}: there is no receipt for it.")
    return Receipt.of(payment)


def shown(payment: PlayersPayment) -> PaymentShown:
    """Show a payment to its player."""
    status = _status(payment)
    return PaymentShown.of(
        payment,
        status=status,
        outcome=OUTCOMES.get(payment.verdict),
        checkout_url=payment.checkout_url if status == "open" else None,
    )


def _status(payment: PlayersPayment) -> Status:
    if payment.dispute in ("open", "lost"):
        return "disputed"
    if payment.status == "paid" and payment.refunded_cents >= payment.amount_cents:
        return "refunded"
    # The read models may not have come to the payment yet: it was opened a moment ago.
    return next((status for status in get_args(Status) if status == payment.status), "open")


def _week(services: Services, player_id: UUID, body: Checkout, key: str) -> str | None:
    """Return the week to pay for; what `next` meant when a key was first used, it means for good."""
    named = body.week or _USUAL_WEEK.get(body.kind)
    if named is None:
        return None
    if named in ("current", "next"):
        first = services.money.records.payer_of_request(player_id=player_id, request=key)
        if first is not None and first.kind == body.kind:
            return first.week
    week = week_named(named, services)
    if services.money.till.sells(body.kind) and week not in services.ledger.weeks():
        raise not_open(week, services.clock())
    return week


def _payment(services: Services, payment_id: UUID, *, player_id: UUID) -> PlayersPayment:
    payment = services.money.till.payment(payment_id, player_id=player_id)
    if payment is None:
        raise Refusal("unknown_payment", f"You have no payment {payment_id}.")
    return payment
