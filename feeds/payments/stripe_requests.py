"""What we ask Stripe to make, in its documented parameters. Nothing of a person is in them: payments, prizes, ids."""

from __future__ import annotations

from datetime import datetime
from math import ceil, floor
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid5

import httpx

from feeds.payments.provider import Kind, Order, ProviderPayment, Transfer

if TYPE_CHECKING:
    from stripe.params import AccountCreateParams, AccountLinkCreateParams, RefundCreateParams, TransferCreateParams
    from stripe.params.checkout import SessionCreateParams
    from stripe.params.checkout._session_create_params import SessionCreateParamsLineItemPriceData
    from stripe.params.identity import VerificationSessionCreateParams

_PRODUCTS: Final[dict[Kind, str]] = {
    "weekly_pass": "Weekly pass",
    "buy_back": "Buy-back",
    "subscription": "Weekly subscription",
}


def label(order: Order) -> dict[str, str]:
    """Return the metadata by which we know a payment of ours again."""
    week = {} if order.week is None else {"week": order.week}
    return {"payment_id": str(order.payment_id), "kind": order.kind, **week}


def checkout(order: Order, *, success_url: str, cancel_url: str) -> SessionCreateParams:
    """Return the checkout of an order; the pages that Stripe returns to are told the payment's id as `payment`."""
    params: SessionCreateParams = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": _price(order)}],
        "client_reference_id": str(order.payment_id),
        "metadata": label(order),
        "expires_at": int(order.expires_at.timestamp()),
        "success_url": _page(success_url, order.payment_id),
        "cancel_url": _page(cancel_url, order.payment_id),
    }
    if order.kind == "subscription":
        return {**params, "mode": "subscription", "subscription_data": {"metadata": label(order)}}
    return {**params, "payment_intent_data": {"metadata": label(order)}}


def _price(order: Order) -> SessionCreateParamsLineItemPriceData:
    product = _PRODUCTS[order.kind] if order.week is None else f"{_PRODUCTS[order.kind]} {order.week}"
    price: SessionCreateParamsLineItemPriceData = {
        "currency": order.currency,
        "unit_amount": order.amount_cents,
        "product_data": {"name": product},
    }
    return {**price, "recurring": {"interval": "week"}} if order.kind == "subscription" else price


def _page(url: str, payment_id: UUID) -> str:
    return str(httpx.URL(url).copy_merge_params({"payment": str(payment_id)}))


def refund(payment: ProviderPayment, *, intent_ref: str) -> RefundCreateParams:
    """Return the refund of all that is left of a payment."""
    return {
        "payment_intent": intent_ref,
        "amount": payment.amount_cents - payment.refunded_cents,
        "reason": "requested_by_customer",
        "metadata": {"payment_id": str(payment.payment_id)},
    }


def payee(player_id: UUID) -> str:
    """Return the name by which Stripe knows a player's account: it cannot be traced back to the player's id."""
    return str(uuid5(player_id, "payout account"))


def account(player_id: UUID) -> AccountCreateParams:
    """Return an account with Stripe's small dashboard, of which Stripe collects what it must know."""
    return {
        "controller": {
            "fees": {"payer": "application"},
            "losses": {"payments": "application"},
            "stripe_dashboard": {"type": "express"},
        },
        "capabilities": {"transfers": {"requested": True}},
        "metadata": {"payee": payee(player_id)},
    }


def account_page(ref: str, *, return_url: str) -> AccountLinkCreateParams:
    """Return the page on which an account's owner answers Stripe; a page too old leads back where a new one is made."""
    return {"account": ref, "type": "account_onboarding", "refresh_url": return_url, "return_url": return_url}


def checked_person(player_id: UUID) -> str:
    """Return the name by which Stripe knows whom it checks: it cannot be traced back to the player's id."""
    return str(uuid5(player_id, "identity check"))


def identity_check(player_id: UUID, *, number: int, return_url: str) -> VerificationSessionCreateParams:
    """Return the check of a document."""
    return {
        "type": "document",
        "client_reference_id": checked_person(player_id),
        "metadata": {"number": str(number)},
        "return_url": return_url,
    }


def transfer(prize: Transfer) -> TransferCreateParams:
    """Return the transfer that pays a prize."""
    return {
        "amount": prize.amount_cents,
        "currency": prize.currency,
        "destination": prize.to,
        "transfer_group": prize.group,
        "metadata": {"prize_id": str(prize.prize_id)},
    }


def first_second(since: datetime) -> int:
    """Return the second with which a list begins that must hold all since an instant: Stripe dates by whole seconds."""
    return floor(since.timestamp())


def second_after(until: datetime) -> int:
    """Return the second before which a list ends that must hold all until an instant."""
    return ceil(until.timestamp())
