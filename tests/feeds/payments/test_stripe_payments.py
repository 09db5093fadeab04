"""How payments stand at Stripe: read anew by every name they have, refunded once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid5

import httpx
import pytest

from fairpool.sandbox import checkout
from fairpool.sandbox.faults import Harm
from feeds.payments.provider import (
    ProviderPayment,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.feeds.payments.stripes import BUY_BACK, NOON, PASS, SUBSCRIPTION, Stripe


def test_a_checkout_is_open_then_paid(stripe: Stripe) -> None:
    """What is said of a payment follows the payer; paid, it has an instant, a receipt and what a refund refers to."""
    checkout = stripe.ask(stripe.provider.open_checkout(PASS))
    unpaid = ProviderPayment(
        payment_id=PASS.payment_id,
        kind="weekly_pass",
        week="2026-W47",
        ref=checkout.ref,
        status="open",
        amount_cents=1000,
        currency="usd",
    )
    assert stripe.payment(checkout.ref) == unpaid
    stripe.pass_time(minutes=5)
    stripe.sandbox.pay(checkout.ref)
    [charge] = stripe.sandbox.objects("charge")
    paid = replace(
        unpaid,
        status="paid",
        paid_at=NOON + timedelta(minutes=5),
        intent_ref=charge["payment_intent"],
        receipt_url=charge["receipt_url"],
    )
    assert stripe.payment(checkout.ref) == paid
    assert stripe.ask(stripe.provider.payment("payment_intent", charge["payment_intent"])) == paid


@pytest.mark.parametrize(("succeeds", "wanted"), [(True, "paid"), (False, "failed")])
def test_a_slow_payment_is_open_until_the_money_comes(stripe: Stripe, succeeds: bool, wanted: str) -> None:
    """The payer being done is not the money being there."""
    checkout = stripe.ask(stripe.provider.open_checkout(PASS))
    stripe.sandbox.begin_slow_payment(checkout.ref)
    under_way = stripe.payment(checkout.ref)
    assert (under_way.status, under_way.paid_at) == ("open", None)
    stripe.sandbox.end_slow_payment(checkout.ref, succeeds=succeeds)
    assert stripe.payment(checkout.ref).status == wanted


def test_a_slow_payment_is_paid_when_the_money_came(stripe: Stripe) -> None:
    """Not when the payer was done: what was begun in time may come too late."""
    first, second = (stripe.ask(stripe.provider.open_checkout(order)) for order in (PASS, BUY_BACK))
    for begun in (first, second):
        stripe.sandbox.begin_slow_payment(begun.ref)
    for days, begun in enumerate((first, second), start=1):
        stripe.pass_time(days=1)
        stripe.sandbox.end_slow_payment(begun.ref, succeeds=True)
        assert stripe.payment(begun.ref).paid_at == NOON + timedelta(days=days)
    assert stripe.payment(first.ref).paid_at == NOON + timedelta(days=1)


def test_a_payment_is_refunded_once(stripe: Stripe) -> None:
    """Asked twice, also long after Stripe forgot the first request, the money goes back once."""
    paid = stripe.paid()
    refunded = stripe.ask(stripe.provider.refund(paid))
    assert refunded == replace(paid, refunded_cents=1000)
    assert stripe.ask(stripe.provider.refund(paid)) == refunded
    stripe.pass_time(days=3)
    assert stripe.ask(stripe.provider.refund(paid)) == refunded
    [made] = stripe.sandbox.objects("refund")
    assert (made["amount"], made["reason"]) == (1000, "requested_by_customer")
    assert made["metadata"] == {"payment_id": str(PASS.payment_id)}


@pytest.mark.parametrize("harm", ["error_after", "drop_after", "drop_before"])
def test_a_refund_is_made_once_whatever_becomes_of_the_answer(stripe: Stripe, harm: Harm) -> None:
    """An error after Stripe gave the money back does not give it back again."""
    paid = stripe.paid()
    stripe.sandbox.faults.add(harm, "/v1/refunds", method="POST")
    assert stripe.ask(stripe.provider.refund(paid)).refunded_cents == 1000
    assert len(stripe.sandbox.objects("refund")) == 1


def test_a_refund_whose_answer_stays_an_error_is_found_by_asking_again(stripe: Stripe) -> None:
    """Where Stripe repeats an internal error, the refund is in doubt, and the next time it is seen to be made."""
    paid = stripe.paid()
    stripe.sandbox.faults.add("error_kept", "/v1/refunds", method="POST")
    with pytest.raises(ProviderUnavailable):
        stripe.ask(stripe.provider.refund(paid))
    assert stripe.ask(stripe.provider.refund(paid)).refunded_cents == 1000
    assert len(stripe.sandbox.objects("refund")) == 1


def test_only_what_is_left_is_refunded(stripe: Stripe) -> None:
    """After a part was given back from the dashboard, the rest is."""
    paid = stripe.paid()
    assert paid.intent_ref is not None
    stripe.sandbox.refund(paid.intent_ref, amount=400)
    assert stripe.ask(stripe.provider.refund(paid)).refunded_cents == 1000
    assert [refund["amount"] for refund in stripe.sandbox.objects("refund")] == [400, 600]


def test_a_refund_that_failed_counts_no_more_and_can_be_made_again(stripe: Stripe) -> None:
    """What came back from the payer's bank was not refunded, and the same day another refund may be tried."""
    paid = stripe.paid()
    stripe.ask(stripe.provider.refund(paid))
    stripe.sandbox.fail_refund(stripe.sandbox.objects("refund")[0]["id"])
    assert stripe.payment(paid.ref).refunded_cents == 0
    assert stripe.ask(stripe.provider.refund(paid)).refunded_cents == 1000
    assert [refund["status"] for refund in stripe.sandbox.objects("refund")] == ["failed", "succeeded"]


