"""Subscribers: whose subscription stands takes part in the week that registers, and no other is charged on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from feeds.payments.provider import ProviderSubscription, ProviderUnavailable
from feeds.payments.records import PlayersPayment
from feeds.payments.till import AlreadySubscribed
from ledger.datastore import Datastore
from ledger.events import EntryEnrolled, EntryWithdrawn, PaymentRefused
from ledger.facts import fact_of
from ledger.ids import OFFICE
from ledger.payment import PaymentMoved
from tests.feeds.payments.shop import Shop, shop
from tests.feeds.small_week import NEXT_WEEK, WEEK

PAUSE = timedelta(minutes=20)


@pytest.fixture
def selling(datastore: Datastore) -> Iterator[Shop]:
    """A shop an hour before the week starts, with Ann and Bob signed up."""
    with shop(datastore) as opened:
        opened.open("ann", "bob")
        yield opened


def begun_by(selling: Shop, payment: PlayersPayment) -> str:
    """The provider's name of the subscription that a checkout began."""
    session = selling.sandbox.find(selling.session(payment))
    assert session is not None
    return str(session["subscription"])


def subscribed(selling: Shop, name: str, *, key: str = "one") -> str:
    """Subscribe, and return the provider's name of the subscription."""
    return begun_by(selling, selling.sold(name, "subscription", key=key))


def status(selling: Shop, ref: str) -> str:
    """How a subscription stands at the provider."""
    found = selling.sandbox.find(ref)
    assert found is not None
    return str(found["status"])


def takes_part(selling: Shop, name: str, week: str = WEEK) -> bool:
    """Whether a player is enrolled in a week, and has not withdrawn."""
    entry = selling.ledger.entries.entry_of(player_id=selling.player(name), week=week)
    if entry is None:
        return False
    asked = selling.ledger.desk(week).ask(
        lambda on: on.registration(entry).enrolled is not None, actor="test", request="look"
    )
    return asked.result()


def heard(selling: Shop) -> None:
    selling.deliver()
    selling.follow_up()


def paid_back(selling: Shop, ref: str) -> int:
    """The cents that went back of all that a subscription took."""
    invoices = [
        each["id"]
        for each in selling.sandbox.objects("invoice")
        if each["parent"]["subscription_details"]["subscription"] == ref
    ]
    payments = selling.sandbox.objects("invoice_payment")
    intents = [each["payment"]["payment_intent"] for each in payments if each["invoice"] in invoices]
    refunds = selling.sandbox.objects("refund")
    return sum(each["amount"] for each in refunds if each["payment_intent"] in intents)


def test_a_subscriber_takes_part_week_after_week(selling: Shop) -> None:
    """In the week that registers now and in the next one; renewals are payments of the player, and cover no week."""
    ref = subscribed(selling, "ann")
    [enrolled] = selling.week.events(EntryEnrolled)
    assert (enrolled.via, enrolled.payment_id) == ("subscription", None)
    selling.until("Mon 00:00")
    selling.week.open(NEXT_WEEK)
    selling.follow_up()
    assert takes_part(selling, "ann", NEXT_WEEK)
    selling.until("Sun 12:00")
    selling.sandbox.renew(ref)
    heard(selling)
    heard(selling)
    payments = selling.money.till.payments(player_id=selling.player("ann"))
    assert [(each.kind, each.status, each.amount_cents, each.week) for each in payments] == [
        ("subscription", "paid", 400, None)
    ] * 2
    assert (len(selling.week.events(EntryEnrolled)), paid_back(selling, ref)) == (1, 0)
    with pytest.raises(AlreadySubscribed):
        selling.buy("ann", "subscription", key="again")


def test_who_lapses_is_out_until_it_is_paid(selling: Shop) -> None:
    """Past due, the player is withdrawn from the week to come; paid in time, enrolled again; cancelled, out."""
    ref = subscribed(selling, "ann")
    selling.sandbox.fail_renewal(ref)
    heard(selling)
    assert not takes_part(selling, "ann")
    assert [each.reason for each in selling.week.events(EntryWithdrawn)] == ["subscription"]
    assert [each.status for each in selling.money.till.payments(player_id=selling.player("ann"))] == ["paid"]
    selling.sandbox.renew(ref)
    heard(selling)
    assert takes_part(selling, "ann")
    selling.sandbox.cancel_subscription(ref)
    heard(selling)
    assert not takes_part(selling, "ann")
    assert not selling.money.subscribers.is_subscribed(selling.player("ann"))
    assert subscribed(selling, "ann", key="again") != ref
    assert takes_part(selling, "ann")


