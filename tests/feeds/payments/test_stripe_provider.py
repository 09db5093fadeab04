"""The Stripe adapter: checkouts, news, and what goes wrong between Stripe and us."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from fairpool.sandbox.faults import Harm
from feeds.payments.provider import (
    News,
    Provider,
    ProviderRefused,
    ProviderUnavailable,
)
from feeds.payments.stripe_provider import StripeProvider
from tests.feeds.payments.stripes import BUY_BACK, NOON, PASS, PLAYER, SUBSCRIPTION, Stripe, provider_at


def test_the_adapter_is_a_provider(stripe: Stripe) -> None:
    """The adapter has every method of the port, with its types: mypy checks the assignment."""
    port: Provider = stripe.provider
    assert isinstance(port, StripeProvider)


def test_a_checkout_tells_stripe_what_is_bought_and_nothing_of_the_player(stripe: Stripe) -> None:
    """The request holds price, the payment's id, expiry and pages, and has passed the shapes that Stripe documents."""
    checkout = stripe.ask(stripe.provider.open_checkout(PASS))
    [asked] = stripe.sandbox.requests("POST", "/v1/checkout/sessions")
    label = {"payment_id": str(PASS.payment_id), "kind": "weekly_pass", "week": "2026-W47"}
    price = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Weekly pass 2026-W47"}}
    assert asked.params == {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "client_reference_id": str(PASS.payment_id),
        "metadata": label,
        "payment_intent_data": {"metadata": label},
        "expires_at": int(PASS.expires_at.timestamp()),
        "success_url": f"https://play.example/paid?from=stripe&payment={PASS.payment_id}",
        "cancel_url": f"https://play.example/wallet?payment={PASS.payment_id}",
    }
    assert asked.idempotency_key == f"checkout/{PASS.payment_id}"
    assert checkout.url.startswith(stripe.sandbox.base_url)
    assert checkout.expires_at == PASS.expires_at


def test_the_same_order_has_one_page(stripe: Stripe) -> None:
    """Asked again, the checkout is the one that there is."""
    first, again = (stripe.ask(stripe.provider.open_checkout(PASS)) for _ in range(2))
    assert first == again
    assert len(stripe.sandbox.objects("checkout.session")) == 1


@pytest.mark.parametrize("harm", ["error_before", "drop_before", "error_after", "drop_after", "error_kept"])
def test_a_checkout_is_made_once_whatever_becomes_of_the_answer(stripe: Stripe, harm: Harm) -> None:
    """An error or a lost connection, before or after Stripe acted, even an error that Stripe repeats: one checkout."""
    stripe.sandbox.faults.add(harm, "/v1/checkout/sessions", method="POST")
    checkout = stripe.ask(stripe.provider.open_checkout(PASS))
    assert [session["id"] for session in stripe.sandbox.objects("checkout.session")] == [checkout.ref]


def test_a_checkout_is_refused_outside_the_time_that_stripe_allows(stripe: Stripe) -> None:
    """Less than 30 minutes, or a day and more, and Stripe's words come back with the payment's id."""
    for expires_at in (NOON + timedelta(minutes=29), NOON + timedelta(hours=24)):
        with pytest.raises(ProviderRefused, match="expires_at") as refusal:
            stripe.ask(stripe.provider.open_checkout(replace(PASS, expires_at=expires_at)))
        assert str(PASS.payment_id) in str(refusal.value)
        assert refusal.value.reason == "invalid_request_error"


def test_the_same_payment_cannot_become_another_order(stripe: Stripe) -> None:
    """A payment's id with another amount is refused: the key stands for the first."""
    stripe.ask(stripe.provider.open_checkout(PASS))
    with pytest.raises(ProviderRefused) as refusal:
        stripe.ask(stripe.provider.open_checkout(replace(PASS, amount_cents=2000)))
    assert refusal.value.reason == "idempotency_error"


