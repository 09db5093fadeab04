"""A service that takes payments: the sandbox is the provider, and its messages come over HTTP as they happen."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx

from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.server import running
from fairpool.sandbox.webhooks import Webhook
from feeds.payments.money import Terms, Worker
from feeds.payments.prizes import PrizePolicy
from feeds.payments.provider import Kind
from feeds.payments.stripe_provider import StripeProvider
from feeds.payments.till import Prices
from ledger.ids import OFFICE
from ledger.rules import Prize
from tests.api.world import MONDAY, Clock, User, World, real_now, serving

T = TypeVar("T")
SECRET = "whsec_of_the_tests"
RETIRED = "whsec_retired_tomorrow"
HOOK = "/api/webhooks/stripe"
RETURN_URL = "https://app.example.org/money"
PRICES: Mapping[Kind, int] = {"weekly_pass": 500, "buy_back": 700, "subscription": 400}
POLICY = PrizePolicy(identity_required=False)


@dataclass
class Shop(World):
    """A service that sells, with short ways to be paid. What is done at the sandbox has been told when it returns."""

    sandbox: Sandbox = field(kw_only=True)

    def ask(self, asked: Coroutine[Any, Any, T]) -> T:
        """Have the service's event loop do something; the read models keep up meanwhile."""
        doing = asyncio.run_coroutine_threadsafe(asked, self.loop.result())
        while not doing.done():
            self.project()
            wait([doing], timeout=0.005)
        self.project()
        return doing.result()

    @property
    def worker(self) -> Worker:
        worker = self.services.money.worker
        assert worker is not None
        return worker

    def follow_up(self) -> None:
        """Give what was paid for, refund, enrol subscribers and pay prizes, until nothing is left to do."""
        self.project()
        while self.ask(self.worker.step()):
            pass

    def pay(self, payment: Mapping[str, Any]) -> None:
        """Pay an open checkout by card."""
        self.sandbox.pay(session_of(payment))
        self.project()

    def bought(self, user: User, kind: Kind, **more: str) -> dict[str, Any]:
        """Buy something, pay for it, follow up, and return the payment as its player then sees it."""
        payment = check_out(user, kind=kind, **more)
        self.pay(payment)
        self.follow_up()
        return look(user, payment)

    def intent_of(self, payment: Mapping[str, Any]) -> str:
        """What the sandbox calls the money of a payment."""
        session = self.sandbox.find(self.services.money.records.ref_of(payment["payment_id"]) or "")
        assert session is not None
        return str(session["payment_intent"])

    def bet_and_lose(self, user: User) -> None:
        """Have a player lose all credits on one bet."""
        market = self.market()
        placed = user.bet(market.bet(stake=1000))
        assert placed.status_code == 201, placed.text
        self.resolve(market.game_id, home=10, away=20, bets=[placed.json()])
        self.project()

    def winner(self, name: str = "Ann") -> User:
        """Somebody who has won the only prize of a week: 50.00."""
        prize = Prize(amount_cents=5000, rank=1)
        (user,) = self.playing(name, pool_max=1, prize_min_entries=1, prizes=(prize,))
        market = self.market()
        placed = user.bet(market.bet(stake=100))
        self.resolve(market.game_id, home=20, away=10, bets=[placed.json()])
        self.finish()
        return user

    def playing(self, *names: str, **rules: Any) -> list[User]:
        """Open the week, have players buy passes, and draw."""
        self.open_week(**rules)
        users = [self.signup(name) for name in names]
        for user in users:
            assert self.bought(user, "weekly_pass")["outcome"] == "credited"
        self.draw()
        self.project()
        return users

    def office(self) -> list[str]:
        """The types of the facts about payments in the office's log."""
        topics = (record.topic for record in self.ledger.recorder(OFFICE).read_all())
        return [topic for topic in topics if topic.startswith("payment.")]


@contextmanager
def selling(
    dsn: str, *, cents: Mapping[Kind, int] = PRICES, policy: PrizePolicy = POLICY, **changes: Any
) -> Iterator[Shop]:
    """Run a service that sells and pays; `changes` are those of `serving`."""
    clock = Clock(MONDAY - timedelta(days=1))
    sandbox = Sandbox(clock=clock.now, real_now=real_now)
    sandbox.set_balance(1_000_000)
    with running(sandbox) as url:
        provider = StripeProvider(
            sandbox.api_key,
            webhook_secrets=[SECRET, RETIRED],
            success_url=RETURN_URL,
            cancel_url=RETURN_URL,
            base_url=url,
            wait=_not_at_all,
        )
        terms = Terms(prices=Prices("usd", cents), pays_prizes=True, policy=policy)
        changes = {"return_url": RETURN_URL, **changes}
        with serving(dsn, hand=clock, provider=provider, terms=terms, **changes) as world:
            shop = Shop(world.services, world.clock, world.client, world.loop, sandbox=sandbox)
            sandbox.webhooks.endpoint = Webhook(f"{str(world.client.base_url).rstrip('/')}{HOOK}", (SECRET,))
            try:
                yield shop
            finally:
                shop.ask(world.services.money.close())


def checking_out(user: User, key: str = "one", **body: Any) -> httpx.Response:
    """Ask for a checkout."""
    return user.post("/api/payments/checkout", json=body, headers={"Idempotency-Key": key})


def check_out(user: User, key: str = "one", **body: Any) -> dict[str, Any]:
    """Open a checkout."""
    answer = checking_out(user, key=key, **body)
    assert answer.status_code == 201, answer.text
    payment: dict[str, Any] = answer.json()
    return payment


def look(user: User, payment: Mapping[str, Any]) -> dict[str, Any]:
    """A payment as its player sees it now."""
    answer = user.get(f"/api/payments/{payment['payment_id']}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def session_of(payment: Mapping[str, Any]) -> str:
    """What the sandbox calls an open checkout."""
    return str(payment["checkout_url"]).rpartition("/")[2]


async def _not_at_all(_: float) -> None:
    """What fails is tried again at once."""
