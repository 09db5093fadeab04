"""A provider that says what makes no sense is asked again: nothing is recorded of it, and nothing fails for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Thread
from typing import Any

import pytest
from stripe import WebhookSignature

from feeds.payments.provider import ProviderRefused, ProviderUnavailable, SignatureInvalid
from feeds.payments.stripe_news import verified_news
from tests.feeds.payments.stripes import PASS, SECRET, Stripe, provider_at
from tests.fuzz.json_texts import texts

EVENT = {
    "id": "evt_1",
    "type": "checkout.session.completed",
    "created": 1_795_000_000,
    "data": {"object": {"id": "cs_1"}},
}


def heard(body: bytes) -> None:
    signature = WebhookSignature.generate_signature_header(body.decode(), SECRET)
    verified_news(body, signature, secrets=[SECRET])


@pytest.mark.parametrize("created", [10**30, -(10**12), 253402300800, 2**63])
def test_an_event_of_no_year_is_no_event(created: int) -> None:
    """Signed or not: 400, as for all that Stripe does not send."""
    with pytest.raises(SignatureInvalid):
        heard(json.dumps(EVENT | {"created": created}).encode())


def test_what_is_signed_is_read_or_refused() -> None:
    """Of a hundred events that were changed, none fails in another way."""
    read = 0
    for number in range(100):
        body = texts(Random(number), EVENT)
        try:
            heard(body.decode().encode())
        except (SignatureInvalid, UnicodeDecodeError):
            continue
        read += 1
    assert 0 < read < 100


def without(*path: str) -> Callable[[dict[str, Any]], None]:
    """Leave something out of an object."""

    def change(said: dict[str, Any]) -> None:
        for name in path[:-1]:
            said = said[name]
        del said[path[-1]]

    return change


def instead(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    """Say something else of an object."""
    return lambda said: said.__setitem__(name, value)


CHANGES = {
    "no status": without("status"),
    "no metadata": without("metadata"),
    "a number for metadata": instead("metadata", 5),
    "no intent": without("payment_intent"),
    "a charge of no time": lambda said: said["payment_intent"]["latest_charge"].__setitem__("created", "soon"),
    "a charge of no year": lambda said: said["payment_intent"]["latest_charge"].__setitem__("created", 10**30),
    "a charge without a state": lambda said: said["payment_intent"]["latest_charge"].__delitem__("amount_refunded"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_object_that_is_none_is_asked_for_again(stripe: Stripe, change: Callable[[dict[str, Any]], None]) -> None:
    """What is missing in it, or has another type, is not guessed."""
    checkout = stripe.ask(stripe.provider.open_checkout(PASS))
    stripe.sandbox.pay(checkout.ref)
    session = stripe.sandbox.find(checkout.ref)
    assert session is not None
    intent = stripe.sandbox.find(session["payment_intent"])
    assert intent is not None
    said = {**session, "payment_intent": {**intent, "latest_charge": stripe.sandbox.find(intent["latest_charge"])}}
    change(said)
    with pytest.raises(ProviderUnavailable):
        answered(stripe, checkout.ref, json.dumps(said).encode())


def test_an_answer_that_is_no_object_is_asked_for_again(stripe: Stripe) -> None:
    """Whatever stands between us and Stripe may answer, too, and with 200."""
    for body in (b"", b"null", b"[]", b"1", b'{"object":', b"<html>Bad gateway</html>", b"[" * 30_000):
        with pytest.raises(ProviderUnavailable):
            answered(stripe, "cs_1", body)


def test_an_error_that_says_nothing_is_told_as_one(stripe: Stripe) -> None:
    """What Stripe's client makes of it is refused or asked again, as by its status, and never an error of ours."""
    for status in (400, 401, 402, 404, 409, 429, 500):
        for error in (b"null", b"[]", b'"x"', b"{}", b'{"message":[]}', b'{"message":5,"code":5,"type":[]}'):
            with pytest.raises((ProviderUnavailable, ProviderRefused)):
                answered(stripe, "cs_1", b'{"error":%s}' % error, status=status)


def answered(stripe: Stripe, ref: str, body: bytes, *, status: int = 200) -> None:
    """Ask how a checkout stands, where that is answered with a body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        provider = provider_at(f"http://127.0.0.1:{server.server_port}", stripe.sandbox.api_key)
        try:
            stripe.ask(provider.payment("checkout", ref))
        finally:
            stripe.ask(provider.close())
            server.shutdown()
            thread.join()
