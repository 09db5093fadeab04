"""The targets of malice, each against the service as its users run it, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from fairpool.clocks import system_clock
from fairpool.sample import nfl_week
from fairpool.sandbox.sandbox import Sandbox
from feeds.feedfile import read_lines
from feeds.inbox import Inbox
from ledger.datastore import Datastore
from ledger.events import PaymentAccepted, PaymentPaid, PaymentRefused
from ledger.facts import Fact, fact_of
from ledger.ids import OFFICE
from ledger.recorder import LogRecorder, open_logs
from ledger.replay import Replay
from ledger.weeks import following, week_at
from projections.rebuild import verify
from tests.fuzz import bodies, feeding, tokens, webhooks
from tests.fuzz.connections import good_requests
from tests.fuzz.garbling import garbling
from tests.fuzz.raw_http import attack
from tests.fuzz.tally import Bounds, Tally
from tests.fuzz.watching import watched
from tests.journeys.program import PASSWORD, THURSDAY, Service, fairpool, pick_of_thursday

UNLIMITED: Final = {
    **{f"FAIRPOOL_LIMIT_{kind}": "off" for kind in ("AUTH", "LOG_IN", "BETS", "READS", "WRITES")},
    "FAIRPOOL_ARGON2_MEMORY_KIB": "1024",
    "FAIRPOOL_ARGON2_PASSES": "1",
}
"""Nobody is told to come back later, and passwords cost little: what is looked for lies behind both."""


def run(targets: Sequence[str], bounds: Bounds) -> Iterator[Tally]:
    """Attack some targets, one after another, and give what each attack came to."""
    for target in targets:
        tally = Tally(target)
        try:
            TARGETS[target](tally, bounds)
        except (httpx.HTTPError, OSError) as error:
            # Where the service is no more, or answers nobody, nothing else can be tried of it.
            tally.complain(f"the attack breaks off: {error!r}")
        yield tally


@contextmanager
def sample(tally: Tally) -> Iterator[Service]:
    """The service with the sample week; it is watched, and must take a bet and stop in order at the end."""
    with (
        tempfile.TemporaryDirectory() as folder,
        attacked(Service(Path(folder), **UNLIMITED), tally) as service,
    ):
        yield service
        _bet(service, tally)


@contextmanager
def attacked(service: Service, tally: Tally) -> Iterator[Service]:
    """Run a service and watch it; in the end it must stop in order."""
    try:
        service.start()
        with watched(service, tally):
            yield service
        service.stop()
    finally:
        service.close()


def _bet(service: Service, tally: Tally) -> None:
    """Place a bet as somebody who has just come, unless a feed has closed the market: nobody is kept from it."""
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
        person = {"email": "afterwards@example.com", "password": PASSWORD, "name": "Afterwards"}
        token = client.post("/api/auth/signup", json=person).raise_for_status().json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"
        client.post("/api/weeks/current/entry").raise_for_status()
        bet = pick_of_thursday(client) | {"stake": 1}
        placed = client.post("/api/bets", json=bet, headers={"Idempotency-Key": "afterwards"})
        if placed.status_code != 201 and not (tally.target == "feed" and placed.status_code == 409):
            tally.complain(f"afterwards a bet is answered {placed.status_code} {placed.text}")


def _http(tally: Tally, bounds: Bounds) -> None:
    with sample(tally) as service:
        with service.client() as client:
            token = client.headers["Authorization"].removeprefix("Bearer ")
            good = good_requests(token, pick_of_thursday(client))
        address = urlsplit(service.url)
        asyncio.run(attack(str(address.hostname), address.port or 80, good, tally, bounds))


def _bodies(tally: Tally, bounds: Bounds) -> None:
    with sample(tally) as service, service.client() as client, httpx.Client(**_to(service)) as anybody:
        operator = _log_in(anybody, _staff(service))["token"]
        pick = pick_of_thursday(client)
        game = client.get(f"/api/games?date={THURSDAY}").json()["data"][0]["game_id"]
        week = client.get("/api/weeks/current").json()["week"]
        player = client.headers["Authorization"].removeprefix("Bearer ")
        with Datastore(service.servers["dsn"]) as datastore:
            logs = [LogRecorder(datastore, log) for log in (week, OFFICE)]
            chosen = bodies.routes(player, operator, pick, week=week, game=game)
            bodies.attack(anybody, chosen, lambda: [log.head().position for log in logs], tally, bounds)


def _tokens(tally: Tally, bounds: Bounds) -> None:
    with sample(tally) as service, httpx.Client(**_to(service)) as client:
        given = _log_in(client, "player1@example.com")
        made = fairpool("keys", "create-api", "--role", "auditor", "--name", "Fuzz", data=service.data, **UNLIMITED)
        api_key = made.stdout.decode().split()[-1]

        def refresh() -> str:
            return _log_in(client, "player2@example.com")["refresh_token"]

        tokens.attack(client, given["token"], api_key, refresh, tally, bounds)


def _feed(tally: Tally, bounds: Bounds) -> None:
    with sample(tally) as service:
        known = [json.loads(line.body) for line in read_lines(nfl_week())]
        with service.client() as client:
            week = client.get("/api/weeks/current").json()["week"]
        asyncio.run(feeding.attack(service.servers["nats_url"], known, tally, bounds))
        with Datastore(service.servers["dsn"]) as datastore:
            _audit(datastore, week, tally)
            tally.answered["dead letters"] = len(Inbox(datastore).dead_letters())


def _audit(datastore: Datastore, week: str, tally: Tally) -> None:
    """Hold a week against its log: nothing was made or lost, and every projection says what the log says."""
    recorder = LogRecorder(datastore, week)
    replay = Replay(week).fold(_facts(datastore, week))
    tally.found += [*map(str, replay.faults), *map(str, replay.unbalanced())]
    tally.answered["events"] = recorder.head().position
    for _ in range(100):
        if not (differing := verify(datastore, log=week)):
            return
        time.sleep(0.2)
    tally.complain(f"the projections are not what the log says: {differing}")


def _webhooks(tally: Tally, bounds: Bounds) -> None:
    sandbox = Sandbox(clock=system_clock, real_now=system_clock)
    with garbling(sandbox, Random(bounds.seed)) as (url, between), tempfile.TemporaryDirectory() as folder:
        selling = {
            "FAIRPOOL_PAYMENTS_ON": "weekly_pass",
            "FAIRPOOL_STRIPE_KEY": sandbox.api_key,
            "FAIRPOOL_STRIPE_URL": url,
            "FAIRPOOL_STRIPE_WEBHOOK_SECRETS": webhooks.SECRET,
        }
        with attacked(Service(Path(folder), False, **UNLIMITED, **selling), tally) as service:
            opened = fairpool("week", "open", following(week_at(system_clock())), data=service.data)
            assert opened.returncode == 0, opened.stderr.decode()
            with httpx.Client(**_to(service)) as client:
                shop = webhooks.Shop(client, sandbox, between)
                webhooks.attack(shop, tally, bounds)
                tally.found += [f"in the end a message is answered {s}" for s in webhooks.delivered(shop) if s != 200]
            _hold_against_provider(service, shop, tally)


def _hold_against_provider(service: Service, shop: webhooks.Shop, tally: Tally) -> None:
    with Datastore(service.servers["dsn"]) as datastore:
        for _ in range(100):
            events = [fact.event for log in open_logs(datastore) for fact in _facts(datastore, log)]
            paid = Counter(event.payment_id for event in events if isinstance(event, PaymentPaid))
            decided = [each for each in events if isinstance(each, PaymentAccepted | PaymentRefused)]
            found = webhooks.complaints(shop, paid, Counter(each.payment_id for each in decided))
            if not found:
                break
            time.sleep(0.3)
    tally.answered["payments"] = len(shop.opened)
    tally.found += found


def _facts(datastore: Datastore, log: str) -> Iterator[Fact]:
    return map(fact_of, LogRecorder(datastore, log).read_all())


def _to(service: Service) -> dict[str, Any]:
    return {"base_url": service.url, "timeout": 60, "trust_env": False}


def _staff(service: Service) -> str:
    """Make an operator, and return the address."""
    email = "staff@example.com"
    options = ("--role", "operator", "--email", email)
    done = fairpool("user", "create", *options, data=service.data, FAIRPOOL_PASSWORD=PASSWORD, **UNLIMITED)
    assert done.returncode == 0, done.stderr.decode()
    return email


def _log_in(client: httpx.Client, email: str) -> dict[str, str]:
    answer = client.post("/api/auth/login", json={"email": email, "password": PASSWORD}).raise_for_status()
    given: dict[str, str] = answer.json()
    return given


TARGETS: Final[Mapping[str, Callable[[Tally, Bounds], None]]] = {
    "http": _http,
    "bodies": _bodies,
    "feed": _feed,
    "tokens": _tokens,
    "webhooks": _webhooks,
}
