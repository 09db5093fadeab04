"""The cashier: what is paid for is given once, and what cannot be given is paid back once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import pytest

from fairpool.sandbox.faults import Harm
from feeds.payments.provider import ProviderUnavailable
from feeds.payments.records import PlayersPayment
from ledger.datastore import Datastore
from ledger.events import BoughtBack, EntryEnrolled
from ledger.ids import OFFICE
from tests.feeds.payments.shop import Shop, shop
from tests.feeds.small_week import WEEK

REFUNDS = "/v1/refunds"


@pytest.fixture
def selling(datastore: Datastore) -> Iterator[Shop]:
    """A shop an hour before the week starts, with Ann and Bob signed up."""
    with shop(datastore) as opened:
        opened.open("ann", "bob")
        yield opened


def refused(selling: Shop, name: str, payment: PlayersPayment) -> str | None:
    """Why a payment was refused, if all of it is back, by one refund at the provider."""
    seen = selling.look(name, payment)
    assert (seen.status, seen.verdict, seen.refunded_cents) == ("paid", "refused", seen.amount_cents)
    intent = selling.sandbox.find(selling.session(payment))["payment_intent"]  # type: ignore[index]
    refunds = [each for each in selling.sandbox.objects("refund") if each["payment_intent"] == intent]
    assert [each["amount"] for each in refunds] == [seen.amount_cents]
    return seen.reason


def asked_to_refund(selling: Shop) -> int:
    return len(selling.sandbox.requests("POST", REFUNDS))


def test_a_paid_pass_enrols(selling: Shop) -> None:
    """The player takes part via the pass, and the facts of the office tell of the payment."""
    payment = selling.sold("ann")
    assert (payment.status, payment.verdict, payment.refunded_cents) == ("paid", "accepted", 0)
    assert payment.receipt_url
    [enrolled] = selling.week.events(EntryEnrolled)
    assert (enrolled.via, enrolled.payment_id) == ("week_pass", str(payment.payment_id))
    assert [fact.event.TOPIC for fact in selling.office()] == ["payment.checkout_opened", "payment.paid"]
    assert selling.office()[0].log == OFFICE


def test_a_bust_player_buys_back(selling: Shop) -> None:
    """Once: credits for a payment in time."""
    selling.bust("ann", "bob")
    assert selling.week.available("ann") == 0
    payment = selling.sold("ann", "buy_back")
    assert (payment.verdict, payment.week, selling.week.available("ann")) == ("accepted", WEEK, 1000)
    selling.start()
    selling.follow_up()
    [bought] = selling.week.events(BoughtBack)
    assert bought.payment_id == str(payment.payment_id)
    selling.week.play_out()


def test_payments_are_fulfilled_in_the_order_in_which_they_were_paid(selling: Shop) -> None:
    """Whatever order the messages come in."""
    anns, bobs = selling.buy("ann", "weekly_pass"), selling.buy("bob", "weekly_pass")
    for payment in (bobs, anns):
        selling.sandbox.pay(selling.session(payment))
        selling.clock.set(selling.clock() + timedelta(seconds=2))
    selling.deliver(*reversed(selling.sandbox.webhooks.taken()))
    selling.follow_up()
    assert [each.payment_id for each in selling.week.events(EntryEnrolled)] == [
        str(bobs.payment_id),
        str(anns.payment_id),
    ]


def test_a_pass_that_comes_too_late_goes_back(selling: Shop) -> None:
    """A slow payment that arrives when the week has begun enrols nobody."""
    payment = selling.buy("ann", "weekly_pass")
    selling.sandbox.begin_slow_payment(selling.session(payment))
    selling.deliver()
    selling.until("Mon 00:00")
    selling.sandbox.end_slow_payment(selling.session(payment), succeeds=True)
    selling.deliver()
    selling.follow_up()
    assert refused(selling, "ann", payment) == "late"
    assert selling.week.events(EntryEnrolled) == []


def test_late_entry_ends_with_the_week(datastore: Datastore) -> None:
    """Where late entry is allowed, a payment that arrives in the week enrols, and one after it goes back."""
    with shop(datastore) as selling:
        selling.open("ann", "bob", late_entry=True)
        payments = {name: selling.buy(name, "weekly_pass") for name in ("ann", "bob")}
        for payment in payments.values():
            selling.sandbox.begin_slow_payment(selling.session(payment))
        for name, wall in (("ann", "Wed 12:00"), ("bob", "next Mon 00:00")):
            selling.until(wall)
            selling.sandbox.end_slow_payment(selling.session(payments[name]), succeeds=True)
            selling.deliver()
            selling.follow_up()
        assert selling.look("ann", payments["ann"]).verdict == "accepted"
        assert refused(selling, "bob", payments["bob"]) == "late"


def test_a_buy_back_that_comes_too_late_goes_back(selling: Shop) -> None:
    """A slow payment that arrives when the week is over credits nothing."""
    selling.bust("ann", "bob")
    payment = selling.buy("ann", "buy_back")
    selling.sandbox.begin_slow_payment(selling.session(payment))
    selling.until("next Mon 00:00")
    selling.sandbox.end_slow_payment(selling.session(payment), succeeds=True)
    selling.deliver()
    selling.follow_up()
    assert refused(selling, "ann", payment) == "late"
    assert selling.week.available("ann") == 0
    selling.week.play_out()


def test_of_two_that_are_paid_the_second_goes_back(selling: Shop) -> None:
    """Two passes, or two buy-backs, of one player, both paid before either is fulfilled."""

    def buy_twice(kind: str) -> None:
        first = selling.buy("ann", kind, key=f"{kind} 1")  # type: ignore[arg-type]
        selling.pay(first)
        selling.week.runner.catch_up()
        selling.clock.set(selling.clock() + timedelta(seconds=1))
        second = selling.buy("ann", kind, key=f"{kind} 2")  # type: ignore[arg-type]
        selling.pay(second)
        selling.follow_up()
        assert selling.look("ann", first).verdict == "accepted"
        assert refused(selling, "ann", second) == "second"

    buy_twice("weekly_pass")
    selling.bust("bob", "ann")
    buy_twice("buy_back")
    assert len(selling.week.events(BoughtBack)) == 1


def test_a_buy_back_of_who_is_not_bust_any_more_goes_back(selling: Shop) -> None:
    """A correction gives the stake back while the checkout is open."""
    selling.bust("ann", "bob")
    payment = selling.buy("ann", "buy_back")
    selling.week.result("g1", 30, 0, revision=2)
    selling.follow_up()
    assert selling.week.available("ann") > 0
    selling.pay(payment)
    selling.follow_up()
    assert refused(selling, "ann", payment) == "not_bust"
    assert selling.week.events(BoughtBack) == []


def test_who_may_not_take_part_any_more_is_paid_back(selling: Shop) -> None:
    """Restricted or erased between checkout and payment: a pass, and a buy-back."""
    selling.sign_up("eve")
    passes = {name: selling.buy(name, "weekly_pass") for name in ("bob", "eve")}
    selling.exclude("bob")
    selling.erase("eve")
    for payment in passes.values():
        selling.pay(payment)
    selling.follow_up()
    assert refused(selling, "bob", passes["bob"]) == "not_admitted"
    assert verdict(selling, passes["eve"].payment_id) == ("refused", "erased", 500)
    selling.bust("ann")
    payment = selling.buy("ann", "buy_back")
    selling.exclude("ann")
    selling.pay(payment)
    selling.follow_up()
    assert refused(selling, "ann", payment) == "not_admitted"
    assert (selling.week.events(BoughtBack), len(selling.week.events(EntryEnrolled))) == ([], 1)


def test_who_withdraws_before_the_week_is_paid_back(selling: Shop) -> None:
    """Once; and a new pass enrols the same entry again."""
    first = selling.sold("ann", key="one")
    selling.withdraw("ann")
    selling.follow_up()
    assert refused(selling, "ann", first) == "withdrawn"
    again = selling.sold("ann", key="two")
    assert again.verdict == "accepted"
    assert asked_to_refund(selling) == 1
    selling.until("Mon 00:00")
    assert selling.week.available("ann") == 1000


def test_a_refund_cut_short_is_made_once(selling: Shop) -> None:
    """The provider does not answer, whether it acted or not: the next step, of a fresh process, finds out."""
    harms: tuple[Harm, ...] = ("error_before", "error_after", "drop_after", "error_kept")
    for harm in harms:
        selling.sign_up(harm)
        payment = selling.sold(harm)
        selling.withdraw(harm)
        selling.sandbox.faults.add(harm, REFUNDS, method="POST", times=3)
        with pytest.raises(ProviderUnavailable):
            selling.follow_up()
        selling.sandbox.faults.clear()
        selling.start()
        selling.follow_up()
        assert refused(selling, harm, payment) == "withdrawn"


def test_two_cashiers_at_once_give_once(selling: Shop) -> None:
    """Two processes fulfil and refund the same payments at the same time: each has one effect."""
    kept, back = selling.buy("ann", "weekly_pass"), selling.buy("bob", "weekly_pass")
    for payment in (kept, back):
        selling.pay(payment)
    selling.follow_up()
    selling.withdraw("bob")
    selling.week.runner.catch_up()
    workers = [selling.money.worker, selling.composed(selling.provider).worker]

    async def at_once() -> None:
        await asyncio.gather(*(each.step() for each in workers if each), return_exceptions=True)

    selling.ask(at_once())
    selling.follow_up()
    assert refused(selling, "bob", back) == "withdrawn"
    assert selling.look("ann", kept).verdict == "accepted"


def test_a_refund_that_cannot_be_asked_for_keeps_no_other_back(selling: Shop) -> None:
    """The provider does not answer about the payment that is first in turn: that is raised, and the others go back."""
    first, second = selling.sold("ann"), selling.sold("bob")
    for name in ("ann", "bob"):
        selling.withdraw(name)
    selling.sandbox.faults.add("error_before", f"/v1/checkout/sessions/{selling.session(first)}", times=100)
    with pytest.raises(ProviderUnavailable):
        selling.follow_up()
    with pytest.raises(ProviderUnavailable):
        selling.follow_up()
    assert refused(selling, "bob", second) == "withdrawn"
    selling.sandbox.faults.clear()
    selling.follow_up()
    assert refused(selling, "ann", first) == "withdrawn"


def test_what_the_provider_will_not_refund_is_told_and_keeps_nobody_waiting(
    selling: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A chargeback that we had not heard of: others are refunded, and it is tried again when the dispute has ended."""
    first, second = selling.sold("ann"), selling.sold("bob")
    intent = selling.sandbox.find(selling.session(first))["payment_intent"]  # type: ignore[index]
    dispute = selling.sandbox.dispute(intent)
    for name in ("ann", "bob"):
        selling.withdraw(name)
    selling.follow_up()
    assert refused(selling, "bob", second) == "withdrawn"
    assert f"payment {first.payment_id} is to be refunded, and cannot be" in caplog.text
    assert selling.look("ann", first).dispute == "open"
    asked = asked_to_refund(selling)
    selling.follow_up()
    assert asked_to_refund(selling) == asked
    selling.sandbox.close_dispute(dispute["id"], won=True)
    selling.deliver()
    selling.follow_up()
    assert asked_to_refund(selling) == asked + 1


