"""Events on their way: signed, kept until they are acknowledged, delivered in any order."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import stripe

from fairpool.sandbox.webhooks import Webhook
from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, SECRETS, Play, listening

pytestmark = HTTPX_GRUMBLES


@pytest.mark.parametrize("secret", SECRETS)
def test_events_are_signed_with_every_secret(play: Play, secret: str) -> None:
    """While secrets are rotated, the old and the new one verify; another does not."""
    ref = play.session().id
    play.sandbox.pay(ref)
    body, signature = play.endpoint.bodies[0], play.endpoint.signatures[0]
    event = stripe.Webhook.construct_event(body, signature, secret)
    assert (event.type, event.api_version, event.created) == (
        *("checkout.session.completed", stripe.api_version),
        play.clock.unix,
    )
    assert event.data.object["id"] == ref
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, "whsec_none")


def test_events_of_accounts_may_have_a_secret_of_their_own(play: Play) -> None:
    """As at Stripe, where they go to an endpoint that is registered apart."""
    endpoint = play.sandbox.webhooks.endpoint
    assert endpoint is not None
    play.sandbox.webhooks.endpoint = replace(endpoint, connect_secrets=("whsec_connect",))
    play.account()
    play.sandbox.webhooks.endpoint = endpoint
    body, signature = play.endpoint.bodies[0], play.endpoint.signatures[0]
    assert stripe.Webhook.construct_event(body, signature, "whsec_connect").type == "account.updated"


def test_what_is_not_acknowledged_stays_queued(play: Play) -> None:
    """It is delivered again until the endpoint answers 2xx, and can be after that."""
    play.endpoint.status = 500
    play.sandbox.pay(play.session().id)
    ref = play.endpoint.events[0]["id"]
    assert play.sandbox.webhooks.queued() == [ref]
    play.endpoint.status = 200
    assert play.sandbox.webhooks.deliver_queued() == [200]
    assert play.sandbox.webhooks.queued() == []
    assert play.sandbox.webhooks.deliver(ref) == 200
    assert play.sandbox.webhooks.statuses(ref) == [500, 200, 200]
    assert len({bytes(body) for body in play.endpoint.bodies}) == 1


def test_an_endpoint_that_is_gone_is_tried_again_later(play: Play) -> None:
    """No answer counts as status 0; the act itself succeeds."""
    endpoint = play.sandbox.webhooks.endpoint
    with listening() as gone:
        play.sandbox.webhooks.endpoint = Webhook(gone.url, SECRETS)
    session = play.sandbox.pay(play.session().id)
    assert session["payment_status"] == "paid"
    (ref,) = play.sandbox.webhooks.queued()
    assert play.sandbox.webhooks.statuses(ref) == [0]
    play.sandbox.webhooks.endpoint = endpoint
    assert play.sandbox.webhooks.deliver_queued() == [200]


def test_held_events_are_delivered_by_the_test(play: Play) -> None:
    """In any order, any number of times, by several workers: each attempt reaches the endpoint."""
    play.sandbox.webhooks.mode = "held"
    for _ in range(3):
        play.paid()
    refs = play.sandbox.webhooks.queued()
    assert (len(refs), play.endpoint.bodies) == (3, [])
    with ThreadPoolExecutor(4) as workers:
        statuses = list(workers.map(play.sandbox.webhooks.deliver, refs[::-1] * 5))
    assert statuses == [200] * 15
    assert Counter(event["id"] for event in play.endpoint.events) == dict.fromkeys(refs, 5)


def test_dropped_events_are_in_the_list_all_the_same(play: Play) -> None:
    """Nothing is delivered or queued; `GET /v1/events` tells."""
    play.sandbox.webhooks.mode = "dropped"
    ref = play.session().id
    play.sandbox.pay(ref)
    assert (play.endpoint.bodies, play.sandbox.webhooks.queued()) == ([], [])
    newest = play.v1.events.list({"types": ["checkout.session.completed"], "limit": 1}).data[0]
    assert newest.data.object["id"] == ref


def test_what_a_request_causes_is_delivered_before_its_answer(play: Play) -> None:
    """The event names the request and its idempotency key."""
    intent = play.paid()
    play.v1.refunds.create({"payment_intent": intent}, {"idempotency_key": "mine"})
    told = {event["type"]: event["request"] for event in play.endpoint.events}
    assert told["refund.created"]["idempotency_key"] == "mine"
    assert told["refund.created"]["id"].startswith("req_")
    assert told["checkout.session.completed"]["id"] is None


def test_events_are_listed_newest_first(play: Play) -> None:
    """By type, pattern and time, in pages both ways."""
    play.clock.forward(minutes=1)
    since = play.clock.unix
    intent = play.paid()
    for _ in range(3):
        play.v1.refunds.create({"payment_intent": intent, "amount": 1})
    listed = play.v1.events.list({"created": {"gte": since}, "type": "refund.*", "limit": 2})
    assert (len(listed.data), listed.has_more) == (2, True)
    made = [event.data.object["id"] for event in listed.auto_paging_iter()]
    assert made == [refund.id for refund in play.v1.refunds.list({"payment_intent": intent}).data]
    oldest = play.v1.events.list({"created": {"gte": since}}).data[-1].id
    newer = play.v1.events.list({"created": {"gte": since}, "ending_before": oldest, "limit": 3})
    assert ([event.type for event in newer.data[-2:]], newer.has_more) == (["charge.refunded", "refund.created"], True)
