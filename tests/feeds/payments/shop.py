"""A shop: a small week whose passes are sold, on a real database, with the sandbox as the provider over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID, uuid5

from api.identity.players import Players
from api.people.gates import Gates
from api.people.pseudonyms import Pseudonyms
from api.people.registry import People
from api.people.restrictions import Restrictions
from api.people.taking_part import PayersAdmission, TakingPart
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.server import running
from fairpool.sandbox.webhooks import Webhook
from feeds.payments.money import Money, Terms, compose
from feeds.payments.prizes import PrizePolicy
from feeds.payments.provider import Kind, Provider
from feeds.payments.records import PlayersPayment
from feeds.payments.stripe_provider import StripeProvider
from feeds.payments.till import Prices
from ledger import enrolment
from ledger.datastore import Datastore
from ledger.facts import Fact, fact_of
from ledger.ids import OFFICE
from ledger.rules import Rules
from tests.feeds.small_week import PLAYERS, WEEK, SmallWeek, at

T = TypeVar("T")
SECRET = "whsec_of_the_tests"
PRICES = Prices("usd", {"weekly_pass": 500, "buy_back": 700, "subscription": 400})


def real_now() -> datetime:
    """The time of the real world, by which signatures are dated."""
    return datetime.fromtimestamp(time.time(), UTC)


async def _at_once(_: float) -> None:
    """Wait for nothing before a request is tried again."""


class Shop:
    """Sells and pays. Messages of the provider are held back until `deliver`; money moves with `follow_up`."""

    def __init__(self, week: SmallWeek, sandbox: Sandbox, *, terms: Terms, provider: Callable[[], Provider]) -> None:
        self.week = week
        self.ledger = week.ledger
        self.clock = week.clock
        self.sandbox = sandbox
        self.runner = asyncio.Runner()
        self.terms = terms
        self.new_provider = provider
        self._delivered: set[str] = set()
        self._providers: list[Provider] = []
        people = People(week.datastore, pseudonyms=Pseudonyms(bytes(32)), now=week.clock)
        self.people = people
        self.restrictions = Restrictions(
            week.datastore, clock=week.clock, new_id=week.ledger.new_id, monotonic=time.monotonic
        )
        self.gates = Gates()
        self.taking_part = TakingPart(
            week.ledger, people=people, restrictions=self.restrictions, gates=self.gates, clock=week.clock
        )
        self.admission = PayersAdmission(self.taking_part)
        self.start()

    def start(self) -> None:
        """Compose everything anew, as a process that begins: nothing but the database is left of what was."""
        self.provider = self.new_provider()
        self._providers.append(self.provider)
        self.money: Money = self.composed(self.provider)

    def composed(self, provider: Provider) -> Money:
        """All that handles money, on a provider: as another process has it."""
        return compose(
            self.ledger,
            self.week.runner,
            provider=provider,
            terms=self.terms,
            admission=self.admission,
            clock=self.clock,
        )

    def close(self) -> None:
        for provider in self._providers:
            self.ask(provider.close())
        self.runner.close()

    def ask(self, asked: Awaitable[T]) -> T:
        async def wait() -> T:
            return await asked

        return self.runner.run(wait())

    def open(self, *names: str, **rules: Any) -> None:
        """Open the week for enrolments, and sign players up."""
        self.week.open(rules=Rules(**rules))
        for name in names:
            self.sign_up(name)

    def sign_up(self, name: str) -> UUID:
        players = Players(self.week.datastore, new_id=lambda: self.player(name), now=self.clock)
        return players.create(email=f"{name}@example.org", name=name, password_hash="x", role="player").id

    def player(self, name: str) -> UUID:
        return uuid5(PLAYERS, name)

    def buy(self, name: str, kind: Kind, *, week: str | None = WEEK, key: str = "one") -> PlayersPayment:
        """Open a checkout; nobody is kept from it but by the ledger."""
        return self.ask(
            self.money.till.checkout(
                player_id=self.player(name),
                kind=kind,
                week=None if kind == "subscription" else week,
                key=key,
                admit=lambda amount_cents: None,
            )
        )

    def session(self, payment: PlayersPayment) -> str:
        """The sandbox's name of a checkout."""
        ref = self.money.records.ref_of(payment.payment_id)
        assert ref is not None
        return ref

    def pay(self, payment: PlayersPayment) -> None:
        """Pay by card, and have the messages of it delivered."""
        self.sandbox.pay(self.session(payment))
        self.deliver()

    def deliver(self, *event_ids: str) -> None:
        """Deliver messages, in the order given, or all that were not yet."""
        for event_id in event_ids or [each for each in self.sandbox.webhooks.taken() if each not in self._delivered]:
            self.take(event_id)

    def take(self, event_id: str) -> None:
        """Deliver one message, and note that it was taken."""
        body, headers = self.sandbox.webhooks.message(event_id)
        assert self.money.observer is not None
        self.ask(self.money.observer.take_http(body, headers["Stripe-Signature"]))
        self._delivered.add(event_id)

    def follow_up(self) -> None:
        """Do all that follows."""
        assert self.money.worker is not None
        self.week.react()
        while self.ask(self.money.worker.step()):
            self.week.react()

    def until(self, wall: str) -> None:
        """Live until an instant of the week, as `at` reads it, and have happen what that brings at the provider."""
        self.week.live_until(at(wall))
        self.sandbox.tick()

    def begin(self, *names: str) -> None:
        """Begin the week, with players who take part for free."""
        self.week.enrol(WEEK, *names)
        self.until("Mon 00:00")

    def bust(self, *names: str) -> None:
        """Begin the week with players who lose all that they have, on Tuesday."""
        self.begin(*names)
        self.week.listed("g1", at("Tue 20:00"))
        for name in names:
            self.week.bet(name, "g1", "spread", "home", 1000)
        self.until("Tue 23:30")
        self.week.result("g1", 10, 20)
        self.follow_up()

    def withdraw(self, name: str) -> None:
        """Take a player out of the week before it starts, as the player wishes."""
        enrolment.withdraw(self.ledger, player_id=self.player(name), week=WEEK, request=f"{name} withdraws")

    def exclude(self, name: str) -> None:
        """Have a player exclude themselves: that alone, without the withdrawal that the API adds."""
        self.restrictions.place(
            player_id=self.player(name),
            kind="self_exclusion",
            ends=lambda now: None,
            reason="",
            placed_by="player",
            request=f"{name} excludes themselves",
        )

    def erase(self, name: str) -> None:
        """Erase a person."""
        self.people.erase(self.player(name))

    def sweep(self) -> int:
        """Look for what the messages missed."""
        assert self.money.worker is not None
        found = self.ask(self.money.worker.sweep())
        self.week.runner.catch_up()
        return found

    def sold(self, name: str, kind: Kind = "weekly_pass", **more: Any) -> PlayersPayment:
        """Buy, pay and follow up."""
        payment = self.buy(name, kind, **more)
        self.pay(payment)
        self.follow_up()
        return self.look(name, payment)

    def look(self, name: str, payment: PlayersPayment) -> PlayersPayment:
        """A payment as its player sees it now."""
        self.week.runner.catch_up()
        found = self.money.records.payment(payment.payment_id, player_id=self.player(name))
        assert found is not None
        return found

    def office(self) -> list[Fact]:
        """What the office's log tells of payments."""
        facts = (fact_of(record) for record in self.ledger.recorder(OFFICE).read_all())
        return [fact for fact in facts if fact.event.TOPIC.startswith("payment.")]


@contextmanager
def shop(datastore: Datastore, *, week_id: str = WEEK, **terms: Any) -> Iterator[Shop]:
    """Run a shop from an hour before a week on; `terms` are fields of its Terms."""
    week = SmallWeek(datastore, week=week_id)
    sandbox = Sandbox(clock=week.clock, real_now=real_now, webhook=Webhook("http://nowhere.invalid", (SECRET,)))
    sandbox.webhooks.mode = "held"
    with running(sandbox) as url:

        def provider() -> Provider:
            return StripeProvider(
                sandbox.api_key,
                webhook_secrets=[SECRET],
                success_url="https://app.example/paid",
                cancel_url="https://app.example/back",
                base_url=url,
                wait=_at_once,
            )

        defaults: dict[str, Any] = {"prices": PRICES, "pays_prizes": True, "policy": PrizePolicy()}
        opened = Shop(week, sandbox, terms=Terms(**defaults | terms), provider=provider)
        try:
            yield opened
        finally:
            opened.close()
            week.close()
    assert not week.deaths
