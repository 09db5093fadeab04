"""Refunds and disputes: never more than is left, and what comes back."""

from __future__ import annotations

import pytest
import stripe

from fairpool.sandbox.errors import NotPossible
from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, Play, refusal

pytestmark = HTTPX_GRUMBLES


def charge_of(play: Play, intent: str) -> stripe.Charge:
    found = play.v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge
    assert isinstance(found, stripe.Charge)
    return found


def test_a_payment_is_refunded_in_parts(play: Play) -> None:
    """The charge counts what was given back, the list shows each refund, events tell of both."""
    intent = play.paid()
    first = play.v1.refunds.create({"payment_intent": intent, "amount": 200})
    assert (charge_of(play, intent).amount_refunded, charge_of(play, intent).refunded) == (200, False)
    rest = play.v1.refunds.create({"payment_intent": intent})
    assert (rest.amount, rest.status, charge_of(play, intent).refunded) == (300, "succeeded", True)
    listed = play.v1.refunds.list({"payment_intent": intent})
    assert [refund.id for refund in listed.data] == [rest.id, first.id]
    assert play.endpoint.about(rest.id) == ["refund.created"]
    assert play.endpoint.about(charge_of(play, intent).id) == ["charge.refunded"] * 2


def test_no_more_is_refunded_than_is_left(play: Play) -> None:
    """More than the rest is an error, and anything once all is gone."""
    intent = play.paid()
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.refunds.create({"payment_intent": intent, "amount": 501})
    assert refusal(error) == (400, None, "amount")
    play.v1.refunds.create({"payment_intent": intent})
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.refunds.create({"payment_intent": intent})
    assert refusal(error) == (400, "charge_already_refunded", None)


def test_what_is_under_way_cannot_be_refunded(play: Play) -> None:
    """A slow payment has no charge that succeeded."""
    intent = play.sandbox.begin_slow_payment(play.session().id)["payment_intent"]
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        play.v1.refunds.create({"payment_intent": intent})


def test_a_failed_refund_can_be_made_again(play: Play) -> None:
    """The charge counts it no longer, and the balance has the money back."""
    intent = play.paid()
    refund = play.v1.refunds.create({"payment_intent": intent})
    play.sandbox.fail_refund(refund.id)
    assert play.v1.refunds.retrieve(refund.id).status == "failed"
    assert (charge_of(play, intent).amount_refunded, charge_of(play, intent).refunded) == (0, False)
    assert play.endpoint.about(refund.id) == ["refund.created", "refund.updated", "refund.failed"]
    assert play.v1.refunds.create({"payment_intent": intent}).status == "succeeded"


def test_the_dashboard_refunds_too(play: Play) -> None:
    """A part, then the rest."""
    intent = play.paid()
    assert play.sandbox.refund(intent, amount=100)["amount"] == 100
    assert play.sandbox.refund(charge_of(play, intent).id)["amount"] == 400


@pytest.mark.parametrize(("won", "status", "left"), [(True, "won", 500), (False, "lost", 0)])
def test_a_dispute_takes_the_money_until_it_is_won(play: Play, won: bool, status: str, left: int) -> None:
    """It is listed by intent and by charge, forbids refunds, and pays back only if it is won."""
    before = play.v1.balance.retrieve()
    intent = play.paid()
    dispute = play.sandbox.dispute(intent)
    charge = charge_of(play, intent)
    assert charge.disputed
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.refunds.create({"payment_intent": intent})
    assert error.value.code == "charge_disputed"
    play.sandbox.close_dispute(dispute["id"], won=won)
    for listed in (play.v1.disputes.list({"payment_intent": intent}), play.v1.disputes.list({"charge": charge.id})):
        assert [(each.id, each.status) for each in listed.data] == [(dispute["id"], status)]
    assert play.endpoint.about(dispute["id"]) == ["charge.dispute.created", "charge.dispute.closed"]
    had = before.available[0].amount if before.available else 0
    assert play.v1.balance.retrieve().available[0].amount == had + left
    with pytest.raises(NotPossible, match=status):
        play.sandbox.close_dispute(dispute["id"], won=True)


def test_a_payment_can_be_refunded_once_its_dispute_is_won(play: Play) -> None:
    """The money is there again; that of one that was lost is gone."""
    won, lost = play.paid(), play.paid()
    for intent in (won, lost):
        play.sandbox.close_dispute(play.sandbox.dispute(intent)["id"], won=intent == won)
    assert play.v1.refunds.create({"payment_intent": won}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        play.v1.refunds.create({"payment_intent": lost})