def test_a_refund_that_fails_later_is_told_and_not_hammered(selling: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The payer's bank sends it back: it is recorded and told, and a process tries it once."""
    payment = selling.sold("ann")
    selling.withdraw("ann")
    selling.follow_up()
    [refund] = selling.sandbox.objects("refund")
    selling.sandbox.fail_refund(refund["id"])
    selling.deliver()
    selling.follow_up()
    selling.follow_up()
    assert f"a refund of payment {payment.payment_id} failed" in caplog.text
    assert (selling.look("ann", payment).refunded_cents, asked_to_refund(selling)) == (0, 1)
    selling.start()
    selling.follow_up()
    assert (selling.look("ann", payment).refunded_cents, asked_to_refund(selling)) == (500, 2)


def test_what_went_back_before_it_was_given_is_not_given(selling: Shop) -> None:
    """An operator refunds a payment in the dashboard before it is fulfilled: it enrols nobody."""
    payment = selling.buy("ann", "weekly_pass")
    selling.sandbox.pay(selling.session(payment))
    selling.sandbox.refund(selling.sandbox.find(selling.session(payment))["payment_intent"])  # type: ignore[index]
    selling.deliver()
    selling.follow_up()
    seen = selling.look("ann", payment)
    assert (seen.status, seen.refunded_cents, seen.verdict) == ("paid", 500, None)
    assert (selling.week.events(EntryEnrolled), asked_to_refund(selling)) == ([], 0)


def verdict(selling: Shop, payment_id: UUID) -> tuple[str, str | None, int]:
    """What became of a payment that nobody can look at any more."""
    [purchase] = [each for each in selling.money.view.purchases_of_week(WEEK) if each.payment_id == payment_id]
    payment = selling.money.view.payment(payment_id)
    assert payment is not None
    return purchase.verdict, purchase.reason, payment.refunded_cents