def test_who_lapses_in_a_week_plays_it(selling: Shop) -> None:
    """An entry once drawn plays its week whatever happens to the subscription; in the next one it has none."""
    ref = subscribed(selling, "ann")
    selling.until("Mon 00:00")
    selling.week.open(NEXT_WEEK)
    selling.sandbox.fail_renewal(ref)
    heard(selling)
    assert takes_part(selling, "ann")
    assert not takes_part(selling, "ann", NEXT_WEEK)
    assert selling.week.available("ann") == 1000


def test_who_withdrew_on_purpose_stays_out(selling: Shop) -> None:
    """Whatever becomes of the subscription, and though the read model is behind when it lapses."""
    refs = {name: subscribed(selling, name) for name in ("ann", "bob")}
    selling.withdraw("ann")
    heard(selling)
    assert not takes_part(selling, "ann")
    selling.withdraw("bob")
    for ref in refs.values():
        selling.sandbox.fail_renewal(ref)
    selling.deliver()
    assert selling.money.worker is not None
    selling.ask(selling.money.worker.step())
    for ref in refs.values():
        selling.sandbox.renew(ref)
    heard(selling)
    assert (takes_part(selling, "ann"), takes_part(selling, "bob")) == (False, False)


def test_who_has_a_pass_keeps_it_when_a_subscription_lapses(selling: Shop) -> None:
    """What was paid for is not taken away."""
    assert selling.sold("ann", key="pass").verdict == "accepted"
    ref = subscribed(selling, "ann")
    selling.sandbox.cancel_subscription(ref)
    heard(selling)
    assert takes_part(selling, "ann")


def test_who_may_take_part_later_is_enrolled_then(selling: Shop) -> None:
    """A cooling-off that ends before the week starts keeps nobody out who has subscribed."""
    place = selling.restrictions.place
    now = selling.clock()
    place(
        player_id=selling.player("ann"),
        kind="cool_off",
        ends=lambda _: now + PAUSE,
        reason="",
        placed_by="player",
        request="a pause",
    )
    subscribed(selling, "ann")
    assert not takes_part(selling, "ann")
    selling.clock.set(now + PAUSE)
    selling.follow_up()
    assert takes_part(selling, "ann")


def test_a_second_subscription_is_ended_and_paid_back(selling: Shop) -> None:
    """Two that were begun at once: the first goes on, the second is cancelled and refunded, once."""
    first = selling.buy("ann", "subscription", key="one")
    selling.sandbox.pay(selling.session(first))
    about_subscription, *others = selling.sandbox.webhooks.taken()
    selling.deliver(*others)
    selling.week.runner.catch_up()
    selling.clock.set(selling.clock() + timedelta(seconds=1))
    second = selling.buy("ann", "subscription", key="two")
    selling.pay(second)
    selling.deliver(about_subscription)
    selling.follow_up()
    heard(selling)
    refs = [begun_by(selling, payment) for payment in (first, second)]
    assert [(status(selling, ref), paid_back(selling, ref)) for ref in refs] == [("active", 0), ("canceled", 400)]
    seen = selling.look("ann", second)
    assert (seen.verdict, seen.reason, seen.refunded_cents) == ("refused", "second", 400)
    assert takes_part(selling, "ann")


def test_subscriptions_of_the_excluded_end(selling: Shop) -> None:
    """Who excludes themselves is not charged any more; what was paid before is not given back."""
    ref, others = subscribed(selling, "ann"), subscribed(selling, "bob")
    selling.exclude("ann")
    heard(selling)
    assert (status(selling, ref), status(selling, others)) == ("canceled", "active")
    assert paid_back(selling, ref) == 0


def test_what_the_excluded_are_charged_goes_back(selling: Shop) -> None:
    """Paid on a checkout that was open when they excluded themselves, or renewed before the provider ended it."""
    payment = selling.buy("ann", "subscription")
    ref = subscribed(selling, "bob")
    selling.clock.set(selling.clock() + timedelta(seconds=1))
    for name in ("ann", "bob"):
        selling.exclude(name)
    selling.clock.set(selling.clock() + timedelta(seconds=1))
    selling.sandbox.pay(selling.session(payment))
    selling.sandbox.renew(ref)
    heard(selling)
    heard(selling)
    for ended in (begun_by(selling, payment), ref):
        assert (status(selling, ended), paid_back(selling, ended)) == ("canceled", 400)
    assert {each.reason for each in selling.week.events(PaymentRefused, OFFICE)} == {"not_admitted"}
    assert len(selling.sandbox.objects("refund")) == 2