def test_what_was_not_paid_is_not_refunded(stripe: Stripe) -> None:
    """There is nothing to give back of an open checkout."""
    checkout = stripe.ask(stripe.provider.open_checkout(PASS))
    with pytest.raises(ProviderRefused, match=str(PASS.payment_id)):
        stripe.ask(stripe.provider.refund(stripe.payment(checkout.ref)))


@pytest.mark.parametrize(("won", "wanted"), [(True, "won"), (False, "lost")])
def test_a_dispute_is_open_then_decided(stripe: Stripe, won: bool, wanted: str) -> None:
    """A chargeback stands beside the payment, and while it does Stripe refunds nothing."""
    paid = stripe.paid()
    assert paid.intent_ref is not None
    dispute = stripe.sandbox.dispute(paid.intent_ref)
    assert stripe.payment(paid.ref).dispute == "open"
    with pytest.raises(ProviderRefused) as refusal:
        stripe.ask(stripe.provider.refund(paid))
    assert refusal.value.reason == "charge_disputed"
    stripe.sandbox.close_dispute(dispute["id"], won=won)
    assert stripe.payment(paid.ref).dispute == wanted


def test_what_others_do_on_the_same_account_is_none_of_ours(stripe: Stripe) -> None:
    """A checkout, intent or transfer without our mark is nothing to us, and stands in no list of ours."""
    session = _somebodys_checkout(stripe, {"payment_id": "order 66", "kind": "weekly_pass"})
    stripe.sandbox.pay(session)
    [intent] = stripe.sandbox.objects("payment_intent")
    assert stripe.ask(stripe.provider.payment("checkout", session)) is None
    assert stripe.ask(stripe.provider.payment("payment_intent", intent["id"])) is None
    span = {"since": NOON, "until": NOON + timedelta(hours=1)}
    assert stripe.all(stripe.provider.payments(**span)) == []
    assert stripe.all(stripe.provider.transfers(**span)) == []


def _somebodys_checkout(stripe: Stripe, metadata: dict[str, str]) -> str:
    form = {
        "mode": "payment",
        "success_url": "https://shop.example",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "700",
        "line_items[0][price_data][product_data][name]": "Mug",
        **{f"metadata[{name}]": value for name, value in metadata.items()},
    }
    url, key = f"{stripe.sandbox.base_url}/v1/checkout/sessions", stripe.sandbox.api_key
    return str(httpx.post(url, data=form, headers={"Authorization": f"Bearer {key}"}).raise_for_status().json()["id"])


def test_payments_of_a_span_are_listed_page_by_page(stripe: Stripe) -> None:
    """All checkouts of the span are there, more than a page of them, and none from before or after."""
    stripe.paid()
    stripe.pass_time(hours=1)
    [asked] = stripe.sandbox.requests("POST", "/v1/checkout/sessions")
    wanted = [uuid5(PASS.payment_id, str(number)) for number in range(101)]
    with stripe.sandbox.acting() as store:
        for payment_id in wanted:
            label = {"payment_id": str(payment_id), "kind": "weekly_pass", "week": "2026-W47"}
            checkout.create(store, "", asked.params | {"metadata": label})
    stripe.pass_time(minutes=2)
    stripe.paid(replace(BUY_BACK, expires_at=stripe.clock() + timedelta(hours=1)))
    since = NOON + timedelta(hours=1)
    listed = stripe.all(stripe.provider.payments(since=since, until=since + timedelta(minutes=1)))
    assert sorted(payment.payment_id for payment in listed) == sorted(wanted)


