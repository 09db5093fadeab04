"""The Stripe adapter beside a sandbox of its own: Stripe's own client, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid5

from fairpool.clocks import HandClock, system_clock
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.server import running
from fairpool.sandbox.webhooks import Webhook
from feeds.payments.provider import Order, ProviderPayment, Transfer
from feeds.payments.stripe_provider import StripeProvider

T = TypeVar("T")
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
SECRET = "whsec_of_the_tests"
PLAYER = UUID("8f0b4c6e-55d1-4b83-8a8e-0f6f3a5d1c11")
PASS = Order(
    payment_id=UUID("11111111-2222-4333-8444-555555555555"),
    kind="weekly_pass",
    week="2026-W47",
    amount_cents=1000,
    currency="usd",
    expires_at=NOON + timedelta(hours=2),
)
BUY_BACK = replace(PASS, payment_id=uuid5(PASS.payment_id, "buy-back"), kind="buy_back", amount_cents=500)
SUBSCRIPTION = replace(PASS, payment_id=uuid5(PASS.payment_id, "subscription"), kind="subscription", week=None)
PRIZE = Transfer(
    prize_id=UUID("99999999-2222-4333-8444-555555555555"),
    group="2026-W47/W2026-47-A/entry",
    attempt=1,
    amount_cents=25_00,
    currency="usd",
    to="",
)


@dataclass
class Stripe:
    """The adapter, the sandbox that it speaks to, and the sandbox's clock."""

    provider: StripeProvider
    sandbox: Sandbox
    clock: HandClock
    runner: asyncio.Runner

    def ask(self, asked: Awaitable[T]) -> T:
        async def wait() -> T:
            return await asked

        return self.runner.run(wait())

    def all(self, asked: AsyncIterator[T]) -> list[T]:
        async def gather() -> list[T]:
            return [each async for each in asked]

        return self.runner.run(gather())

    def pass_time(self, **duration: int) -> None:
        self.clock.set(self.clock() + timedelta(**duration))

    def paid(self, order: Order = PASS) -> ProviderPayment:
        """Open the order's checkout, pay it, and return what is then said of it."""
        checkout = self.ask(self.provider.open_checkout(order))
        self.sandbox.pay(checkout.ref)
        return self.payment(checkout.ref)

    def payment(self, checkout_ref: str) -> ProviderPayment:
        payment = self.ask(self.provider.payment("checkout", checkout_ref))
        assert payment is not None
        return payment

    def winner(self, *, balance: int = 100_00) -> Transfer:
        """Onboard the player, and return the prize on its way to them."""
        account = self.ask(self.provider.open_account(PLAYER))
        self.sandbox.complete_onboarding(account.ref)
        self.sandbox.set_balance(balance)
        return replace(PRIZE, to=account.ref)


@contextmanager
def at_stripe() -> Iterator[Stripe]:
    """Give the adapter, and a sandbox that has seen nothing yet."""
    clock = HandClock(NOON)
    webhook = Webhook("http://127.0.0.1:1/stripe", ("whsec_coming", SECRET))
    sandbox = Sandbox(clock=clock, real_now=system_clock, webhook=webhook)
    sandbox.webhooks.mode = "held"
    with running(sandbox) as url, asyncio.Runner() as runner:
        provider = provider_at(url, sandbox.api_key)
        yield Stripe(provider, sandbox, clock, runner)
        runner.run(provider.close())


def provider_at(url: str, api_key: str) -> StripeProvider:
    """Return the adapter to a server at a URL."""
    return StripeProvider(
        api_key,
        webhook_secrets=[SECRET],
        success_url="https://play.example/paid?from=stripe",
        cancel_url="https://play.example/wallet",
        base_url=url,
        wait=_not_at_all,
    )


async def _not_at_all(_: float) -> None:
    """What fails is tried again at once: the tests need not wait for it."""
