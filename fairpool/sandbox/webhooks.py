"""Events on their way to an endpoint: signed, tried, kept until they are acknowledged."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import httpx

from fairpool.sandbox.objects import Object

Mode = Literal["immediate", "held", "dropped"]
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events go. Each secret signs, for as long as a rotation has several.

    What happens on connected accounts goes, at Stripe, to an endpoint that is registered apart and has a secret of its
    own: that is `connect_secrets`, without which the same secrets sign.
    """

    url: str
    secrets: tuple[str, ...]
    connect_secrets: tuple[str, ...] = ()


@dataclass(slots=True)
class Delivery:
    """An event that an endpoint should hear of. `statuses` are its answers, 0 where it gave none."""

    event: Object
    body: bytes
    statuses: list[int] = field(default_factory=list)

    @property
    def is_acknowledged(self) -> bool:
        """Tell whether the endpoint ever answered 2xx."""
        return any(200 <= status < 300 for status in self.statuses)


class Webhooks:
    """Delivers events. `mode` says what becomes of new ones: tried before the act that made them returns; held back
    until `deliver`; or dropped, so that only the list of events tells of them.

    Attempts may overlap: `deliver` is safe to call from any number of threads, any number of times.
    """

    def __init__(self, *, real_now: Callable[[], datetime], endpoint: Webhook | None) -> None:
        self.endpoint = endpoint
        self.mode: Mode = "immediate"
        self._real_now = real_now
        self._lock = threading.Lock()
        self._deliveries: dict[str, Delivery] = {}
        # Whom it tells is here, on plain HTTP: the certificates of authorities need not be read for that.
        self._client = httpx.Client(timeout=PATIENCE_SECONDS, trust_env=False, verify=False)

    def send(self, events: Iterable[Object]) -> None:
        """Take new events, and try them if they are not held back."""
        if self.endpoint is None or self.mode == "dropped":
            return
        taken = [Delivery(event, json.dumps(event | {"pending_webhooks": 1}, indent=2).encode()) for event in events]
        with self._lock:
            self._deliveries |= {delivery.event["id"]: delivery for delivery in taken}
        if self.mode == "immediate":
            for delivery in taken:
                self.deliver(delivery.event["id"])

    def queued(self) -> list[str]:
        """Return the ids of the events that were not acknowledged yet, oldest first."""
        with self._lock:
            return [ref for ref, delivery in self._deliveries.items() if not delivery.is_acknowledged]

    def taken(self) -> list[str]:
        """Return the ids of all events that are or were to be delivered, oldest first: each can be again."""
        with self._lock:
            return list(self._deliveries)

    def statuses(self, event_id: str) -> list[int]:
        """Return what the endpoint answered to each attempt, 0 where it did not."""
        with self._lock:
            return list(self._deliveries[event_id].statuses)

    def deliver(self, event_id: str) -> int:
        """Try to deliver an event, whether or not it was before; returns the answer's status, 0 if there was none."""
        body, headers = self.message(event_id)
        url = self._endpoint().url
        try:
            status = self._client.post(url, content=body, headers=headers).status_code
        except httpx.TransportError:
            status = 0
        with self._lock:
            self._deliveries[event_id].statuses.append(status)
        return status

    def deliver_queued(self) -> list[int]:
        """Try all events that were not acknowledged yet, once each, oldest first; returns the answers' statuses."""
        return [self.deliver(event_id) for event_id in self.queued()]

    def message(self, event_id: str) -> tuple[bytes, dict[str, str]]:
        """Return an event's body and headers, signed now: what an attempt sends."""
        endpoint = self._endpoint()
        with self._lock:
            delivery = self._deliveries[event_id]
        secrets = endpoint.connect_secrets if "account" in delivery.event else ()
        signature = sign(delivery.body, secrets or endpoint.secrets, at=self._real_now())
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json; charset=utf-8"}
        return delivery.body, headers | {"User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _endpoint(self) -> Webhook:
        if self.endpoint is None:
            raise ValueError("the sandbox has no webhook endpoint: set webhooks.endpoint")
        return self.endpoint


def sign(body: bytes, secrets: Iterable[str], *, at: datetime) -> str:
    """Return Stripe's signature header: HMAC-SHA256 over `{t}.{body}`, once for each secret."""
    moment = int(at.timestamp())
    signed = b"%d." % moment + body
    marks = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={moment}", *(f"v1={mark}" for mark in marks)])
