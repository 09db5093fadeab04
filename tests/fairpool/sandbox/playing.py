"""A sandbox that runs, Stripe's own client that talks to it, and an endpoint that hears its events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
import stripe
from stripe.params.checkout import SessionCreateParams

from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.server import running
from fairpool.sandbox.webhooks import Webhook

# Stripe's client sends its forms as httpx does not want them any more.
HTTPX_GRUMBLES = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")
KEY = "sk_test_sandbox"
SECRETS = ("whsec_new", "whsec_old")


class Clock:
    """The game's time, moved by hand."""

    def __init__(self) -> None:
        self.moment = datetime(2024, 9, 3, 16, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.moment

    @property
    def unix(self) -> int:
        return int(self.moment.timestamp())

    def forward(self, **span: float) -> None:
        self.moment += timedelta(**span)


@dataclass
class Endpoint:
    """Hears events: what came, and with which status the next are answered."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    def about(self, ref: str) -> list[str]:
        """Return the types of the events on an object, as they came."""
        return [event["type"] for event in self.events if event["data"]["object"].get("id") == ref]


@dataclass
class Play:
    """All of it together."""

    sandbox: Sandbox
    clock: Clock
    endpoint: Endpoint
    url: str
    v1: stripe.V1Services
    http: httpx.Client

    def session(self, **more: Any) -> stripe.checkout.Session:
        """Open a checkout for a weekly pass of 5.00."""
        params: SessionCreateParams = {
            "mode": "payment",
            "success_url": "https://game.test/done?session={CHECKOUT_SESSION_ID}",
            "line_items": [line()],
            **more,  # type: ignore[typeddict-item]
        }
        return self.v1.checkout.sessions.create(params)

    def paid(self) -> str:
        """Return the payment intent of a paid pass."""
        return str(self.sandbox.pay(self.session().id)["payment_intent"])

    def subscription(self) -> str:
        """Return a subscription that was just begun, at 5.00 a week."""
        weekly = line(recurring={"interval": "week"})
        session = self.session(mode="subscription", line_items=[weekly], subscription_data={"metadata": {"for": "x"}})
        return str(self.sandbox.pay(session.id)["subscription"])

    def account(self) -> str:
        """Return an account that money can be transferred to."""
        made = self.v1.accounts.create(
            {
                "controller": {
                    "fees": {"payer": "application"},
                    "losses": {"payments": "application"},
                    "stripe_dashboard": {"type": "express"},
                },
                "capabilities": {"transfers": {"requested": True}},
            }
        )
        self.sandbox.complete_onboarding(made.id)
        return made.id

    def post(self, path: str, /, **arguments: Any) -> httpx.Response:
        """Ask something of the sandbox itself."""
        return self.http.post(self.url + path, json=arguments)


def line(**price: Any) -> dict[str, Any]:
    """Return one item of a checkout."""
    named = {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Weekly pass"}}
    return {"quantity": 1, "price_data": named | price}


def refusal(error: pytest.ExceptionInfo[stripe.StripeError]) -> tuple[int | None, str | None, str | None]:
    """Return status, code and parameter of what Stripe's client raised."""
    return error.value.http_status, error.value.code, getattr(error.value, "param", None)


@contextmanager
def playing() -> Iterator[Play]:
    """Run a sandbox whose events go to an endpoint of its own."""
    clock = Clock()
    with listening() as endpoint:
        sandbox = Sandbox(clock=clock, real_now=lambda: datetime.now(UTC), api_key=KEY)
        sandbox.webhooks.endpoint = Webhook(endpoint.url, SECRETS)
        with running(sandbox) as url, httpx.Client() as browser:
            http = stripe.HTTPXClient(timeout=10, allow_sync_methods=True)
            client = stripe.StripeClient(KEY, base_addresses={"api": url}, http_client=http, max_network_retries=0)
            yield Play(sandbox, clock, endpoint, url, client.v1, browser)
            http.close()  # type: ignore[no-untyped-call]


@contextmanager
def listening() -> Iterator[Endpoint]:
    """Run an endpoint."""
    endpoint = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            endpoint.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            endpoint.signatures.append(self.headers["Stripe-Signature"])
            self.send_response(endpoint.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *said: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        endpoint.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield endpoint
        finally:
            server.shutdown()
            thread.join()
