"""Checkouts: Stripe's limits, what a session goes through, how sessions are listed."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from fairpool.sandbox.errors import NotPossible
from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, Play, line, refusal

pytestmark = HTTPX_GRUMBLES
HALF_HOUR, DAY = 1800, 86400


def test_a_new_session_is_open_and_unpaid(play: Play) -> None:
    """It tells back what it was given, costs the sum of its items, and has no payment intent yet."""
    items = [line(), line(unit_amount=250) | {"quantity": 2}]
    session = play.session(line_items=items, client_reference_id="p1", metadata={"kind": "weekly_pass"})
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 1000)
    assert (session.client_reference_id, session.to_dict()["metadata"]) == ("p1", {"kind": "weekly_pass"})
    assert (session.payment_intent, session.expires_at) == (None, play.clock.unix + DAY)
    assert session.url == f"{play.url}/c/pay/{session.id}"


@pytest.mark.parametrize("seconds", [HALF_HOUR, DAY - 1])
def test_the_expiry_may_be_in_its_window(play: Play, seconds: int) -> None:
    """From half an hour to less than a day after it is made."""
    assert play.session(expires_at=play.clock.unix + seconds).expires_at == play.clock.unix + seconds


@pytest.mark.parametrize("seconds", [-1, HALF_HOUR - 1, DAY])
def test_the_expiry_may_not_be_outside(play: Play, seconds: int) -> None:
    """Sooner or later is an error that names the parameter."""
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.session(expires_at=play.clock.unix + seconds)
    assert refusal(error) == (400, None, "expires_at")


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"line_items": [line(unit_amount=49)]}, "amount_too_small", "line_items"),
        ({"line_items": [line(currency="gold")]}, None, "line_items[0][price_data][currency]"),
        ({"line_items": [line() | {"quantity": 0}]}, "parameter_invalid_integer", "line_items[0][quantity]"),
        ({"line_items": [line(), line(currency="eur")]}, None, "line_items"),
        ({"line_items": [{"quantity": 1, "price": "price_1"}]}, "resource_missing", "line_items[0][price]"),
        ({"line_items": []}, "parameter_missing", "line_items"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"client_reference_id": "x" * 201}, "parameter_invalid_string_too_long", "client_reference_id"),
        ({"mode": "subscription"}, None, "line_items[0][price_data]"),
        ({"mode": "subscription", "payment_intent_data": {"metadata": {"a": "b"}}}, None, "payment_intent_data"),
        ({"allow_promotion_codes": True}, None, "allow_promotion_codes"),
    ],
)
def test_what_stripe_would_not_sell_is_refused(play: Play, more: dict[str, Any], code: str | None, param: str) -> None:
    """Limits of amounts, currencies and texts, and whatever the sandbox would have to ignore."""
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.session(**more)
    assert refusal(error) == (400, code, param)


def test_paying_completes_a_session(play: Play) -> None:
    """The intent succeeds with a charge that bears its metadata, and the event tells of a paid session."""
    session = play.session(payment_intent_data={"metadata": {"kind": "weekly_pass"}})
    play.sandbox.pay(session.id)
    paid = play.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert isinstance(charge := paid.payment_intent.latest_charge, stripe.Charge)
    assert (paid.payment_intent.status, charge.status, charge.paid, charge.amount) == (
        "succeeded",
        "succeeded",
        True,
        500,
    )
    assert charge.metadata["kind"] == paid.payment_intent.metadata["kind"] == "weekly_pass"
    assert play.endpoint.about(session.id) == ["checkout.session.completed"]
    assert play.endpoint.events[0]["data"]["object"]["payment_status"] == "paid"


def test_a_session_is_paid_once(play: Play) -> None:
    """Who pays a complete session is told so."""
    session = play.session()
    play.sandbox.pay(session.id)
    with pytest.raises(NotPossible, match="complete"):
        play.sandbox.pay(session.id)


@pytest.mark.parametrize(
    ("succeeds", "paid", "intent"), [(True, "paid", "succeeded"), (False, "unpaid", "requires_payment_method")]
)
def test_a_slow_payment_ends_later(play: Play, succeeds: bool, paid: str, intent: str) -> None:
    """The session is complete and unpaid until the payment succeeds or fails."""
    ref = play.session().id
    begun = play.sandbox.begin_slow_payment(ref)
    assert (begun["status"], begun["payment_status"]) == ("complete", "unpaid")
    assert play.v1.payment_intents.retrieve(begun["payment_intent"]).status == "processing"
    assert play.sandbox.end_slow_payment(ref, succeeds=succeeds)["payment_status"] == paid
    assert play.v1.payment_intents.retrieve(begun["payment_intent"]).status == intent
    ended = "succeeded" if succeeds else "failed"
    assert play.endpoint.about(ref) == ["checkout.session.completed", f"checkout.session.async_payment_{ended}"]


def test_an_open_session_can_be_expired_once(play: Play) -> None:
    """Then it is paid no longer, and expiring it again is an error."""
    ref = play.session().id
    assert play.v1.checkout.sessions.expire(ref).status == "expired"
    assert play.endpoint.about(ref) == ["checkout.session.expired"]
    with pytest.raises(NotPossible, match="expired"):
        play.sandbox.pay(ref)
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expired"):
        play.v1.checkout.sessions.expire(ref)


def test_sessions_expire_by_the_clock(play: Play) -> None:
    """In their second, not before; the event bears that second, however late it is noticed."""
    session = play.session(expires_at=play.clock.unix + HALF_HOUR)
    play.clock.forward(seconds=HALF_HOUR - 1)
    assert play.v1.checkout.sessions.retrieve(session.id).status == "open"
    play.clock.forward(hours=3)
    play.sandbox.tick()
    assert play.endpoint.about(session.id) == ["checkout.session.expired"]
    (event,) = [event for event in play.endpoint.events if event["data"]["object"]["id"] == session.id]
    assert event["created"] == session.expires_at


def test_sessions_are_listed_newest_first_in_pages(play: Play) -> None:
    """Filters narrow the list, `has_more` and `starting_after` lead through it."""
    play.clock.forward(minutes=1)
    since = play.clock.unix
    refs = [play.session().id for _ in range(5)]
    play.clock.forward(minutes=1)
    play.session()
    listed = play.v1.checkout.sessions.list({"created": {"gte": since, "lt": since + 60}, "limit": 2})
    assert ([each.id for each in listed.data], listed.has_more) == (refs[:2:-1], True)
    assert [each.id for each in listed.auto_paging_iter()] == refs[::-1]


def test_a_session_is_found_by_its_payment_intent(play: Play) -> None:
    """The list can be narrowed to one intent, and expanded."""
    session = play.session()
    intent = play.sandbox.pay(session.id)["payment_intent"]
    listed = play.v1.checkout.sessions.list(
        {"payment_intent": intent, "expand": ["data.payment_intent.latest_charge", "data.line_items"]}
    )
    assert [each.id for each in listed.data] == [session.id]
    assert isinstance(found := listed.data[0].payment_intent, stripe.PaymentIntent)
    assert isinstance(found.latest_charge, stripe.Charge)
    assert listed.data[0].line_items is not None
    assert listed.data[0].line_items.data[0].description == "Weekly pass"


@pytest.mark.parametrize("path", ["status", "nonsense", "payment_intent.latest_charge.payment_intent.customer.x"])
def test_what_cannot_be_expanded_is_refused(play: Play, path: str) -> None:
    """A plain field, an unknown one, and more than four levels."""
    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        play.v1.checkout.sessions.retrieve(play.session().id, {"expand": [path]})


def test_what_does_not_exist_is_missing(play: Play) -> None:
    """An unknown id is a 404 that says so."""
    with pytest.raises(stripe.InvalidRequestError) as error:
        play.v1.checkout.sessions.retrieve("cs_test_none")
    assert refusal(error) == (404, "resource_missing", "id")
