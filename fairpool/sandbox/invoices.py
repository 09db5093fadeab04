"""What a subscription owes for a period, and the payments of it."""

from __future__ import annotations

from typing import Any

import stripe
from stripe import params as shapes

from fairpool.sandbox import money
from fairpool.sandbox.lists import Match, within
from fairpool.sandbox.objects import Object, documented, list_of
from fairpool.sandbox.routes import Route, listing, retrieving, same
from fairpool.sandbox.store import Store


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    created: dict[str, Match] = {"created": lambda item, span: within(item["created"], span)}
    of_subscription: dict[str, Match] = {"subscription": lambda invoice, ref: _subscription_of(invoice) == ref}
    filters = same("customer", "status") | created
    return (
        retrieving("/v1/invoices", shapes.InvoiceRetrieveParams, "invoice"),
        listing("/v1/invoices", shapes.InvoiceListParams, "invoice", filters | of_subscription),
        retrieving("/v1/invoice_payments", shapes.InvoicePaymentRetrieveParams, "invoice_payment"),
        listing(
            "/v1/invoice_payments",
            shapes.InvoicePaymentListParams,
            "invoice_payment",
            same("invoice", "status") | created | {"payment": _is_paid_by},
        ),
    )


def issue(store: Store, subscription: Object, *, reason: str) -> Object:
    """Make the open invoice of a subscription's present period."""
    ref, item = store.new_id("in"), subscription["items"]["data"][0]
    lines = [_line(store, ref, subscription, each) for each in subscription["items"]["data"]]
    total = sum(line["amount"] for line in lines)
    details = {
        "metadata": subscription["metadata"],
        "subscription": subscription["id"],
        "subscription_proration_date": None,
    }
    invoice = documented(
        stripe.Invoice,
        id=ref,
        amount_due=total,
        amount_overpaid=0,
        amount_paid=0,
        amount_remaining=total,
        amount_shipping=0,
        attempt_count=0,
        attempted=False,
        auto_advance=True,
        automatic_tax={"enabled": False, "disabled_reason": None, "liability": None, "provider": None, "status": None},
        billing_reason=reason,
        collection_method="charge_automatically",
        created=store.now,
        currency=subscription["currency"],
        customer=subscription["customer"],
        effective_at=store.now,
        hosted_invoice_url=f"{store.base_url}/sandbox/invoices/{ref}",
        issuer={"type": "self"},
        lines=list_of(lines, url=f"/v1/invoices/{ref}/lines"),
        metadata={},
        number=f"SANDBOX-{ref[3:]}",
        parent={"type": "subscription_details", "subscription_details": details, "quote_details": None},
        period_end=item["current_period_start"],
        period_start=item["current_period_start"],
        post_payment_credit_notes_amount=0,
        pre_payment_credit_notes_amount=0,
        starting_balance=0,
        status="open",
        status_transitions=documented(stripe.Invoice.StatusTransitions, finalized_at=store.now),
        subtotal=total,
        total=total,
    )
    subscription["latest_invoice"] = ref
    return store.add(invoice)


def pay(store: Store, invoice: Object) -> None:
    """Have an open invoice be paid by card."""
    payment, intent = _payment(store, invoice)
    money.settle(store, intent)
    invoice |= {
        "status": "paid",
        "amount_paid": invoice["amount_due"],
        "amount_remaining": 0,
        "attempted": True,
        "attempt_count": invoice["attempt_count"] + 1,
    }
    invoice["status_transitions"]["paid_at"] = store.now
    payment |= {"status": "paid", "amount_paid": invoice["amount_due"]}
    payment["status_transitions"]["paid_at"] = store.now


def fail(store: Store, invoice: Object) -> None:
    """Have an attempt to pay an open invoice fail: it stays open."""
    _, intent = _payment(store, invoice)
    money.decline(store, intent)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}


def _payment(store: Store, invoice: Object) -> tuple[Object, Object]:
    """Return an invoice's default payment, made if it has none, and its intent with a fresh attempt."""
    for payment in store.all("invoice_payment"):
        if payment["invoice"] == invoice["id"]:
            intent = store.get("payment_intent", payment["payment"]["payment_intent"])
            money.attempt(store, intent)
            return payment, intent
    intent = money.new_intent(
        store,
        amount=invoice["amount_due"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription",
        metadata={},
    )
    payment = documented(
        stripe.InvoicePayment,
        id=store.new_id("inpay"),
        amount_requested=invoice["amount_due"],
        created=store.now,
        currency=invoice["currency"],
        invoice=invoice["id"],
        is_default=True,
        payment={"type": "payment_intent", "payment_intent": intent["id"]},
        status="open",
    )
    return store.add(payment), intent


def _line(store: Store, invoice: str, subscription: Object, item: Object) -> Object:
    amount = item["price"]["unit_amount"] * item["quantity"]
    period = {"start": item["current_period_start"], "end": item["current_period_end"]}
    return documented(
        stripe.InvoiceLineItem,
        id=store.new_id("il"),
        amount=amount,
        currency=subscription["currency"],
        discountable=True,
        invoice=invoice,
        metadata=subscription["metadata"],
        period=period,
        quantity=item["quantity"],
        subscription=subscription["id"],
        subtotal=amount,
    )


def _subscription_of(invoice: Object) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


def _is_paid_by(payment: Object, wanted: Any) -> bool:
    return all(payment["payment"].get(name) == value for name, value in wanted.items())
