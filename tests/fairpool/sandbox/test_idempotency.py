"""Idempotency keys, as Stripe documents them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe
from stripe.params import RefundCreateParams

from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, Play

pytestmark = HTTPX_GRUMBLES


def refund(play: Play, intent: str, key: str, *, amount: int = 100) -> stripe.Refund:
    params: RefundCreateParams = {"payment_intent": intent, "amount": amount}
    return play.v1.refunds.create(params, {"idempotency_key": key})


def refunded(play: Play, intent: str) -> int:
    return sum(each.amount for each in play.v1.refunds.list({"payment_intent": intent}).data)


def test_the_same_request_again_has_the_same_answer(play: Play) -> None:
    """It is executed once, and the repetition says that it is one."""
    intent = play.paid()
    first, again = refund(play, intent, "same"), refund(play, intent, "same")
    assert again.id == first.id
    assert refunded(play, intent) == 100
    headers = [each.last_response.headers for each in (first, again) if each.last_response is not None]
    assert [given.get("Idempotent-Replayed") for given in headers] == [None, "true"]


def test_a_key_stands_for_one_request(play: Play) -> None:
    """With other parameters, or at another path, it is an error."""
    intent = play.paid()
    refund(play, intent, "other")
    with pytest.raises(stripe.IdempotencyError):
        refund(play, intent, "other", amount=200)
    with pytest.raises(stripe.IdempotencyError):
        play.v1.account_links.create({"account": "acct_x", "type": "account_onboarding"}, {"idempotency_key": "other"})
    assert refunded(play, intent) == 100


def test_a_request_under_way_is_not_begun_again(play: Play) -> None:
    """The second of two at once is a conflict; afterwards it is answered like the first."""
    intent = play.paid()
    with ThreadPoolExecutor(1) as pool, play.sandbox.faults.hold("/v1/refunds") as hold:
        first = pool.submit(refund, play, intent, "twice")
        assert hold.reached.wait(10)
        with pytest.raises(stripe.APIError) as error:
            refund(play, intent, "twice")
        assert error.value.error is not None
        assert (error.value.http_status, error.value.error.code) == (409, "idempotency_key_in_use")
        hold.released.set()
        made = first.result()
    assert refund(play, intent, "twice").id == made.id


def test_a_key_is_forgotten_after_a_day(play: Play) -> None:
    """By the clock of the game: the same request then is a new one."""
    intent = play.paid()
    first = refund(play, intent, "day")
    play.clock.forward(hours=23, minutes=59)
    assert refund(play, intent, "day").id == first.id
    play.clock.forward(minutes=1)
    assert refund(play, intent, "day").id != first.id


def test_a_refusal_is_kept(play: Play) -> None:
    """A transfer that failed for the balance fails with the same key for a day, though the balance be there."""
    play.sandbox.set_balance(0)
    account = play.account()

    def transfer(key: str) -> stripe.Transfer:
        params: stripe.params.TransferCreateParams = {"amount": 5, "currency": "usd", "destination": account}
        return play.v1.transfers.create(params, {"idempotency_key": key})

    with pytest.raises(stripe.InvalidRequestError, match="insufficient"):
        transfer("short")
    play.sandbox.set_balance(100)
    with pytest.raises(stripe.InvalidRequestError) as error:
        transfer("short")
    assert error.value.code == "balance_insufficient"
    assert transfer("another").amount == 5


def test_wrong_parameters_leave_the_key_free(play: Play) -> None:
    """Nothing was executed, so the request put right takes the same key."""
    intent = play.paid()
    with pytest.raises(stripe.InvalidRequestError):
        refund(play, intent, "right", amount=-1)
    assert refund(play, intent, "right", amount=1).amount == 1
