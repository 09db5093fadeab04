"""Observing the provider: whatever becomes of its messages, what it says is recorded once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from fairpool.sandbox.webhooks import sign
from feeds.payments.messages import Messages
from feeds.payments.observing import OVERLAP, PATIENCE, Observer
from feeds.payments.provider import About, Order, ProviderPayment, ProviderUnavailable, SignatureInvalid
from feeds.payments.records import PlayersPayment
from feeds.payments.stripe_provider import StripeProvider
from feeds.payments.till import LONGEST
from ledger.datastore import Datastore
from tests.feeds.payments.shop import SECRET, Shop, real_now, shop
from tests.feeds.small_week import NEXT_WEEK

SESSIONS = "/v1/checkout/sessions"


@pytest.fixture
def selling(datastore: Datastore) -> Iterator[Shop]:
    """A shop an hour before the week starts, with Ann and Bob signed up."""
    with shop(datastore) as opened:
        opened.open("ann", "bob")
        yield opened


def topics(selling: Shop, payment: PlayersPayment | None = None) -> list[str]:
    """What the office tells, of one payment if asked for."""
    facts = (fact for fact in selling.office() if payment is None or fact.stream == payment.payment_id)
    return [fact.event.TOPIC.removeprefix("payment.") for fact in facts]


def intent_of(selling: Shop, payment: PlayersPayment) -> str:
    session = selling.sandbox.find(selling.session(payment))
    assert session is not None
    return str(session["payment_intent"])


def taken(selling: Shop) -> int:
    """How many messages were noted as taken."""
    messages = Messages(selling.week.datastore, clock=selling.clock)
    return len(messages.known([event["id"] for event in selling.sandbox.objects("event")]))


def observer(selling: Shop) -> Observer:
    assert selling.money.observer is not None
    return selling.money.observer


def test_messages_may_come_in_any_order_and_again(selling: Shop) -> None:
    """Paid, refunded in part, and disputed: in every order, twice each, the provider's present word is recorded."""
    payment = selling.buy("ann", "weekly_pass")
    selling.sandbox.pay(selling.session(payment))
    selling.sandbox.refund(intent_of(selling, payment), amount=200)
    selling.sandbox.dispute(intent_of(selling, payment))
    for order in permutations(selling.sandbox.webhooks.taken()):
        selling.deliver(*order, *order)
    assert topics(selling) == ["checkout_opened", "paid", "refunded", "disputed"]
    seen = selling.look("ann", payment)
    assert (seen.status, seen.refunded_cents, seen.dispute) == ("paid", 200, "open")
    assert taken(selling) == len(selling.sandbox.webhooks.taken())


def test_messages_of_nobody_are_refused(selling: Shop) -> None:
    """Without the provider's signature, or with one that is minutes old, a message changes nothing."""
    payment = selling.buy("ann", "weekly_pass")
    selling.sandbox.pay(selling.session(payment))
    [event_id] = selling.sandbox.webhooks.taken()
    body, _ = selling.sandbox.webhooks.message(event_id)
    for signature in (
        "",
        sign(body, ["whsec_of_somebody_else"], at=real_now()),
        sign(body + b" ", [SECRET], at=real_now()),
        sign(body, [SECRET], at=real_now() - timedelta(minutes=6)),
    ):
        with pytest.raises(SignatureInvalid):
            selling.ask(observer(selling).take_http(body, signature))
    assert topics(selling) == ["checkout_opened"]
    assert taken(selling) == 0


def test_what_others_sell_with_the_same_account_is_theirs(selling: Shop) -> None:
    """Payments and subscriptions that did not begin here are taken note of, and left alone."""
    for kind, week in (("weekly_pass", NEXT_WEEK), ("subscription", None)):
        until = selling.clock() + timedelta(hours=2)
        order = Order(uuid4(), kind, week, 500, "usd", until)  # type: ignore[arg-type]
        selling.sandbox.pay(selling.ask(selling.provider.open_checkout(order)).ref)
    [subscription] = selling.sandbox.objects("subscription")
    selling.sandbox.renew(subscription["id"])
    selling.deliver()
    selling.sweep()
    selling.follow_up()
    assert selling.office() == []
    assert selling.sandbox.objects("subscription")[0]["status"] == "active"
    assert selling.sandbox.objects("refund") == []
    assert taken(selling) == len(selling.sandbox.webhooks.taken())


