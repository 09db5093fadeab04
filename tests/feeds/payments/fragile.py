"""A process that may die between any two steps: before or after it asks the database, the ledger or the provider."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from random import Random
from typing import Any, TypeVar, cast
from uuid import uuid4

from psycopg import Connection

from api.people.taking_part import PayersAdmission, TakingPart
from feeds.payments.money import Money, compose
from feeds.payments.provider import Provider
from ledger.book import Decision
from ledger.datastore import Datastore
from ledger.desk import Desk
from ledger.ledger import Ledger
from ledger.recorder import LogRecorder
from ledger.seeds import SeedChain
from projections.catalogue import projections
from tests.feeds.payments.shop import Shop
from tests.feeds.small_week import SteppedRunner

T = TypeVar("T")


class Crash(BaseException):
    """The process ends here. No `except Exception` can keep it from doing so."""


class Steps:
    """Says at which steps a process dies, and for how many seconds an answer of the provider's is on its way to it.

    `crashes` counts by place, over all that share it.
    """

    def __init__(
        self, crashes: Counter[str], is_fatal: Callable[[str], bool], *, latency: Callable[[], float] | None = None
    ) -> None:
        self.crashes = crashes
        self.latency = latency or (lambda: 0.0)
        self._is_fatal = is_fatal

    def __call__(self, place: str) -> None:
        if self._is_fatal(place):
            self.crashes[place] += 1
            raise Crash(place)


def now_and_then(random: Random, crashes: Counter[str], *, share: float) -> Callable[[str], bool]:
    """Die at a share of the steps, and more readily at places where nobody has died yet."""
    return lambda place: random.random() < (share if crashes[place] else 0.3)


def seldom_slow(random: Random, *, share: float, seconds: float) -> Callable[[], float]:
    """Have a share of answers be overtaken by what happens meanwhile."""
    return lambda: random.random() * seconds if random.random() < share else 0.0


class FragileDatastore(Datastore):
    """Connections before and behind whose use the process may die."""

    def __init__(self, dsn: str, steps: Steps) -> None:
        super().__init__(dsn)
        self._steps = steps

    @contextmanager
    def connection(self) -> Iterator[Connection[Any]]:
        self._steps("before a query")
        with super().connection() as connection:
            yield connection
        self._steps("after a query")


class FragileDesk:
    """A desk that decides what it was asked, also where the process dies before it hears the answer."""

    def __init__(self, desk: Desk, steps: Steps) -> None:
        self._desk = desk
        self._steps = steps
        self._log = desk.recorder.log

    def ask(self, decide: Callable[[Decision], T], **more: Any) -> Future[T]:
        self._steps(f"before asking {self._log}")
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()
        self._desk.ask(decide, **more).add_done_callback(lambda asked: self._answer(asked, answer))
        return answer

    def _answer(self, asked: Future[T], answer: Future[T]) -> None:
        try:
            self._steps(f"after asking {self._log}")
            answer.set_result(asked.result())
        except BaseException as error:
            answer.set_exception(error)


class FragileLedger(Ledger):
    """A ledger whose desks, which others may share, are asked in steps."""

    def __init__(self, inner: Ledger, datastore: FragileDatastore, steps: Steps) -> None:
        super().__init__(
            datastore, clock=inner.clock, new_id=inner.new_id, seeds=inner.seeds, on_death=lambda error: None
        )
        self._inner = inner
        self._steps = steps

    def desk(self, log: str) -> Desk:
        return cast(Desk, FragileDesk(self._inner.desk(log), self._steps))

    def recorder(self, log: str) -> LogRecorder:
        return self._inner.recorder(log)


class FragileProvider:
    """A provider before and behind whose calls the process may die."""

    def __init__(self, inner: Provider, steps: Steps) -> None:
        self._inner = inner
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if not inspect.iscoroutinefunction(method) or name == "close":
            return method

        async def call(*args: Any, **named: Any) -> Any:
            self._steps(f"before {name}")
            answer = await method(*args, **named)
            await asyncio.sleep(self._steps.latency())
            self._steps(f"after {name}")
            return answer

        return call


class Process:
    """A process of its own that handles a shop's money, on the shop's database; when it dies, it is started again.

    With `ledger` it shares the desks of other processes' like threads of one do; without, it has its own.
    """

    money: Money

    def __init__(self, shop: Shop, dsn: str, steps: Steps, *, ledger: Ledger | None = None) -> None:
        self._shop = shop
        self._dsn = dsn
        self._shared = ledger
        self._steps = steps
        self._datastore = FragileDatastore(dsn, steps)
        self._loop = asyncio.Runner()
        self.start()

    def start(self) -> None:
        """Compose everything anew: nothing but the database is left of what was."""
        self._ledger = self._shared or own_ledger(self._shop, self._dsn)
        ledger = FragileLedger(self._ledger, self._datastore, self._steps)
        self._inner_provider = self._shop.new_provider()
        shop = self._shop
        taking_part = TakingPart(
            ledger,
            people=shop.people,
            restrictions=shop.restrictions,
            gates=shop.gates,
            clock=shop.clock,
        )
        self.projections = SteppedRunner(self._ledger.datastore, projections())
        self.money = compose(
            ledger,
            self.projections,
            provider=cast(Provider, FragileProvider(self._inner_provider, self._steps)),
            terms=shop.terms,
            admission=PayersAdmission(taking_part),
            clock=shop.clock,
        )

    def restart(self) -> None:
        self._stop()
        self.start()

    def close(self) -> None:
        self._stop()
        self._loop.close()
        self._datastore.close()

    def ask(self, asked: Awaitable[T]) -> T:
        async def wait() -> T:
            return await asked

        return self._loop.run(wait())

    def deliver(self, event_id: str) -> None:
        """Have a message delivered here; raises what keeps it from being acknowledged."""
        assert self.money.observer is not None
        body, headers = self._shop.sandbox.webhooks.message(event_id)
        self.ask(self.money.observer.take_http(body, headers["Stripe-Signature"]))

    def step(self, *, is_stale: bool = False) -> int:
        """Do what is due, by what the projections say now, or said a while ago; returns how much that was."""
        assert self.money.worker is not None
        if not is_stale:
            self.projections.catch_up()
        return self.ask(self.money.worker.step())

    def sweep(self) -> None:
        """Look for what the messages missed."""
        assert self.money.worker is not None
        self.ask(self.money.worker.sweep())

    def _stop(self) -> None:
        self.ask(self._inner_provider.close())
        if self._shared is None:
            self._ledger.close()


def own_ledger(shop: Shop, dsn: str) -> Ledger:
    """Return a ledger with desks of its own, as another process has it."""
    return Ledger(
        Datastore(dsn),
        clock=shop.clock,
        new_id=uuid4,
        seeds=SeedChain(bytes(32), length=64),
        on_death=shop.week.deaths.append,
    )
