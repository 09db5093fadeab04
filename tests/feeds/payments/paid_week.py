"""A week in which money did all that it can do: passes, a withdrawal, a subscription, buy-backs, prizes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from feeds.payments.prizes import PrizePolicy
from feeds.payments.records import PlayersPayment
from ledger import enrolment
from ledger.rules import Prize
from tests.feeds.payments.shop import Shop
from tests.feeds.small_week import ENDS_AT, WEEK, at

PRIZES = (Prize(rank=1, amount_cents=5000), Prize(rank=2, amount_cents=2000))
POLICY = PrizePolicy(identity_required=False)


def play(shop: Shop) -> None:
    """Play the week to its end.

    Ann and Cat pay passes; Dan too, and withdraws; Bob's is paid when he takes part for free already. Eve subscribes,
    and renews in the week. Ann loses all and buys back. Cat wins the first prize and is paid; Ann's waits for her
    account.
    """
    shop.open("ann", "bob", "cat", "dan", "eve", prizes=PRIZES)
    for name in ("ann", "cat", "dan"):
        shop.pay(shop.buy(name, "weekly_pass"))
    second = shop.buy("bob", "weekly_pass")
    shop.week.enrol(WEEK, "bob")
    shop.pay(second)
    subscription = shop.buy("eve", "subscription")
    shop.pay(subscription)
    shop.follow_up()
    enrolment.withdraw(shop.ledger, player_id=shop.player("dan"), week=WEEK, request="dan leaves")
    shop.follow_up()
    _lose_all(shop)
    shop.sandbox.renew(subscription_of(shop, subscription))
    shop.pay(shop.buy("ann", "buy_back", key="again"))
    shop.follow_up()
    shop.week.live_until(ENDS_AT + timedelta(hours=73))
    _claim_prize(shop, "cat")


def subscription_of(shop: Shop, payment: PlayersPayment) -> str:
    """The sandbox's name of the subscription that a checkout began."""
    session: dict[str, Any] | None = shop.sandbox.find(shop.session(payment))
    assert session is not None
    return str(session["subscription"])


def _lose_all(shop: Shop) -> None:
    """Ann stakes all on a game, and loses it; Cat wins a little."""
    shop.week.clock.set(at("Mon 00:00"))
    shop.week.react()
    shop.week.listed("g1", at("Tue 20:00"))
    shop.week.bet("ann", "g1", "spread", "home", 1000)
    shop.week.bet("cat", "g1", "spread", "away", 100)
    shop.week.clock.set(at("Tue 23:30"))
    shop.week.result("g1", 10, 20)
    shop.week.react()


def _claim_prize(shop: Shop, name: str) -> None:
    """The winner tells the provider how to be paid, and is."""
    shop.ask(shop.money.payout_desk.account_page(shop.player(name), return_url="https://app.example/prizes"))
    account = shop.money.payees.payee(shop.player(name)).account_ref
    assert account is not None
    shop.sandbox.complete_onboarding(account)
    shop.sandbox.set_balance(100_00)
    shop.deliver()
    shop.follow_up()
