"""Reconciliation of weeks that were played: real ledger, real HTTP, and what goes wrong planted in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import psycopg
import pytest

from feeds.payments.provider import Order
from feeds.payments.reconcile import MoneyTotal, ProviderNeeded, Reconciliation, Sum, reconcile, summary
from ledger.datastore import Datastore
from ledger.recorder import LogNotOpen
from projections.payments import PrizeTotal
from tests.feeds.payments.paid_week import POLICY, play
from tests.feeds.payments.shop import Shop, shop
from tests.feeds.small_week import NEXT_WEEK, WEEK, at


@pytest.fixture
def selling(datastore: Datastore) -> Iterator[Shop]:
    """A shop before the week starts, with Ann and Bob signed up."""
    with shop(datastore) as opened:
        opened.open("ann", "bob")
        yield opened


def reconciled(shop: Shop, *, week: str = WEEK, with_provider: bool = True) -> Reconciliation:
    """Reconcile, with all tables up to date."""
    shop.week.react()
    provider = shop.provider if with_provider else None
    return shop.ask(reconcile(shop.ledger, shop.money.view, provider, week=week, now=shop.clock()))


def named(shop: Shop) -> list[tuple[str, str]]:
    return [(difference.what, difference.id) for difference in reconciled(shop).differences]


def test_a_week_is_reconciled_to_the_cent(datastore: Datastore) -> None:
    """All sides agree after all that money can do, until the winner's transfer comes back."""
    with shop(datastore, policy=POLICY) as played:
        play(played)
        result = reconciled(played)
        assert result.differences == ()
        assert result.totals.money == (
            MoneyTotal("buy_back", "usd", Sum(1, 700), Sum(1, 700)),
            MoneyTotal("prize", "usd", Sum(1, 5000), Sum(1, 5000)),
            # The first payment of the subscription was made in the week before.
            MoneyTotal("subscription", "usd", Sum(1, 400), Sum(1, 400)),
            MoneyTotal("weekly_pass", "usd", Sum(4, 2000, 1000), Sum(4, 2000, 1000)),
        )
        assert result.totals.prizes == (PrizeTotal("held", "usd", 1, 2000), PrizeTotal("paid", "usd", 1, 5000))
        credits = result.totals.credits
        assert (credits.accounts, credits.bought_back, credits.issued) == (4, 1000, 5000)
        told = summary(result)
        assert (told["ok"], told["credits"]["issued"], told["differences"]) == (True, 5000, [])

        [transfer] = played.sandbox.objects("transfer")
        played.sandbox.reverse_transfer(transfer["id"])
        assert named(played) == [("prize_reversed", str(played.week.entry("cat")))]
        played.week.clock.set(played.clock() + timedelta(minutes=1))
        assert played.money.worker is not None
        played.ask(played.money.worker.sweep())
        assert named(played) == []


def test_what_nobody_has_heard_of_yet_is_named(selling: Shop) -> None:
    """A payment, a refund and a dispute show as differences until they are heard of, and only then."""
    payment = selling.buy("ann", "weekly_pass")
    session, key = selling.session(payment), str(payment.payment_id)
    assert named(selling) == []
    intent = selling.sandbox.pay(session)["payment_intent"]
    assert named(selling) == [("status_differs", key)]
    selling.deliver()
    assert named(selling) == [("undecided", key)]
    selling.follow_up()
    assert named(selling) == []
    selling.sandbox.refund(intent, amount=100)
    assert named(selling) == [("refunds_differ", key)]
    selling.deliver()
    assert named(selling) == [("credited_and_refunded", key)]


def test_a_dispute_that_is_known_on_both_sides_is_no_difference(selling: Shop) -> None:
    """Also once it is lost: the money is gone, and that is known."""
    payment = selling.sold("ann")
    intent = cast(str, (selling.sandbox.find(selling.session(payment)) or {})["payment_intent"])
    dispute = selling.sandbox.dispute(intent)["id"]
    assert named(selling) == [("dispute_differs", str(payment.payment_id))]
    selling.deliver()
    assert named(selling) == []
    selling.sandbox.close_dispute(dispute, won=False)
    selling.deliver()
    assert named(selling) == []


def test_a_payment_that_only_the_provider_knows_is_named(selling: Shop) -> None:
    """Once it is paid, and in the week that it is for."""
    until = selling.clock() + timedelta(hours=2)
    order = Order(selling.ledger.new_id(), "weekly_pass", WEEK, 500, "usd", until)
    checkout = selling.ask(selling.provider.open_checkout(order))
    other = Order(selling.ledger.new_id(), "weekly_pass", NEXT_WEEK, 500, "usd", until)
    selling.sandbox.pay(selling.ask(selling.provider.open_checkout(other)).ref)
    assert named(selling) == []
    selling.sandbox.pay(checkout.ref)
    assert named(selling) == [("unknown_here", str(order.payment_id))]


def test_a_subscription_counts_in_the_week_in_which_it_is_paid(selling: Shop) -> None:
    """One that was opened before and paid in the week is missed as long as nobody has heard of it."""
    selling.sold("bob")
    payment = selling.buy("ann", "subscription")
    selling.week.clock.set(at("Mon 00:00"))
    assert reconciled(selling).totals.money == (MoneyTotal("weekly_pass", "usd", Sum(1, 500), Sum(1, 500)),)
    selling.sandbox.pay(selling.session(payment))
    assert named(selling) == [("status_differs", str(payment.payment_id))]
    selling.deliver()
    selling.follow_up()
    result = reconciled(selling)
    assert result.is_ok
    assert MoneyTotal("subscription", "usd", Sum(1, 400), Sum(1, 400)) in result.totals.money


def test_a_table_that_was_changed_by_hand_is_named(selling: Shop, dsn: str) -> None:
    """The log stands against it."""
    payment = selling.sold("ann")
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE payments SET refunded_cents = 500")
    assert named(selling) == [("projection_differs", str(payment.payment_id))]
    with psycopg.connect(dsn) as connection:
        connection.execute("UPDATE payments SET refunded_cents = 0")
        connection.execute("UPDATE purchases SET verdict = 'refused', reason = 'late'")
    [found] = reconciled(selling).differences
    assert "verdict is refused, accepted by the log" in found.detail


def test_a_free_week_is_reconciled_without_a_provider(selling: Shop) -> None:
    """There is no money in it, and its credits are explained."""
    selling.week.enrol(WEEK, "bob")
    selling.week.clock.set(at("Mon 00:00"))
    free = reconciled(selling, with_provider=False)
    assert (free.is_ok, free.totals.money, free.totals.credits.issued) == (True, (), 1000)


def test_payments_cannot_be_reconciled_without_a_provider(selling: Shop) -> None:
    """The refusal says how many there are."""
    selling.sold("ann")
    with pytest.raises(ProviderNeeded, match="1 payments"):
        reconciled(selling, with_provider=False)


def test_a_week_that_was_never_opened_cannot_be_reconciled(selling: Shop) -> None:
    """The refusal says so."""
    with pytest.raises(LogNotOpen, match=NEXT_WEEK):
        reconciled(selling, week=NEXT_WEEK)