def test_a_message_that_leads_nowhere_is_taken(selling: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """One about what the provider does not know comes to nothing, once: it is told, and keeps none from being taken."""
    payment = selling.buy("ann", "weekly_pass")
    selling.sandbox.pay(selling.session(payment))
    [event_id] = selling.sandbox.webhooks.taken()
    event = json.loads(selling.sandbox.webhooks.message(event_id)[0])
    event["id"], event["data"]["object"]["id"] = "evt_gone", "cs_test_gone"
    body = json.dumps(event).encode()
    for _ in range(2):
        selling.ask(observer(selling).take_http(body, sign(body, [SECRET], at=real_now())))
    assert caplog.text.count("evt_gone") == 1
    selling.deliver()
    assert topics(selling) == ["checkout_opened", "paid"]


def test_slow_payments_are_paid_when_the_money_is_there(selling: Shop) -> None:
    """Until then the payment is open, and then paid or failed; a checkout that nobody pays expires."""
    good, bad = selling.buy("ann", "weekly_pass"), selling.buy("bob", "weekly_pass")
    unpaid = selling.buy("ann", "subscription", key="two")
    for payment in (good, bad):
        selling.sandbox.begin_slow_payment(selling.session(payment))
    selling.deliver()
    selling.follow_up()
    assert topics(selling) == ["checkout_opened"] * 3
    assert taken(selling) == 2
    selling.sandbox.end_slow_payment(selling.session(good), succeeds=True)
    selling.sandbox.end_slow_payment(selling.session(bad), succeeds=False)
    selling.deliver()
    selling.follow_up()
    selling.until("Tue 12:00")
    selling.deliver()
    assert topics(selling, good) == ["checkout_opened", "paid"]
    assert topics(selling, bad) == ["checkout_opened", "failed"]
    assert topics(selling, unpaid) == ["checkout_opened", "expired"]


def test_what_happens_after_the_payment_is_recorded(selling: Shop) -> None:
    """A refund in part that fails, a dispute that is won, and one that is lost: none of it refunds anything here."""
    won, lost = selling.sold("ann"), selling.sold("bob")
    refund = selling.sandbox.refund(intent_of(selling, won), amount=200)
    selling.deliver()
    selling.sandbox.fail_refund(refund["id"])
    selling.deliver()
    assert topics(selling, won) == ["checkout_opened", "paid", "refunded", "refund_failed"]
    assert selling.look("ann", won).refunded_cents == 0
    for payment, is_won in ((won, True), (lost, False)):
        dispute = selling.sandbox.dispute(intent_of(selling, payment))
        selling.deliver()
        assert topics(selling, payment)[-1] == "disputed"
        selling.sandbox.close_dispute(dispute["id"], won=is_won)
        selling.deliver()
        assert topics(selling, payment)[-1] == "dispute_closed"
    selling.follow_up()
    assert (selling.look("ann", won).dispute, selling.look("bob", lost).dispute) == ("won", "lost")
    assert len(selling.sandbox.objects("refund")) == 1


def test_a_sweep_takes_what_did_not_come(selling: Shop) -> None:
    """Once; it begins where the last one ended, and one that is cut short begins there again."""
    payment = selling.buy("ann", "weekly_pass")
    selling.sandbox.pay(selling.session(payment))
    selling.sandbox.refund(intent_of(selling, payment), amount=200)
    selling.sandbox.faults.add("error_before", f"{SESSIONS}*", times=100)
    with pytest.raises(ProviderUnavailable):
        selling.sweep()
    selling.sandbox.faults.clear()
    assert topics(selling) == ["checkout_opened"]
    assert selling.sweep() > 0
    assert topics(selling) == ["checkout_opened", "paid", "refunded"]
    assert selling.sweep() == 0
    selling.deliver()
    assert len(selling.office()) == 3
    swept_to = selling.clock()
    selling.clock.set(swept_to + timedelta(days=5))
    selling.start()
    assert selling.sweep() == 0
    asked = selling.sandbox.requests("GET", "/v1/events")[-1].params["created"]["gte"]
    assert asked == int((swept_to - OVERLAP).timestamp())


def test_a_message_that_cannot_be_looked_into_keeps_no_other_back(selling: Shop) -> None:
    """The provider does not answer about one of two payments: the other is paid, and the first when it does."""
    stuck, other = selling.buy("ann", "weekly_pass"), selling.buy("bob", "weekly_pass")
    for payment in (stuck, other):
        selling.sandbox.pay(selling.session(payment))
    selling.sandbox.faults.add("error_before", f"{SESSIONS}/{selling.session(stuck)}", times=100)
    with pytest.raises(ProviderUnavailable):
        selling.sweep()
    assert (topics(selling, stuck), topics(selling, other)) == (["checkout_opened"], ["checkout_opened", "paid"])
    selling.sandbox.faults.clear()
    assert selling.sweep() > 0
    assert topics(selling, stuck) == ["checkout_opened", "paid"]


def test_checkouts_that_should_have_ended_are_asked_about(selling: Shop) -> None:
    """Also where no message tells of it: expired; never opened at the provider; and never, by who is erased since."""
    expired = selling.buy("ann", "weekly_pass")
    selling.sign_up("eve")
    for name in ("bob", "eve"):
        selling.sandbox.faults.add("error_before", SESSIONS, method="POST", times=3)
        with pytest.raises(ProviderUnavailable):
            selling.buy(name, "weekly_pass")
    selling.erase("eve")
    now = selling.clock() + LONGEST + PATIENCE + timedelta(seconds=1)
    # Whatever happens until then, its messages are lost.
    Messages(selling.week.datastore, clock=selling.clock).swept(now + timedelta(days=1))
    selling.week.runner.catch_up()
    selling.clock.set(now)
    assert selling.sweep() == 3
    assert sorted(topics(selling)) == [*["checkout_opened"] * 3, "expired", "failed", "failed"]
    assert topics(selling, expired) == ["checkout_opened", "expired"]
    assert selling.sweep() == 0


def test_what_was_recorded_while_the_provider_was_asked_counts(selling: Shop) -> None:
    """A word that is out of date when it comes is not recorded: the provider is asked again."""
    payment = selling.buy("ann", "weekly_pass")
    selling.sandbox.pay(selling.session(payment))
    provider = Overtaken(selling)
    late = selling.composed(provider).observer
    assert late is not None
    body, headers = selling.sandbox.webhooks.message(selling.sandbox.webhooks.taken()[0])
    try:
        selling.ask(late.take_http(body, headers["Stripe-Signature"]))
    finally:
        selling.ask(provider.close())
    assert provider.said == [0, 300]
    assert topics(selling) == ["checkout_opened", "paid", "refunded"]
    assert selling.look("ann", payment).refunded_cents == 300


class Overtaken(StripeProvider):
    """Between the first answer and its being recorded, something happens, and another process records it."""

    def __init__(self, selling: Shop) -> None:
        super().__init__(
            selling.sandbox.api_key,
            webhook_secrets=[SECRET],
            success_url="https://app.example/paid",
            cancel_url="https://app.example/back",
            base_url=selling.sandbox.base_url,
        )
        self.said: list[int] = []
        self._selling = selling

    async def payment(self, about: About, ref: str) -> ProviderPayment | None:
        said = await super().payment(about, ref)
        assert said is not None and said.intent_ref is not None
        self.said.append(said.refunded_cents)
        if len(self.said) == 1:
            self._selling.sandbox.refund(said.intent_ref, amount=300)
            await observer(self._selling).observe(said.payment_id, said.ref)
        return said
