"""Accounts, transfers, checks of identity."""

from __future__ import annotations

import pytest
import stripe

from fairpool.sandbox.errors import NotPossible
from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, Play, refusal

pytestmark = HTTPX_GRUMBLES


def test_an_account_takes_transfers_once_it_is_onboarded(play: Play) -> None:
    """Before, the transfer is refused with Stripe's code."""
    play.sandbox.set_balance(1000)
    account = play.v1.accounts.create({"type": "express", "capabilities": {"transfers": {"requested": True}}})
    assert account.capabilities is not None
    assert (account.capabilities.transfers, account.payouts_enabled) == ("inactive", False)
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.transfers.create({"amount": 100, "currency": "usd", "destination": account.id})
    assert refusal(error) == (400, "insufficient_capabilities_for_transfer", None)
    play.sandbox.complete_onboarding(account.id)
    assert play.v1.transfers.create({"amount": 100, "currency": "usd", "destination": account.id}).amount == 100
    play.sandbox.restrict(account.id)
    with pytest.raises(stripe.InvalidRequestError, match="capabilities"):
        play.v1.transfers.create({"amount": 100, "currency": "usd", "destination": account.id})


def test_transfers_go_as_far_as_the_balance(play: Play) -> None:
    """What is not there is not transferred; a payment makes it be there, a reversal brings it back."""
    play.sandbox.set_balance(0)
    account = play.account()
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.transfers.create({"amount": 500, "currency": "usd", "destination": account})
    assert refusal(error) == (400, "balance_insufficient", None)
    play.paid()
    transfer = play.v1.transfers.create(
        {"amount": 500, "currency": "usd", "destination": account, "transfer_group": "g", "metadata": {"prize": "1"}}
    )
    assert play.v1.balance.retrieve().available[0].amount == 0
    play.v1.transfers.reversals.create(transfer.id, {"amount": 200})
    play.sandbox.reverse_transfer(transfer.id)
    found = play.v1.transfers.list({"transfer_group": "g"}).data[0]
    assert (found.id, found.amount_reversed, found.reversed) == (transfer.id, 500, True)
    assert [reversal.amount for reversal in found.reversals.data] == [300, 200]
    assert play.v1.balance.retrieve().available[0].amount == 500
    with pytest.raises(stripe.InvalidRequestError, match="fully reversed"):
        play.v1.transfers.reversals.create(transfer.id)
    assert play.endpoint.about(transfer.id) == ["transfer.created", "transfer.reversed", "transfer.reversed"]


def test_transfers_are_listed_by_destination_and_time(play: Play) -> None:
    """Each filter narrows the list."""
    play.sandbox.set_balance(10_000)
    one, other = play.account(), play.account()
    play.clock.forward(minutes=1)
    since = play.clock.unix
    for destination in (one, other):
        play.v1.transfers.create({"amount": 1, "currency": "usd", "destination": destination})
    both = play.v1.transfers.list({"created": {"gte": since}})
    assert [transfer.destination for transfer in both.data] == [other, one]
    assert len(play.v1.transfers.list({"destination": one, "created": {"gte": since}}).data) == 1


def test_an_unknown_destination_is_refused(play: Play) -> None:
    """There must be an account to transfer to."""
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.transfers.create({"amount": 1, "currency": "usd", "destination": "acct_none"})
    assert refusal(error) == (400, "resource_missing", "destination")


def test_a_check_of_identity_is_verified_or_asks_again(play: Play) -> None:
    """It fails with a reason and stays open, and once verified it is closed."""
    made = play.v1.identity.verification_sessions.create(
        {"type": "document", "client_reference_id": "p", "return_url": "https://game.test/back"}
    )
    assert (made.status, made.url) == ("requires_input", f"{play.url}/c/identity/{made.id}")
    play.sandbox.fail_verification(made.id)
    failed = play.v1.identity.verification_sessions.retrieve(made.id)
    assert failed.status == "requires_input"
    assert failed.last_error is not None
    assert failed.last_error.code == "document_unverified_other"
    play.sandbox.verify(made.id)
    verified = play.v1.identity.verification_sessions.list({"client_reference_id": "p"}).data[0]
    assert (verified.id, verified.status, verified.url, verified.last_error) == (made.id, "verified", None, None)
    assert play.endpoint.about(made.id) == [
        "identity.verification_session.requires_input",
        "identity.verification_session.verified",
    ]
    with pytest.raises(NotPossible, match="verified"):
        play.sandbox.verify(made.id)


def test_events_of_an_account_are_in_its_own_list(play: Play) -> None:
    """They come by webhook with its id, but are listed only for who asks in its name."""
    account = play.account()
    assert [event["account"] for event in play.endpoint.events] == [account]
    ref = play.endpoint.events[0]["id"]
    assert ref not in [event.id for event in play.v1.events.list({"type": "account.*"}).data]
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        play.v1.events.retrieve(ref)
    assert play.v1.events.retrieve(ref, options={"stripe_account": account}).type == "account.updated"
