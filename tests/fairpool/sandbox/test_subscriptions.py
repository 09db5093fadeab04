"""Subscriptions: begun, renewed, past due, cancelled, and the invoices of it all."""

from __future__ import annotations

import pytest
import stripe

from fairpool.sandbox.errors import NotPossible
from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, Play, refusal

pytestmark = HTTPX_GRUMBLES
WEEK = 7 * 86400


def test_a_checkout_begins_a_subscription(play: Play) -> None:
    """It is active for a week, with the checkout's metadata and a paid first invoice."""
    ref = play.subscription()
    subscription = play.v1.subscriptions.retrieve(ref, {"expand": ["latest_invoice.payments"]})
    item = subscription["items"].data[0]
    assert (subscription.status, subscription.metadata["for"]) == ("active", "x")
    assert item.current_period_end - item.current_period_start == WEEK
    assert isinstance(invoice := subscription.latest_invoice, stripe.Invoice)
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 500, "subscription_create")
    assert invoice.parent is not None
    assert invoice.parent.subscription_details is not None
    assert invoice.parent.subscription_details.subscription == ref
    session = play.v1.checkout.sessions.list({"subscription": ref}).data[0]
    assert (session.payment_status, session.invoice, session.payment_intent) == ("paid", invoice.id, None)
    told = [event["type"] for event in play.endpoint.events]
    assert told == ["customer.subscription.created", "invoice.paid", "checkout.session.completed"]


def test_an_invoice_is_found_by_its_payment_intent(play: Play) -> None:
    """`invoice_payments` links the two, either way."""
    ref = play.subscription()
    invoice = play.v1.invoices.list({"subscription": ref, "expand": ["data.payments"]}).data[0]
    assert invoice.payments is not None
    intent = invoice.payments.data[0].payment.payment_intent
    assert isinstance(intent, str)
    found = play.v1.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": intent}})
    assert [payment.invoice for payment in found.data] == [invoice.id]
    expanded = play.v1.invoice_payments.list(
        {"invoice": invoice.id, "expand": ["data.payment.payment_intent.latest_charge"]}
    )
    assert isinstance(paid := expanded.data[0].payment.payment_intent, stripe.PaymentIntent)
    assert isinstance(paid.latest_charge, stripe.Charge)


def test_a_renewal_is_an_invoice_more(play: Play) -> None:
    """The next period begins where the last one ended, and its invoice is paid."""
    ref = play.subscription()
    ended = play.v1.subscriptions.retrieve(ref)["items"].data[0].current_period_end
    play.clock.forward(weeks=1)
    play.sandbox.renew(ref)
    assert play.v1.subscriptions.retrieve(ref)["items"].data[0].current_period_start == ended
    invoices = play.v1.invoices.list({"subscription": ref, "created": {"gte": play.clock.unix}, "status": "paid"})
    assert [invoice.billing_reason for invoice in invoices.data] == ["subscription_cycle"]
    assert play.endpoint.about(invoices.data[0].id) == ["invoice.paid"]


def test_a_failed_renewal_is_past_due_until_it_is_paid(play: Play) -> None:
    """The same invoice stays open, is tried again, and paid in the end."""
    ref = play.subscription()
    play.sandbox.fail_renewal(ref)
    play.sandbox.fail_renewal(ref)
    late = play.v1.subscriptions.retrieve(ref, {"expand": ["latest_invoice"]})
    assert isinstance(invoice := late.latest_invoice, stripe.Invoice)
    assert (late.status, invoice.status, invoice.amount_remaining, invoice.attempt_count) == (
        "past_due",
        "open",
        500,
        2,
    )
    assert play.sandbox.renew(ref)["status"] == "active"
    assert play.v1.invoices.retrieve(invoice.id).status == "paid"
    assert play.endpoint.about(invoice.id) == ["invoice.payment_failed", "invoice.payment_failed", "invoice.paid"]


def test_a_cancelled_subscription_is_over(play: Play) -> None:
    """It cannot be cancelled or renewed again, and lists show it only if they are asked for."""
    ref = play.subscription()
    assert play.v1.subscriptions.cancel(ref).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.subscriptions.cancel(ref)
    assert refusal(error) == (404, "resource_missing", "id")
    with pytest.raises(NotPossible, match="cancelled"):
        play.sandbox.renew(ref)
    assert ref not in [each.id for each in play.v1.subscriptions.list().data]
    assert ref in [each.id for each in play.v1.subscriptions.list({"status": "all"}).data]
    assert play.endpoint.about(ref)[-1] == "customer.subscription.deleted"
