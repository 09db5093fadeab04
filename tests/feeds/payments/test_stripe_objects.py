"""What Stripe's objects say, in our words: the cases that a sandbox does not bring about."""

from __future__ import annotations

from uuid import UUID

import pytest
import stripe

from feeds.payments.stripe_objects import Label, Money, identity_check, label_of, payout_account, session_payment


@pytest.mark.parametrize(
    ("statuses", "wanted"),
    [
        ((), None),
        (("needs_response",), "open"),
        (("warning_under_review",), "open"),
        (("appeal_under_review",), "open"),
        (("won",), "won"),
        (("warning_closed",), "won"),
        (("prevented",), "won"),
        (("lost", "won"), "lost"),
        (("lost", "under_review"), "open"),
    ],
)
def test_disputes_stand_together(statuses: tuple[str, ...], wanted: str | None) -> None:
    """One that is open keeps all open, one that was lost is lost, an inquiry that was closed took nothing."""
    disputes = tuple(stripe.Dispute.construct_from({"status": status}, None) for status in statuses)
    assert Money(disputes=disputes).dispute == wanted


def test_refunds_that_are_under_way_count() -> None:
    """Only what failed or was cancelled was not given back."""
    made = {"succeeded": 1, "pending": 20, "requires_action": 300, "failed": 4000, "canceled": 50000}
    refunds = tuple(
        stripe.Refund.construct_from({"amount": amount, "status": status}, None) for status, amount in made.items()
    )
    assert Money(refunds=refunds).refunded_cents == 321


def test_what_is_paid_without_a_charge_has_brought_no_money() -> None:
    """A checkout that a customer's credit covers: it stays open, so that nothing is given for it."""
    session = stripe.checkout.Session.construct_from(
        {
            "id": "cs_1",
            "status": "complete",
            "payment_status": "paid",
            "amount_total": 400,
            "currency": "usd",
            "subscription": "sub_1",
        },
        None,
    )
    said = session_payment(session, Label(UUID(int=1), "subscription", None), Money())
    assert (said.status, said.paid_at) == ("open", None)


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"payment_id": "11111111-2222-4333-8444-555555555555"},
        {"payment_id": "order 66", "kind": "weekly_pass"},
        {"payment_id": "11111111-2222-4333-8444-555555555555", "kind": "mug"},
    ],
)
def test_half_a_mark_is_none_of_ours(metadata: dict[str, str]) -> None:
    """Metadata without our kind and an id of ours belongs to somebody else."""
    assert label_of(stripe.StripeObject.construct_from(metadata, None)) is None
    assert label_of(None) is None


@pytest.mark.parametrize(
    ("status", "error", "wanted"),
    [
        ("requires_input", None, "open"),
        ("requires_input", {"code": "consent_declined"}, "failed"),
        ("processing", None, "open"),
        ("canceled", None, "failed"),
        ("verified", None, "verified"),
    ],
)
def test_a_check_has_failed_once_it_asks_again(status: str, error: dict[str, str] | None, wanted: str) -> None:
    """A check that asks for another document after an error has failed; one that waits for the first is open."""
    session = stripe.identity.VerificationSession.construct_from(
        {"id": "vs_1", "status": status, "last_error": error, "url": None}, None
    )
    assert identity_check(session).status == wanted


@pytest.mark.parametrize("capabilities", [None, {}, {"transfers": "pending"}, {"card_payments": "active"}])
def test_an_account_is_active_only_for_transfers(capabilities: dict[str, str] | None) -> None:
    """No other capability lets us pay into an account."""
    account = stripe.Account.construct_from({"id": "acct_1", "capabilities": capabilities}, None)
    assert not payout_account(account).is_active