def test_a_subscription_that_cannot_be_ended_keeps_no_other_going(selling: Shop) -> None:
    """The provider does not answer about the first of two: that is raised, and the other ends."""
    refs = {name: subscribed(selling, name) for name in ("ann", "bob")}
    stuck, other = sorted(refs.values())
    for name in refs:
        selling.exclude(name)
    selling.sandbox.faults.add("error_before", f"/v1/subscriptions/{stuck}", times=100)
    with pytest.raises(ProviderUnavailable):
        selling.follow_up()
    assert (status(selling, stuck), status(selling, other)) == ("active", "canceled")


def test_the_log_does_not_link_the_entries_of_a_subscriber(selling: Shop) -> None:
    """The logs of two weeks have nothing in common that an enrolment by subscription says."""
    for name in ("ann", "bob"):
        subscribed(selling, name)
    selling.until("Mon 00:00")
    selling.week.open(NEXT_WEEK)
    selling.follow_up()
    told = [
        [
            (fact.request.removeprefix(week), fact.actor, fact.cause, fact.event.payment_id)
            for record in selling.ledger.recorder(week).read_all()
            if isinstance((fact := fact_of(record)).event, EntryEnrolled)
        ]
        for week in (WEEK, NEXT_WEEK)
    ]
    assert told == [[("/subscription", "player", None, None)] * 2] * 2


def test_subscribers_are_enrolled_in_another_order_every_week(selling: Shop) -> None:
    """So that nobody is known again by their place among those who were enrolled at once."""
    names = [f"player {number}" for number in range(8)]
    for name in names:
        selling.sign_up(name)
        subscribed(selling, name)
    weeks = [f"2026-W{number}" for number in (48, 49, 50)]
    orders = [[each.player_id for each in selling.money.subscribers.to_enrol(week)] for week in weeks]
    assert len({tuple(order) for order in orders}) > 1
    assert all(set(order) == {selling.player(name) for name in names} for order in orders)


def test_subscriptions_of_the_erased_end(selling: Shop) -> None:
    """Of one erased long after, the first payment stays; what is charged before it ends at the provider goes back."""
    ref = subscribed(selling, "ann")
    selling.erase("ann")
    selling.sandbox.renew(ref)
    heard(selling)
    heard(selling)
    assert (status(selling, ref), paid_back(selling, ref)) == ("canceled", 400)
    assert [each.reason for each in selling.week.events(PaymentRefused, OFFICE)] == ["erased"]


def test_who_was_erased_at_the_checkout_is_paid_back(selling: Shop) -> None:
    """The subscription begins and ends, and its first payment goes back; cut short anywhere, it is done again."""
    payment = selling.buy("ann", "subscription")
    session = selling.session(payment)
    selling.erase("ann")
    selling.sandbox.pay(session)
    selling.sandbox.faults.add("drop_after", "/v1/subscriptions/*", method="DELETE", times=3)
    selling.sandbox.faults.add("error_after", "/v1/refunds", times=3)
    for _ in range(3):
        try:
            heard(selling)
        except Exception as error:
            assert getattr(error, "code", None) == "payments_unavailable", error
    ref = begun_by(selling, payment)
    assert (status(selling, ref), paid_back(selling, ref)) == ("canceled", 400)
    seen = selling.money.view.payment(payment.payment_id)
    assert seen is not None and seen.refunded_cents == 400


def test_a_word_that_is_out_of_date_is_not_kept(selling: Shop) -> None:
    """Of two that asked when nothing was known, only the first is believed; the other has to ask again."""
    payment = selling.buy("ann", "subscription")
    subscribers = selling.money.subscribers
    said = ProviderSubscription(ref="sub_1", payment_id=payment.payment_id, status="past_due", ends_at=None)
    assert subscribers.keep(said, known=0)
    for known in (0, 7):
        with pytest.raises(PaymentMoved):
            subscribers.keep(said, known=known)
    assert subscribers.keep(said, known=1)
    nobodys = ProviderSubscription(ref="sub_2", payment_id=selling.ledger.new_id(), status="active", ends_at=None)
    assert not subscribers.keep(nobodys, known=0)
