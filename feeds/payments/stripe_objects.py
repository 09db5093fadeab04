"""What Stripe's objects say, in our words. Pure: from Stripe's objects to ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args
from uuid import UUID, uuid5

import stripe

from feeds.payments.provider import (
    Checkout,
    IdentityCheck,
    Kind,
    PayoutAccount,
    ProviderPayment,
    ProviderSubscription,
    Transferred,
)

Status = Literal["open", "paid", "expired", "failed"]
_KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}


@dataclass(frozen=True, slots=True)
class Label:
    """Our mark on an object of Stripe's."""

    payment_id: UUID
    kind: Kind
    week: str | None


@dataclass(frozen=True, slots=True)
class Money:
    """What became of an attempt to take money: the intent, and what was given back or is disputed of its charge."""

    intent: stripe.PaymentIntent | None = None
    refunds: tuple[stripe.Refund, ...] = ()
    disputes: tuple[stripe.Dispute, ...] = ()

    @property
    def charge(self) -> stripe.Charge | None:
        """The last attempt at taking the money, if there was one."""
        charge = None if self.intent is None else self.intent.latest_charge
        return charge if isinstance(charge, stripe.Charge) else None

    @property
    def is_slow(self) -> bool:
        """Whether the money may have come days after the payer was done: a card's comes at once."""
        details = None if self.charge is None else self.charge.payment_method_details
        return details is not None and details.type != "card"

    @property
    def refunded_cents(self) -> int:
        """What was given back, or is on its way."""
        return sum(refund.amount for refund in self.refunds if refund.status not in ("failed", "canceled"))

    @property
    def dispute(self) -> Literal["open", "won", "lost"] | None:
        """How the chargebacks stand together: open as long as one is, lost if one was."""
        stands = {_dispute_stands(dispute.status) for dispute in self.disputes}
        return next((stand for stand in ("open", "lost", "won") if stand in stands), None)


def _dispute_stands(status: str) -> str:
    if status in ("won", "warning_closed", "prevented"):
        return "won"
    return "lost" if status == "lost" else "open"


def instant(seconds: int) -> datetime:
    """Return the instant of Stripe's seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def _instant_or_none(seconds: int | None) -> datetime | None:
    return None if seconds is None else instant(seconds)


def ref_of(value: Any) -> str | None:
    """Return the id of what may be an id, the object itself, or nothing."""
    return value if value is None or isinstance(value, str) else str(value.id)


def label_of(metadata: stripe.StripeObject | None) -> Label | None:
    """Read our mark; None where it is missing or is somebody else's."""
    told = {} if metadata is None else metadata.to_dict()
    kind = _KINDS.get(told.get("kind", ""))
    payment_id = _uuid(told.get("payment_id", ""))
    return None if kind is None or payment_id is None else Label(payment_id, kind, told.get("week"))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def checkout(session: stripe.checkout.Session) -> Checkout:
    """Return the page to pay on; it has no address once it is no longer open."""
    return Checkout(ref=session.id, url=session.url or "", expires_at=instant(session.expires_at))


def session_payment(session: stripe.checkout.Session, label: Label, money: Money) -> ProviderPayment:
    """Return the payment of a checkout, also the first of a subscription."""
    return _payment(
        label,
        money,
        ref=session.id,
        status=_session_status(session, money),
        amount_cents=session.amount_total or 0,
        currency=session.currency or "",
        paid_at=None,
        subscription_ref=ref_of(session.subscription),
    )


def _session_status(session: stripe.checkout.Session, money: Money) -> Status:
    """Return how a checkout stands: complete means that the player is done, not that the money was taken.

    One that counts as paid without a charge, as by a customer's credit, took none: there is nothing to date it by, or
    to give back.
    """
    if session.status == "open":
        return "open"
    if session.status == "expired":
        return "expired"
    if session.payment_status == "paid":
        return "paid" if money.charge is not None else "open"
    gave_up = money.intent is not None and money.intent.status in ("requires_payment_method", "canceled")
    return "failed" if gave_up or session.payment_status != "unpaid" else "open"