def test_a_checkout_expires_by_time_or_by_our_word(stripe: Stripe) -> None:
    """Expired is expired, whoever did it, and to expire it again changes nothing."""
    first = stripe.ask(stripe.provider.open_checkout(PASS))
    second = stripe.ask(stripe.provider.open_checkout(BUY_BACK))
    for _ in range(2):
        stripe.ask(stripe.provider.expire_checkout(first.ref))
    assert stripe.payment(first.ref).status == "expired"
    assert stripe.payment(second.ref).status == "open"
    stripe.pass_time(hours=2)
    assert stripe.payment(second.ref).status == "expired"


def test_a_paid_checkout_cannot_be_expired(stripe: Stripe) -> None:
    """Whoever paid a second before has paid."""
    paid = stripe.paid()
    stripe.ask(stripe.provider.expire_checkout(paid.ref))
    assert stripe.payment(paid.ref) == paid


def _posted(stripe: Stripe, event_id: str) -> News:
    body, headers = stripe.sandbox.webhooks.message(event_id)
    return stripe.provider.news_of(body, headers["Stripe-Signature"])


def test_news_comes_signed_or_listed_and_is_the_same(stripe: Stripe) -> None:
    """Each event reads alike from a webhook, where one of two signatures is by our secret, and from the list."""
    stripe.paid()
    stripe.ask(stripe.provider.open_account(PLAYER))
    posted = [_posted(stripe, event) for event in stripe.sandbox.webhooks.taken()]
    listed = stripe.all(stripe.provider.news(since=NOON))
    assert listed == posted
    assert [(news.topic, news.about, news.ref[:3]) for news in listed] == [
        ("checkout.session.completed", "checkout", "cs_")
    ]


def test_news_is_told_oldest_first_across_pages(stripe: Stripe) -> None:
    """More events than a page holds come in the order in which they happened, from the instant asked for."""
    subscription = stripe.paid(SUBSCRIPTION).subscription_ref
    assert subscription is not None
    before = len(stripe.sandbox.webhooks.taken())
    stripe.pass_time(days=7)
    for _ in range(51):
        stripe.sandbox.renew(subscription)
    told = stripe.all(stripe.provider.news(since=NOON + timedelta(days=7)))
    assert [news.event_id for news in told] == stripe.sandbox.webhooks.taken()[before:]
    assert len(told) > 100


def test_a_wrong_key_is_the_operators_to_mend(stripe: Stripe, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is refused for it, and the log says it loudly."""

    async def ask() -> None:
        provider = provider_at(stripe.sandbox.base_url, "sk_test_other")
        try:
            await provider.open_checkout(PASS)
        finally:
            await provider.close()

    with caplog.at_level(logging.ERROR), pytest.raises(ProviderUnavailable):
        stripe.ask(ask())
    assert "does not accept our API key" in caplog.text


def test_a_server_that_is_not_there_is_unavailable(stripe: Stripe) -> None:
    """A connection that is refused is an outage, after Stripe's client has tried again."""

    async def ask() -> None:
        provider = provider_at("http://127.0.0.1:1", "sk_test_sandbox")
        try:
            await provider.account("acct_1")
        finally:
            await provider.close()

    with pytest.raises(ProviderUnavailable, match="acct_1"):
        stripe.ask(ask())


@pytest.mark.parametrize(
    "ask",
    [
        lambda provider: provider.payment("checkout", "cs_test_none"),
        lambda provider: provider.payment("invoice", "in_none"),
        lambda provider: provider.expire_checkout("cs_test_none"),
        lambda provider: provider.subscription("sub_none"),
        lambda provider: provider.account_page("acct_none", return_url="https://play.example"),
    ],
)
def test_what_stripe_does_not_know_is_refused(
    stripe: Stripe, ask: Callable[[StripeProvider], Awaitable[object]]
) -> None:
    """A ref of nothing is refused with Stripe's reason."""
    with pytest.raises(ProviderRefused, match="_none") as refusal:
        stripe.ask(ask(stripe.provider))
    assert refusal.value.reason == "resource_missing"