def test_a_subscription_begins_with_its_checkout(stripe: Stripe) -> None:
    """The first invoice and the intent behind it are the checkout's payment; the subscription is known by it too."""
    paid = stripe.paid(SUBSCRIPTION)
    [asked] = stripe.sandbox.requests("POST", "/v1/checkout/sessions")
    assert asked.params["mode"] == "subscription"
    assert asked.params["line_items"][0]["price_data"]["recurring"] == {"interval": "week"}
    [invoice], [intent] = stripe.sandbox.objects("invoice"), stripe.sandbox.objects("payment_intent")
    assert (paid.status, paid.payment_id, paid.week) == ("paid", SUBSCRIPTION.payment_id, None)
    assert (paid.intent_ref, paid.paid_at) == (intent["id"], NOON)
    assert stripe.ask(stripe.provider.payment("invoice", invoice["id"])) == paid
    assert stripe.ask(stripe.provider.payment("payment_intent", intent["id"])) == paid
    assert paid.subscription_ref is not None
    subscription = stripe.ask(stripe.provider.subscription(paid.subscription_ref))
    assert subscription is not None
    assert (subscription.payment_id, subscription.status) == (SUBSCRIPTION.payment_id, "active")


def test_a_renewal_is_a_payment_of_its_own(stripe: Stripe) -> None:
    """Each renewal has an id that follows from the first payment's and the invoice's, and is refunded by itself."""
    first = stripe.paid(SUBSCRIPTION)
    assert first.subscription_ref is not None
    stripe.pass_time(days=7)
    stripe.sandbox.renew(first.subscription_ref)
    invoice = stripe.sandbox.objects("invoice")[-1]
    renewal = stripe.ask(stripe.provider.payment("invoice", invoice["id"]))
    assert renewal is not None
    assert renewal.payment_id == uuid5(SUBSCRIPTION.payment_id, invoice["id"])
    assert (renewal.status, renewal.kind, renewal.amount_cents) == ("paid", "subscription", 1000)
    assert (renewal.ref, renewal.paid_at) == (invoice["id"], NOON + timedelta(days=7))
    assert renewal.subscription_ref == first.subscription_ref
    listed = stripe.all(stripe.provider.payments(since=NOON, until=NOON + timedelta(days=8)))
    assert sorted(listed, key=lambda payment: payment.ref) == [first, renewal]
    assert stripe.ask(stripe.provider.refund(renewal)) == replace(renewal, refunded_cents=1000)
    assert stripe.payment(first.ref).refunded_cents == 0


def test_a_renewal_that_was_not_paid_is_open(stripe: Stripe) -> None:
    """A failed attempt leaves the invoice open and the subscription past due; a later one may pay it."""
    first = stripe.paid(SUBSCRIPTION)
    assert first.subscription_ref is not None
    stripe.pass_time(days=7)
    stripe.sandbox.fail_renewal(first.subscription_ref)
    invoice = stripe.sandbox.objects("invoice")[-1]["id"]
    unpaid = stripe.ask(stripe.provider.payment("invoice", invoice))
    subscription = stripe.ask(stripe.provider.subscription(first.subscription_ref))
    assert unpaid is not None and subscription is not None
    assert (unpaid.status, unpaid.paid_at, subscription.status) == ("open", None, "past_due")
    assert stripe.all(stripe.provider.payments(since=NOON + timedelta(days=1), until=NOON + timedelta(days=8))) == []
    stripe.sandbox.renew(first.subscription_ref)
    paid = stripe.ask(stripe.provider.payment("invoice", invoice))
    assert paid is not None
    assert (paid.payment_id, paid.status) == (unpaid.payment_id, "paid")


def test_a_subscription_that_is_cancelled_stays_as_it_ended(stripe: Stripe) -> None:
    """Cancelled at once it has ended now, and cancelled again later it ended then."""
    first = stripe.paid(SUBSCRIPTION)
    assert first.subscription_ref is not None
    ended = stripe.ask(stripe.provider.cancel_subscription(first.subscription_ref, at_period_end=False))
    assert ended is not None
    assert (ended.status, ended.ends_at) == ("canceled", NOON)
    stripe.pass_time(days=1)
    for at_period_end in (True, False):
        cancel = stripe.provider.cancel_subscription(first.subscription_ref, at_period_end=at_period_end)
        assert stripe.ask(cancel) == ended
