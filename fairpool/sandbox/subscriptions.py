"""Subscriptions and their invoices: begun by a checkout, renewed or not at the dashboard's word, cancelled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from stripe import params as shapes

from fairpool.sandbox import invoices
from fairpool.sandbox.errors import NotPossible, invalid, missing
from fairpool.sandbox.lists import Match, within
from fairpool.sandbox.objects import Object, documented, list_of
from fairpool.sandbox.routes import Route, listing, retrieving, same
from fairpool.sandbox.store import Store

INTERVALS = {"day": timedelta(days=1), "week": timedelta(weeks=1)}
MONTHS = {"month": 1, "year": 12}


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    path, kind = "/v1/subscriptions", "subscription"
    created: dict[str, Match] = {"created": lambda item, span: within(item["created"], span)}
    return (
        retrieving(path, shapes.SubscriptionRetrieveParams, kind),
        _listing(path, kind, same("customer") | created | {"status": _has_status}),
        Route("POST", path + "/{id}", shapes.SubscriptionUpdateParams, update, frozenset({"cancel_at_period_end"})),
        Route("DELETE", path + "/{id}", shapes.SubscriptionCancelParams, cancel),
    )


def begin(store: Store, session: Object) -> Object:
    """Make the subscription that a checkout was for, with its customer and its first, paid invoice."""
    if session["customer"] is None:
        email = session["customer_details"]["email"]
        customer = documented(stripe.Customer, id=store.new_id("cus"), created=store.now, email=email, metadata={})
        session["customer"] = store.add(customer)["id"]
    subscription = store.add(_subscription(store, session))
    invoice = invoices.issue(store, subscription, reason="subscription_create")
    invoices.pay(store, invoice)
    session |= {"subscription": subscription["id"], "invoice": invoice["id"]}
    store.emit("customer.subscription.created", subscription)
    store.emit("invoice.paid", invoice)
    return subscription


def renew(store: Store, ref: str) -> Object:
    """Have the next period be paid; of a subscription that is past due, the invoice that was not.

    One that ends with its period has then ended.
    """
    subscription = _running(store, ref)
    if subscription["cancel_at_period_end"]:
        return cancel(store, ref, {})
    invoice = store.get("invoice", subscription["latest_invoice"])
    if invoice["status"] != "open":
        invoice = _next_invoice(store, subscription)
    invoices.pay(store, invoice)
    subscription["status"] = "active"
    store.emit("invoice.paid", invoice)
    store.emit("customer.subscription.updated", subscription)
    return subscription


def fail_renewal(store: Store, ref: str) -> Object:
    """Have the next period not be paid: the subscription is past due."""
    subscription = _running(store, ref)
    invoice = store.get("invoice", subscription["latest_invoice"])
    if invoice["status"] != "open":
        invoice = _next_invoice(store, subscription)
    invoices.fail(store, invoice)
    subscription["status"] = "past_due"
    store.emit("invoice.payment_failed", invoice)
    store.emit("customer.subscription.updated", subscription)
    return subscription


def update(store: Store, ref: str, params: Object) -> Object:
    """Have a subscription end when what was paid for is over, or go on after all."""
    subscription = store.get("subscription", ref)
    if subscription["status"] == "canceled":
        raise invalid("A canceled subscription can only update its cancellation_details.", param=None)
    ends = params.get("cancel_at_period_end", subscription["cancel_at_period_end"])
    period_end = max(item["current_period_end"] for item in subscription["items"]["data"])
    subscription |= {"cancel_at_period_end": ends, "cancel_at": period_end if ends else None}
    subscription["canceled_at"] = store.now if ends else None
    store.emit("customer.subscription.updated", subscription)
    return subscription


def cancel(store: Store, ref: str, params: Object) -> Object:
    """End a subscription at once."""
    subscription = store.get("subscription", ref)
    if subscription["status"] == "canceled":
        raise missing("subscription", ref)
    details = {"comment": None, "feedback": None, "reason": "cancellation_requested"}
    ends = {"canceled_at": store.now, "ended_at": store.now, "cancellation_details": details}
    subscription |= {"status": "canceled"} | ends
    store.emit("customer.subscription.deleted", subscription)
    return subscription


def _running(store: Store, ref: str) -> Object:
    subscription = store.get("subscription", ref)
    if subscription["status"] == "canceled":
        raise NotPossible(f"Subscription {ref} is cancelled")
    return subscription


def _next_invoice(store: Store, subscription: Object) -> Object:
    for item in subscription["items"]["data"]:
        start = item["current_period_end"]
        item |= {"current_period_start": start, "current_period_end": _period_end(start, item["price"])}
    return invoices.issue(store, subscription, reason="subscription_cycle")


def _subscription(store: Store, session: Object) -> Object:
    ref, now = store.new_id("sub"), store.now
    data = store.orders[session["id"]].get("subscription_data") or {}
    items = [_item(store, ref, line) for line in store.line_items[session["id"]]]
    return documented(
        stripe.Subscription,
        id=ref,
        automatic_tax={"disabled_reason": None, "enabled": False, "liability": None},
        billing_cycle_anchor=now,
        billing_mode={"type": "flexible", "flexible": None},
        cancel_at_period_end=False,
        collection_method="charge_automatically",
        created=now,
        currency=session["currency"],
        customer=session["customer"],
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
        items=list_of(items, url=f"/v1/subscription_items?subscription={ref}"),
        start_date=now,
        status="active",
        **{"metadata": {}} | data,
    )


def _item(store: Store, subscription: str, line: Object) -> Object:
    price = line["price"]
    return documented(
        stripe.SubscriptionItem,
        id=store.new_id("si"),
        created=store.now,
        current_period_start=store.now,
        current_period_end=_period_end(store.now, price),
        plan=_plan(price),
        price=price,
        quantity=line["quantity"],
        subscription=subscription,
    )


def _plan(price: Object) -> Object:
    copied = ("id", "active", "billing_scheme", "created", "currency", "product")
    return documented(
        stripe.Plan,
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        interval=price["recurring"]["interval"],
        interval_count=price["recurring"]["interval_count"],
        usage_type="licensed",
        **{name: price[name] for name in copied},
    )


def _period_end(start: int, price: Object) -> int:
    interval, count = price["recurring"]["interval"], price["recurring"]["interval_count"]
    moment = datetime.fromtimestamp(start, UTC)
    if interval in INTERVALS:
        return int((moment + count * INTERVALS[interval]).timestamp())
    months = moment.month - 1 + count * MONTHS[interval]
    # As Stripe does at the end of months, but for the 29th to 31st, which here all become the 28th.
    day = min(moment.day, 28)
    return int(moment.replace(year=moment.year + months // 12, month=months % 12 + 1, day=day).timestamp())


def _has_status(subscription: Object, wanted: Any) -> bool:
    return bool(wanted == "all" or subscription["status"] == ("canceled" if wanted == "ended" else wanted))


def _listing(path: str, kind: str, filters: dict[str, Match]) -> Route:
    """Return the route to the list, which leaves cancelled ones out unless a status is asked for."""
    route = listing(path, shapes.SubscriptionListParams, kind, filters | {"_not_cancelled": _is_not_cancelled})

    def handle(store: Store, ref: str, params: Object) -> Object:
        return route.handle(store, ref, params if "status" in params else params | {"_not_cancelled": True})

    return Route("GET", path, shapes.SubscriptionListParams, handle, route.acts_on)


def _is_not_cancelled(subscription: Object, _: Any) -> bool:
    return bool(subscription["status"] != "canceled")
