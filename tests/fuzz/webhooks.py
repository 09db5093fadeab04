"""Malice in webhooks: deliveries that are no good, or of a provider that answers nonsense, credit nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

import httpx

from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.webhooks import sign
from tests.fuzz.garbling import Garbled
from tests.fuzz.json_texts import texts
from tests.fuzz.tally import Bounds, Tally
from tests.journeys.program import PASSWORD

HOOK: Final = "/api/webhooks/stripe"
SECRET: Final = "whsec_of_malice"
_REFUSED: Final = (400, 413, 415, 422, 431)
_NEW_PAYMENT_EVERY: Final = 40
_REPLAYS: Final = 20
_SIGNATURES: Final[tuple[Callable[[bytes, datetime], str], ...]] = (
    lambda body, now: "",
    lambda body, now: "t=,v1=",
    lambda body, now: f"t={'9' * 400},v1={'a' * 64}",
    lambda body, now: "t=-1,v1=" + "0" * 64,
    lambda body, now: "t=nan,v1=é",
    lambda body, now: sign(body, ["whsec_of_others"], at=now),
    lambda body, now: sign(body + b" ", [SECRET], at=now),
    lambda body, now: sign(body, [SECRET], at=now - timedelta(minutes=6)),
    lambda body, now: sign(body, [SECRET], at=now).replace("v1=", "v0="),
    lambda body, now: sign(body, [SECRET], at=now).replace("t=", "t=1,t="),
    lambda body, now: "v1=" + "a" * 1_900,
    lambda body, now: "," * 100_000,
    lambda body, now: "=" * 3_000,
)


@dataclass
class Shop:
    """A shop, its provider, and who buys in it; `paid` are the payments for which the provider has the money."""

    client: httpx.Client
    sandbox: Sandbox
    between: Garbled
    paid: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)

    def buy(self, name: str, *, pays: bool) -> None:
        """Sign up, open a checkout for a pass, however often that has to be asked for, and pay it or not."""
        person = {"email": f"{name}@example.org", "password": PASSWORD, "name": "Buyer"}
        token = self.client.post("/api/auth/signup", json=person).raise_for_status().json()["token"]
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "one"}
        share, self.between.share = self.between.share, 0.0
        opened = self.client.post("/api/payments/checkout", json={"kind": "weekly_pass"}, headers=headers)
        self.between.share = share
        payment = opened.raise_for_status().json()
        self.opened.add(payment["payment_id"])
        if pays:
            self.sandbox.pay(payment["checkout_url"].rpartition("/")[2])
            self.paid.add(payment["payment_id"])


def attack(shop: Shop, tally: Tally, bounds: Bounds) -> None:
    """Deliver for as long as there is time, while the provider answers nonsense every other time."""
    shop.between.share = 0.5
    with ThreadPoolExecutor(_REPLAYS) as others:
        for number in bounds.numbers():
            random = Random(f"{bounds.seed}/{number}")
            if number % _NEW_PAYMENT_EVERY == 1:
                shop.buy(f"buyer{number}", pays=number == 1 or random.random() < 0.7)
            body, is_theirs = _body(random, random.choice(shop.sandbox.objects("event")))
            now = datetime.now(UTC)
            is_signed = random.random() < 0.7
            signature = sign(body, [SECRET], at=now) if is_signed else random.choice(_SIGNATURES)(body, now)
            times = _REPLAYS if random.random() < 0.05 else 1
            statuses = others.map(lambda each: _deliver(shop.client, *each), [(body, signature)] * times)
            for status in statuses:
                tally.cases += 1
                tally.status(status)
                fits = (200, 503) if is_theirs and is_signed else (200, 503, *_REFUSED) if is_signed else _REFUSED
                if status not in fits:
                    tally.complain(f"case {number}: answered {status}: {signature[:80]} {body[:400]!r}")
    shop.between.share = 0.0


def delivered(shop: Shop) -> list[int]:
    """Tell of all that has happened anew, in order, and return how that is answered.

    What a provider said that made no sense may have been taken for its word: that it knows nothing of a payment, say.
    The next message of it mends that.
    """
    events = [event | {"id": f"{event['id']}_again"} for event in shop.sandbox.objects("event")]
    bodies = [json.dumps(event).encode() for event in events]
    return [_deliver(shop.client, body, sign(body, [SECRET], at=datetime.now(UTC))) for body in bodies]


def complaints(shop: Shop, paid: Counter[str], given: Counter[str]) -> list[str]:
    """Hold what the ledger says was paid, and was given or refused for it, by payment, against the provider."""
    found = [f"payment {each} is paid, and was not" for each in paid if each not in shop.paid]
    found += [f"something was given for payment {each}, which is not paid" for each in given if each not in shop.paid]
    found += [f"payment {each} is paid {count} times" for each, count in paid.items() if count > 1]
    found += [f"payment {each} is decided {count} times" for each, count in given.items() if count > 1]
    return found + [f"payment {each} is paid, and nothing came of it" for each in shop.paid if given[each] != 1]


def _deliver(client: httpx.Client, body: bytes, signature: str) -> int:
    headers = [(b"Content-Type", b"application/json"), (b"Stripe-Signature", signature.encode())]
    try:
        return client.post(HOOK, content=body, headers=headers).status_code
    except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
        # So large a header is not read to its end, and the answer that says so may be lost.
        return 431


def _body(random: Random, event: Mapping[str, Any]) -> tuple[bytes, bool]:
    """Return an event as it is, or changed; and whether it is the provider's."""
    if random.random() < 0.3:
        return json.dumps(event).encode(), True
    said = json.loads(json.dumps(event))
    if random.random() < 0.6:
        said["id"] = f"evt_{random.randrange(10**9)}"
    match random.randrange(5):
        case 0:
            said["type"] = random.choice(
                ("", "x", "charge.refunded", "invoice.paid", "account.updated", "refund.failed")
            )
        case 1:
            said["created"] = random.choice((0, -1, -(10**12), 10**11, 10**30, 253402300799, 253402300800))
        case 2:
            refs = (None, "", "cs_none", "\0", "../../v1/charges", "a" * 10_000, "cs_1?expand[]=x", "é", 5, {"id": "x"})
            said["data"]["object"]["id"] = random.choice(refs)
            said["data"]["object"]["payment_intent"] = random.choice(refs)
        case 3:
            said["account"] = random.choice((None, "acct_none", "", 5))
        case _:
            return texts(random, said), False
    return json.dumps(said).encode(), False
