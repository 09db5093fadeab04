"""Money, composed: without a provider there is none, and what one part waits for keeps no other from its work."""

from __future__ import annotations

import pytest

from feeds.payments.money import Terms, compose
from feeds.payments.prizes import PrizePolicy
from feeds.payments.provider import ProviderUnavailable
from feeds.payments.till import PaymentsOff
from ledger.datastore import Datastore
from ledger.events import EntryEnrolled
from tests.feeds.payments.shop import PRICES, shop
from tests.feeds.small_week import WEEK


def test_what_one_part_waits_for_keeps_no_other_from_its_work(datastore: Datastore) -> None:
    """The provider makes no refunds for now: that is raised, and subscribers are enrolled all the same."""
    with shop(datastore, policy=PrizePolicy()) as selling:
        selling.open("ann", "bob")
        payment = selling.sold("ann")
        selling.withdraw("ann")
        selling.pay(selling.buy("bob", "subscription"))
        selling.sandbox.faults.add("error_before", "/v1/refunds", times=3)
        with pytest.raises(ProviderUnavailable):
            selling.follow_up()
        assert [each.via for each in selling.week.events(EntryEnrolled)] == ["week_pass", "subscription"]
        assert selling.look("ann", payment).refunded_cents == 0
        selling.follow_up()
        assert selling.look("ann", payment).refunded_cents == 500


def test_without_a_provider_nothing_is_sold(datastore: Datastore) -> None:
    """The game goes on without money: nothing is for sale, and there is nobody to follow up."""
    with shop(datastore) as selling:
        selling.open("ann")
        money = compose(
            selling.ledger,
            selling.week.runner,
            provider=None,
            terms=Terms(prices=PRICES, pays_prizes=True),
            admission=selling.admission,
            clock=selling.clock,
        )
        assert (money.provider, money.observer, money.worker, money.payout_desk.is_on) == (None, None, None, False)
        assert not money.till.sells_entries
        with pytest.raises(PaymentsOff):
            selling.ask(
                money.till.checkout(
                    player_id=selling.player("ann"), kind="weekly_pass", week=WEEK, key="1", admit=lambda cents: None
                )
            )
        selling.ask(money.close())
