"""Prizes through Stripe: accounts, checks of identity, and transfers that are made once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from fairpool.sandbox.faults import Harm
from feeds.payments.provider import (
    ProviderRefused,
    ProviderUnavailable,
    Transferred,
)
from tests.feeds.payments.stripes import NOON, PLAYER, Stripe


def test_an_account_is_active_once_its_owner_told_what_is_asked(stripe: Stripe) -> None:
    """The account is made once, can be paid into after its page was filled in, and does not name the player."""
    account = stripe.ask(stripe.provider.open_account(PLAYER))
    assert stripe.ask(stripe.provider.open_account(PLAYER)) == account
    assert not account.is_active
    page = stripe.ask(stripe.provider.account_page(account.ref, return_url="https://play.example/prizes"))
    assert httpx.post(page).headers["Location"] == "https://play.example/prizes"
    assert stripe.ask(stripe.provider.account(account.ref)).is_active
    assert str(PLAYER) not in json.dumps(stripe.sandbox.objects("account"))


def test_a_check_of_identity_is_one_a_number(stripe: Stripe) -> None:
    """A number is one check for ever, the next number another; the player is not named."""
    begin = stripe.provider.open_identity_check
    first = stripe.ask(begin(PLAYER, number=1, return_url="https://play.example"))
    stripe.pass_time(days=3)
    assert stripe.ask(begin(PLAYER, number=1, return_url="https://play.example/elsewhere")) == first
    second = stripe.ask(begin(PLAYER, number=2, return_url="https://play.example"))
    assert second.ref != first.ref
    assert (first.status, first.url is not None) == ("open", True)
    stripe.sandbox.fail_verification(first.ref)
    stripe.sandbox.verify(second.ref)
    assert stripe.ask(stripe.provider.identity_check(first.ref)).status == "failed"
    assert stripe.ask(stripe.provider.identity_check(second.ref)).status == "verified"
    assert str(PLAYER) not in json.dumps(stripe.sandbox.objects("identity.verification_session"))


def test_a_prize_is_paid_once(stripe: Stripe) -> None:
    """Asked again, with another attempt or days later, the transfer is the one that there is."""
    prize = stripe.winner()
    paid = stripe.ask(stripe.provider.transfer(prize))
    assert paid == Transferred(
        ref=paid.ref,
        prize_id=prize.prize_id,
        group=prize.group,
        amount_cents=2500,
        currency="usd",
        created_at=NOON,
        is_reversed=False,
    )
    assert stripe.ask(stripe.provider.transfer(replace(prize, attempt=2))) == paid
    stripe.pass_time(days=3)
    assert stripe.ask(stripe.provider.transfer(prize)) == paid
    listed = stripe.all(stripe.provider.transfers(since=NOON, until=NOON + timedelta(hours=1)))
    assert listed == [paid]
    assert len(stripe.sandbox.objects("transfer")) == 1


@pytest.mark.parametrize("harm", ["error_after", "drop_after", "drop_before"])
def test_a_prize_is_paid_once_whatever_becomes_of_the_answer(stripe: Stripe, harm: Harm) -> None:
    """An error after Stripe paid does not pay again."""
    prize = stripe.winner()
    stripe.sandbox.faults.add(harm, "/v1/transfers", method="POST")
    paid = stripe.ask(stripe.provider.transfer(prize))
    assert [transfer["id"] for transfer in stripe.sandbox.objects("transfer")] == [paid.ref]


def test_a_prize_whose_answer_stays_an_error_is_found_by_asking_again(stripe: Stripe) -> None:
    """Where Stripe repeats an internal error, the prize is in doubt, and the next time it is seen to be paid."""
    prize = stripe.winner()
    stripe.sandbox.faults.add("error_kept", "/v1/transfers", method="POST")
    with pytest.raises(ProviderUnavailable):
        stripe.ask(stripe.provider.transfer(prize))
    paid = stripe.ask(stripe.provider.transfer(replace(prize, attempt=2)))
    assert [transfer["id"] for transfer in stripe.sandbox.objects("transfer")] == [paid.ref]


def test_two_who_pay_a_prize_at_once_pay_it_once(stripe: Stripe) -> None:
    """Both look first and find nothing: the key, which both use, makes one transfer of it."""
    prize = stripe.winner()

    async def both() -> list[Transferred | BaseException]:
        return await asyncio.gather(*(stripe.provider.transfer(prize) for _ in range(2)), return_exceptions=True)

    paid = [each for each in stripe.ask(both()) if isinstance(each, Transferred)]
    assert {each.ref for each in paid} == {transfer["id"] for transfer in stripe.sandbox.objects("transfer")}
    assert len(stripe.sandbox.objects("transfer")) == 1


def test_a_prize_that_came_back_is_paid_anew(stripe: Stripe) -> None:
    """A transfer that was reversed wholly is no payment; of one in part, nothing more is paid."""
    prize = stripe.winner()
    first = stripe.ask(stripe.provider.transfer(prize))
    stripe.sandbox.reverse_transfer(first.ref, amount=100)
    assert stripe.ask(stripe.provider.transfer(replace(prize, attempt=2))) == first
    stripe.sandbox.reverse_transfer(first.ref)
    second = stripe.ask(stripe.provider.transfer(replace(prize, attempt=2)))
    assert second.ref != first.ref


def test_a_prize_that_cannot_be_paid_says_why(stripe: Stripe) -> None:
    """Too little money, or an account that is not ready: Stripe's reason, until the next attempt."""
    prize = stripe.winner(balance=10_00)
    with pytest.raises(ProviderRefused) as refusal:
        stripe.ask(stripe.provider.transfer(prize))
    assert refusal.value.reason == "balance_insufficient"
    stripe.sandbox.set_balance(100_00)
    stripe.sandbox.restrict(prize.to)
    with pytest.raises(ProviderRefused) as refusal:
        stripe.ask(stripe.provider.transfer(replace(prize, attempt=2)))
    assert refusal.value.reason == "insufficient_capabilities_for_transfer"
