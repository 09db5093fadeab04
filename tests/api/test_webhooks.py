"""The payment provider's messages over HTTP: whose they are, and that each has its effect once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from api.http.limits import Limit, Limits
from api.http.ratelimits import Meters
from fairpool.sandbox.webhooks import Webhook, sign
from tests.api.selling import HOOK, RETIRED, SECRET, Shop, check_out, look, selling, session_of
from tests.api.world import User, World, real_now


@pytest.fixture
def paid(shop: Shop) -> tuple[Shop, User, str]:
    """A pass that is paid, of which no message has come yet: the message that says so waits."""
    shop.open_week()
    ann = shop.signup()
    payment = check_out(ann, kind="weekly_pass")
    shop.sandbox.webhooks.mode = "held"
    shop.sandbox.pay(session_of(payment))
    (message,) = [
        event["id"] for event in shop.sandbox.objects("event") if event["type"] == "checkout.session.completed"
    ]
    return shop, ann, message


def status(shop: Shop, ann: User) -> str:
    shop.project()
    payment: dict[str, str] = look(ann, ann.get("/api/payments").json()["data"][0])
    return payment["status"]


def test_where_nothing_is_sold_nobody_listens(world: World) -> None:
    """404, however it is signed."""
    body = b'{"id": "evt_1"}'
    headers = {"Stripe-Signature": sign(body, [SECRET], at=real_now()), "Content-Type": "application/json"}
    answer = world.client.post(HOOK, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_message_has_its_effect_once(paid: tuple[Shop, User, str]) -> None:
    """However often it is delivered, with an empty object for an answer."""
    shop, ann, message = paid
    assert status(shop, ann) == "open"
    body, headers = shop.sandbox.webhooks.message(message)
    answers = [shop.client.post(HOOK, content=body, headers=headers) for _ in range(3)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {})] * 3
    assert status(shop, ann) == "paid"
    assert shop.office().count("payment.paid") == 1


def test_only_what_the_provider_signed_is_taken(paid: tuple[Shop, User, str]) -> None:
    """Not what is unsigned, signed by others, changed, or older than five minutes."""
    shop, ann, message = paid
    body, headers = shop.sandbox.webhooks.message(message)
    forged = [
        (body, ""),
        (body, "nonsense"),
        (body, sign(body, ["whsec_of_others"], at=real_now())),
        (body + b" ", headers["Stripe-Signature"]),
        (body, sign(body, [SECRET], at=real_now() - timedelta(minutes=6))),
    ]
    for content, signature in forged:
        signed = {**headers, "Stripe-Signature": signature}
        refused = shop.client.post(HOOK, content=content, headers=signed)
        assert (refused.status_code, refused.json()["code"]) == (400, "signature_invalid")
    del headers["Stripe-Signature"]
    assert shop.client.post(HOOK, content=body, headers=headers).status_code == 400
    assert status(shop, ann) == "open"


@pytest.mark.parametrize("secrets", [(RETIRED,), ("whsec_coming", SECRET), (RETIRED, "whsec_gone")])
def test_a_secret_is_rotated_without_losing_a_message(paid: tuple[Shop, User, str], secrets: tuple[str, ...]) -> None:
    """One signature of several by one secret of several is enough."""
    shop, ann, message = paid
    endpoint = shop.sandbox.webhooks.endpoint
    assert endpoint is not None
    shop.sandbox.webhooks.endpoint = Webhook(endpoint.url, secrets)
    assert shop.sandbox.webhooks.deliver(message) == 200
    assert status(shop, ann) == "paid"


def test_a_message_that_cannot_be_looked_into_comes_again(paid: tuple[Shop, User, str]) -> None:
    """503 while the provider does not say how the payment stands; nothing is lost."""
    shop, ann, message = paid
    shop.sandbox.faults.add("drop_before", "/v1/checkout/sessions/*", times=3)
    body, headers = shop.sandbox.webhooks.message(message)
    refused = shop.client.post(HOOK, content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (503, "payments_unavailable")
    assert refused.headers["Retry-After"] == "1"
    assert status(shop, ann) == "open"
    assert shop.sandbox.webhooks.deliver(message) == 200
    assert status(shop, ann) == "paid"


def test_a_message_is_bounded(shop: Shop) -> None:
    """What is too large is refused before it is read."""
    body = b"x" * 100_000
    headers = {"Stripe-Signature": sign(body, [SECRET], at=real_now()), "Content-Type": "application/json"}
    answer = shop.client.post(HOOK, content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_provider_is_not_counted(dsn: str) -> None:
    """Where everybody else may ask once a minute, messages are taken as they come."""
    meters = Meters(replace(Limits.off(), writes=Limit(1, 60)), now=lambda: 0)
    with selling(dsn, meters=meters) as shop:
        answers = [shop.client.post(HOOK, json={}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [400] * 3
        assert not any("RateLimit" in answer.headers for answer in answers)


def test_what_never_came_is_found_by_asking(paid: tuple[Shop, User, str]) -> None:
    """The sweep takes what the messages would have told; one that comes after all changes nothing."""
    shop, ann, message = paid
    assert shop.ask(shop.worker.sweep()) > 0
    assert status(shop, ann) == "paid"
    assert shop.sandbox.webhooks.deliver(message) == 200
    assert shop.office().count("payment.paid") == 1
