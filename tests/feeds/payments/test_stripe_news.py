"""Stripe's webhooks: only what bears its signature is read, and only so far as to know what to ask about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from stripe import WebhookSignature

from feeds.payments.provider import About, News, SignatureInvalid
from feeds.payments.stripe_news import verified_news

OLD, NEW = "whsec_old", "whsec_new"


def event(topic: str, about: Mapping[str, object], **more: object) -> bytes:
    return json.dumps(
        {"object": "event", "id": "evt_1", "type": topic, "created": 1_795_000_000, "data": {"object": about}, **more}
    ).encode()


def heard(body: bytes, *, secret: str = NEW, timestamp: int | None = None) -> News:
    signature = WebhookSignature.generate_signature_header(body.decode(), secret, timestamp)
    return verified_news(body, signature, secrets=[NEW, OLD])


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_either_secret_is_accepted_while_it_is_rotated(secret: str) -> None:
    """A message signed by the old secret or the new one is read; what it says of amounts and states is not."""
    news = heard(event("checkout.session.completed", {"id": "cs_1", "payment_status": "paid"}), secret=secret)
    assert news == News(
        event_id="evt_1",
        topic="checkout.session.completed",
        created_at=datetime.fromtimestamp(1_795_000_000, UTC),
        about="checkout",
        ref="cs_1",
    )


def test_two_signatures_in_one_header_are_both_tried() -> None:
    """While Stripe signs with two secrets, one of which is ours, the message is read."""
    body = event("checkout.session.expired", {"id": "cs_1"})
    ours = WebhookSignature.generate_signature_header(body.decode(), NEW)
    header = ours.replace(",", f",v1={'0' * 64},")
    assert verified_news(body, header, secrets=[NEW]).ref == "cs_1"


@pytest.mark.parametrize(
    ("topic", "about", "wanted", "ref"),
    [
        ("checkout.session.async_payment_succeeded", {"id": "cs_1"}, "checkout", "cs_1"),
        ("payment_intent.succeeded", {"id": "pi_1"}, "payment_intent", "pi_1"),
        ("charge.refunded", {"id": "ch_1", "payment_intent": "pi_1"}, "payment_intent", "pi_1"),
        ("charge.refunded", {"id": "ch_1", "payment_intent": None}, None, ""),
        ("refund.failed", {"id": "re_1", "payment_intent": "pi_1"}, "payment_intent", "pi_1"),
        ("charge.dispute.closed", {"id": "du_1", "payment_intent": "pi_1"}, "payment_intent", "pi_1"),
        ("invoice.paid", {"id": "in_1"}, "invoice", "in_1"),
        ("invoice.upcoming", {"id": "upcoming_in_1"}, None, ""),
        ("customer.subscription.deleted", {"id": "sub_1"}, "subscription", "sub_1"),
        ("identity.verification_session.verified", {"id": "vs_1"}, "identity", "vs_1"),
        ("transfer.reversed", {"id": "tr_1"}, "transfer", "tr_1"),
        ("customer.created", {"id": "cus_1"}, None, ""),
        ("balance.available", {"object": "balance"}, None, ""),
    ],
)
def test_each_topic_says_what_to_ask_about(
    topic: str, about: Mapping[str, object], wanted: About | None, ref: str
) -> None:
    """An event leads to the object that is read again, or to nothing where it concerns us not."""
    news = heard(event(topic, about))
    assert (news.about, news.ref) == (wanted, ref)


def test_only_the_state_of_a_connected_account_concerns_us() -> None:
    """What a winner does with their own account is not read, but whether it may be paid into is."""
    account = heard(event("account.updated", {"id": "acct_1"}, account="acct_1"))
    assert (account.about, account.ref) == ("account", "acct_1")
    assert heard(event("charge.succeeded", {"payment_intent": "pi_1"}, account="acct_1")).about is None


@pytest.mark.parametrize(
    "signature", ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=é", f"t=1795000000,v1={'0' * 64}", "t=1,v0=00"]
)
def test_a_message_without_stripes_signature_is_not_read(signature: str) -> None:
    """No header that is missing, malformed or forged is taken for Stripe's."""
    with pytest.raises(SignatureInvalid):
        verified_news(event("invoice.paid", {"id": "in_1"}), signature, secrets=[NEW, OLD])


def test_a_message_by_no_secret_of_ours_is_not_read() -> None:
    """Neither another's secret opens the door, nor an empty one, nor none at all."""
    body = event("invoice.paid", {"id": "in_1"})
    with pytest.raises(SignatureInvalid):
        heard(body, secret="whsec_other")
    for secrets in ([], [""]):
        signature = WebhookSignature.generate_signature_header(body.decode(), "")
        with pytest.raises(SignatureInvalid):
            verified_news(body, signature, secrets=secrets)


def test_an_altered_message_is_not_read() -> None:
    """One byte more, and the signature is not that of the body."""
    body = event("invoice.paid", {"id": "in_1"})
    signature = WebhookSignature.generate_signature_header(body.decode(), NEW)
    with pytest.raises(SignatureInvalid):
        verified_news(body + b" ", signature, secrets=[NEW])


def test_a_message_that_was_recorded_long_ago_is_not_read() -> None:
    """A signature of years ago is good no more."""
    with pytest.raises(SignatureInvalid):
        heard(event("invoice.paid", {"id": "in_1"}), timestamp=1_500_000_000)


@pytest.mark.parametrize("body", ["", "[]", "{", '{"id": "evt_1"}', '{"object": "v2.core.event", "id": "evt_1"}'])
def test_a_signed_message_that_is_no_event_is_not_read(body: str) -> None:
    """A body that is not an event as Stripe documents it is refused, signed or not."""
    with pytest.raises(SignatureInvalid):
        heard(body.encode())


def test_bytes_that_are_no_text_are_not_read() -> None:
    """A body that is not even UTF-8 is refused like any other that is not Stripe's."""
    with pytest.raises(SignatureInvalid):
        verified_news(b"\xff\xfe", "t=1,v1=00", secrets=[NEW])
