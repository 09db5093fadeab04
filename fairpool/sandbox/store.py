"""All that the sandbox knows: its objects by id, the events that tell of them, and the platform's balance."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import Any

import stripe

from fairpool.sandbox.errors import missing
from fairpool.sandbox.objects import Object, documented

Clock = Callable[[], datetime]
HOUR = 3600
DAY = 24 * HOUR


class Store:
    """Objects are kept as the JSON that Stripe shows, with ids where they refer to each other.

    Whoever calls holds the sandbox's lock. `base_url` is where the sandbox answers, empty until it does. `request`
    names what is being executed, for the events that come of it, and `on_account` whose account was asked if not ours.
    """

    def __init__(self, *, clock: Clock, seed: str) -> None:
        self.base_url = ""
        self.request: Object | None = None
        self.on_account: str | None = None
        self.balance: Counter[str] = Counter()
        self.line_items: dict[str, list[Object]] = {}
        self.orders: dict[str, Object] = {}
        self.return_urls: dict[str, str] = {}
        self.account_links: dict[str, Object] = {}
        self._clock = clock
        self._seed = seed
        self._numbers: Counter[str] = Counter()
        self._kinds: defaultdict[str, dict[str, Object]] = defaultdict(dict)
        self._by_id: dict[str, Object] = {}
        self._fresh: list[Object] = []

    @property
    def now(self) -> int:
        """The present second, Unix time, by the clock of the game."""
        return int(self._clock().timestamp())

    def new_id(self, prefix: str) -> str:
        """Return the next id with a prefix: the same in every run."""
        self._numbers[prefix] += 1
        return f"{prefix}_{self._seed}{self._numbers[prefix]:06}"

    def add(self, made: Object) -> Object:
        """Keep an object under its id."""
        self._kinds[made["object"]][made["id"]] = made
        self._by_id[made["id"]] = made
        return made

    def get(self, kind: str, ref: str, *, param: str = "id") -> Object:
        """Return an object itself, to be changed; raises StripeFault if there is none."""
        found = self._kinds[kind].get(ref)
        if found is None:
            raise missing(kind, ref, param=param, status=404 if param == "id" else 400)
        return found

    def find(self, ref: str) -> Object | None:
        """Return the object of any kind that has an id."""
        return self._by_id.get(ref)

    def all(self, kind: str) -> list[Object]:
        """Return the objects of a kind, oldest first."""
        return list(self._kinds[kind].values())

    def emit(self, topic: str, about: Object, *, account: str | None = None, at: int | None = None) -> None:
        """Make an event of how an object stands now. `account` is the connected account that it happened on."""
        event = documented(
            stripe.Event,
            id=self.new_id("evt"),
            api_version=stripe.api_version,
            created=self.now if at is None else at,
            type=topic,
            data={"object": copy.deepcopy(about)},
            pending_webhooks=0,
            request=self.request or {"id": None, "idempotency_key": None},
        )
        # As Stripe does, these two are left out rather than null.
        for name in ("account", "context"):
            del event[name]
        if account is not None:
            event["account"] = account
        self._fresh.append(self.add(event))

    def take_fresh(self) -> list[Object]:
        """Return the events that were made since this was last asked."""
        fresh, self._fresh = self._fresh, []
        return fresh


def pick(params: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return those of the parameters that were given."""
    return {name: params[name] for name in names if name in params}
