"""The sandbox as an object: what the API, the payers and the dashboard do to it, and what it tells."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fairpool.sandbox import checkout, connect, identity, money, paying, subscriptions, transfers
from fairpool.sandbox.faults import Faults
from fairpool.sandbox.idempotency import Idempotency
from fairpool.sandbox.objects import Object
from fairpool.sandbox.store import Clock, Store
from fairpool.sandbox.webhooks import Webhook, Webhooks


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the API as it came: parameters with their types, none where they were not understood."""

    method: str
    path: str
    params: Object
    idempotency_key: str | None
    status: int


class Sandbox:
    """A Stripe account in test mode. All methods may be called from any thread; those that act are the payer's and the
    dashboard's. They raise NotPossible where things do not stand so, and StripeFault for what does not exist.

    `clock` is the game's: it dates all objects, and sessions expire by it. Who moves it calls `tick`, or expiry is
    noticed with whatever is asked next. `real_now` dates signatures. An act returns when its events have been tried, if
    `webhooks.mode` is immediate: so do not call one from the thread that has to answer the webhook.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        real_now: Clock,
        api_key: str = "sk_test_sandbox",
        webhook: Webhook | None = None,
        seed: str = "S",
    ) -> None:
        self.api_key = api_key
        self.webhooks = Webhooks(real_now=real_now, endpoint=webhook)
        self.faults = Faults()
        self.idempotency = Idempotency()
        self._store = Store(clock=clock, seed=seed)
        self._lock = threading.RLock()
        self._asked: list[Asked] = []

    @property
    def base_url(self) -> str:
        """Where the sandbox answers: empty until it runs."""
        return self._store.base_url

    @base_url.setter
    def base_url(self, url: str) -> None:
        self._store.base_url = url

    @contextmanager
    def acting(self) -> Iterator[Store]:
        """Give the store to one thread at a time; afterwards, the events that came of it are sent."""
        with self._lock:
            try:
                checkout.expire_old(self._store)
                yield self._store
            finally:
                fresh = self._store.take_fresh()
        self.webhooks.send(fresh)

    def tick(self) -> None:
        """Have happen what the clock brings: sessions whose time has come expire."""
        with self.acting():
            pass

    def record(self, asked: Asked) -> None:
        """Remember a request of the API."""
        with self._lock:
            self._asked.append(asked)

    def requests(self, method: str = "*", path: str = "*") -> list[Asked]:
        """Return the requests of the API so far, of one method or path if asked for."""
        with self._lock:
            return [each for each in self._asked if method in ("*", each.method) and path in ("*", each.path)]

    def find(self, ref: str) -> Object | None:
        """Return a copy of an object of any kind, None if there is none."""
        with self.acting() as store:
            return copy.deepcopy(store.find(ref))

    def objects(self, kind: str) -> list[Object]:
        """Return copies of all objects of a kind (`checkout.session`, `charge`, `event`, …), oldest first."""
        with self.acting() as store:
            return copy.deepcopy(store.all(kind))

    def pay(self, session: str) -> Object:
        """Pay an open session by card, at once."""
        return self._act(lambda store: paying.pay(store, session))

    def begin_slow_payment(self, session: str) -> Object:
        """Complete an open session with a payment that takes days."""
        return self._act(lambda store: paying.begin_slow_payment(store, session))

    def end_slow_payment(self, session: str, *, succeeds: bool) -> Object:
        """Have a slow payment arrive, or fail."""
        return self._act(lambda store: paying.end_slow_payment(store, session, succeeds=succeeds))

    def refund(self, payment: str, *, amount: int | None = None) -> Object:
        """Give back, from the dashboard, what is left of a payment intent or charge, or part of it."""
        part = {} if amount is None else {"amount": amount}
        return self._act(
            lambda store: money.create_refund(store, "", {"charge": money.charge_of(store, payment)["id"]} | part)
        )

    def fail_refund(self, refund: str) -> Object:
        """Have a refund come back from the payer's bank."""
        return self._act(lambda store: money.fail_refund(store, refund))

    def dispute(self, payment: str) -> Object:
        """Have the payer charge back a payment intent or charge."""
        return self._act(lambda store: money.dispute(store, payment))

    def close_dispute(self, dispute: str, *, won: bool) -> Object:
        """Have the bank decide a dispute."""
        return self._act(lambda store: money.close_dispute(store, dispute, won=won))

    def renew(self, subscription: str) -> Object:
        """Have a subscription's next period be paid, or the one that is past due."""
        return self._act(lambda store: subscriptions.renew(store, subscription))

    def fail_renewal(self, subscription: str) -> Object:
        """Have a subscription's next period not be paid: it is past due."""
        return self._act(lambda store: subscriptions.fail_renewal(store, subscription))

    def cancel_subscription(self, subscription: str) -> Object:
        """End a subscription at once, from the dashboard."""
        return self._act(lambda store: subscriptions.cancel(store, subscription, {}))

    def complete_onboarding(self, account: str) -> Object:
        """Have an account's holder tell all that Stripe asks for: transfers become possible."""
        return self._act(lambda store: connect.complete_onboarding(store, account))

    def restrict(self, account: str) -> Object:
        """Have Stripe ask an account's holder for more: transfers are impossible until it is told."""
        return self._act(lambda store: connect.restrict(store, account))

    def verify(self, check: str) -> Object:
        """Have a check of identity succeed."""
        return self._act(lambda store: identity.verify(store, check))

    def fail_verification(self, check: str) -> Object:
        """Have a check of identity fail: it asks for another document."""
        return self._act(lambda store: identity.fail(store, check))

    def reverse_transfer(self, transfer: str, *, amount: int | None = None) -> Object:
        """Take a transfer back, or part of it, from the dashboard; returns the reversal."""
        return self._act(lambda store: transfers.reverse(store, transfer, {} if amount is None else {"amount": amount}))

    def set_balance(self, amount: int, *, currency: str = "usd") -> Object:
        """Set what the platform has, in cents: by a top-up, a payout, or a fee that the sandbox knows nothing of."""

        def settled(store: Store) -> Object:
            store.balance[currency] = amount
            return transfers.balance(store, "", {})

        return self._act(settled)

    def close(self) -> None:
        """Give the connections back."""
        self.webhooks.close()

    def _act(self, act: Callable[[Store], Object]) -> Object:
        with self.acting() as store:
            return copy.deepcopy(act(store))