def renewal_payment(invoice: stripe.Invoice, label: Label, money: Money) -> ProviderPayment:
    """Return the payment of a renewal; its id follows from the first payment's and the invoice's."""
    status: Status = "open"
    if invoice.status == "paid":
        status = "paid"
    elif invoice.status in ("void", "uncollectible"):
        status = "failed"
    return _payment(
        Label(uuid5(label.payment_id, invoice.id), label.kind, label.week),
        money,
        ref=invoice.id,
        status=status,
        amount_cents=invoice.amount_paid if status == "paid" else invoice.amount_due,
        currency=invoice.currency,
        paid_at=_instant_or_none(invoice.status_transitions.paid_at),
        subscription_ref=subscription_of(invoice),
    )


def _payment(
    label: Label,
    money: Money,
    *,
    ref: str,
    status: Status,
    amount_cents: int,
    currency: str,
    paid_at: datetime | None,
    subscription_ref: str | None,
) -> ProviderPayment:
    charge = money.charge if status == "paid" else None
    return ProviderPayment(
        payment_id=label.payment_id,
        kind=label.kind,
        week=label.week,
        ref=ref,
        status=status,
        amount_cents=amount_cents,
        currency=currency,
        paid_at=paid_at if charge is None else instant(charge.created),
        refunded_cents=money.refunded_cents,
        dispute=money.dispute,
        intent_ref=None if money.intent is None else money.intent.id,
        subscription_ref=subscription_ref,
        receipt_url=None if charge is None else charge.receipt_url,
    )


def invoice_label(invoice: stripe.Invoice) -> Label | None:
    """Read the mark that an invoice has from its subscription."""
    details = None if invoice.parent is None else invoice.parent.subscription_details
    return None if details is None else label_of(details.metadata)


def subscription_of(invoice: stripe.Invoice) -> str | None:
    """Return the subscription that an invoice is for."""
    details = None if invoice.parent is None else invoice.parent.subscription_details
    return None if details is None else ref_of(details.subscription)


def is_first(invoice: stripe.Invoice) -> bool:
    """Return whether an invoice belongs to the checkout that began a subscription."""
    return invoice.billing_reason == "subscription_create"


def subscription(told: stripe.Subscription) -> ProviderSubscription | None:
    """Return how a subscription stands; None where it is none of ours."""
    label = label_of(told.metadata)
    if label is None:
        return None
    ends = told.cancel_at if told.ended_at is None else told.ended_at
    return ProviderSubscription(
        ref=told.id, payment_id=label.payment_id, status=told.status, ends_at=_instant_or_none(ends)
    )


def payout_account(account: stripe.Account) -> PayoutAccount:
    """Return whether an account may be paid into."""
    return PayoutAccount(ref=account.id, is_active=getattr(account.capabilities, "transfers", None) == "active")


def identity_check(session: stripe.identity.VerificationSession) -> IdentityCheck:
    """Return how a check stands. Stripe would let a person try again after a failure; we begin the next check."""
    status: Literal["open", "verified", "failed"] = "open"
    if session.status == "verified":
        status = "verified"
    elif session.status == "canceled" or (session.status == "requires_input" and session.last_error is not None):
        status = "failed"
    return IdentityCheck(ref=session.id, status=status, url=session.url)


def transferred(transfer: stripe.Transfer) -> Transferred | None:
    """Return the prize that a transfer paid; None where it is none of ours."""
    prize_id = _uuid(transfer.metadata.to_dict().get("prize_id", ""))
    if prize_id is None:
        return None
    return Transferred(
        ref=transfer.id,
        prize_id=prize_id,
        group=transfer.transfer_group or "",
        amount_cents=transfer.amount,
        currency=transfer.currency,
        created_at=instant(transfer.created),
        is_reversed=transfer.reversed,
    )
