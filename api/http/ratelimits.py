"""Rate limits: how often somebody may ask, by kind of request.

They are counted in the memory of one worker process: N workers let through up to N times as much. They keep one client
from taking the service away from the others; what guards credits is the ledger.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from api.http.limits import Limit, Limits
from api.identity.players import normalised
from api.refusal import Refusal

_NANOSECONDS: Final = 1_000_000_000
_KEYS_MAX: Final = 50_000

UNMETERED: Final = ("/api/webhooks/",)
"""What nobody counts: the payment provider sends as much as there is to tell, and each message bears its signature."""


class Grant(NamedTuple):
    """What came of a request: `remaining` could follow at once, after `full_in` seconds the whole quota.

    `retry_in`: the seconds after which one more is allowed; 0 if this one was.
    """

    is_allowed: bool
    remaining: int
    full_in: int
    retry_in: int


class Meter:
    """Counts requests by key under a limit, as the virtual scheduling form of GCRA does (ITU-T I.371).

    All that is kept of a key is when its whole quota will be back. Keys live in two generations: a window after its
    last request a key is as good as new, and falls with the older one. Of a flood of keys no more than twice
    `keys_max` are kept: there the oldest are forgotten early. Times are nanoseconds of a monotonic clock.
    """

    def __init__(self, name: str, limit: Limit, *, keys_max: int = _KEYS_MAX) -> None:
        self.name = name
        self.policy = (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (name.encode(), limit.quota, limit.window))
        self._left = b'"%s";r=%%d;t=%%d' % name.encode()
        self._keys_max = keys_max
        self._window = limit.window * _NANOSECONDS
        self._interval = self._window // limit.quota
        self._full_at: dict[Hashable, int] = {}
        self._full_at_before: dict[Hashable, int] = {}
        self._ends_at = 0

    def __len__(self) -> int:
        """Return how many keys are kept."""
        return len(self._full_at) + len(self._full_at_before)

    def take(self, key: Hashable, now: int) -> Grant:
        """Count a request, if it is allowed; one that is refused costs nothing."""
        if now >= self._ends_at or len(self._full_at) >= self._keys_max:
            self._full_at_before, self._full_at = self._full_at, {}
            self._ends_at = now + self._window
        was = self._full_at.get(key) or self._full_at_before.get(key, 0)
        owed = max(was - now, 0)
        over = owed + self._interval - self._window
        if over > 0:
            return Grant(False, 0, _seconds(owed), _seconds(over))
        owed += self._interval
        self._full_at[key] = now + owed
        return Grant(True, (self._window - owed) // self._interval, _seconds(owed), 0)

    def is_spent(self, key: Hashable, now: int) -> bool:
        """Say whether a request would be refused; nothing is counted."""
        owed = max((self._full_at.get(key) or self._full_at_before.get(key, 0)) - now, 0)
        return owed + self._interval > self._window

    def left(self, grant: Grant) -> tuple[bytes, bytes]:
        """Return the header that tells a client what it has left; `policy` is the one that tells the limit."""
        return b"ratelimit", self._left % (grant.remaining, grant.full_in)


class Meters:
    """The meters of a service, by kind of request; `now` is a monotonic clock in nanoseconds. For one thread."""

    def __init__(self, limits: Limits | None = None, *, now: Callable[[], int] = time.monotonic_ns) -> None:
        self._now = now
        self._meters = {
            name: Meter(name, limit)
            for name in Limits.__slots__
            if (limit := getattr(limits or Limits(), name)) is not None
        }

    def of(self, kind: str) -> Meter | None:
        """Return the meter of a kind of request, if it is limited."""
        return self._meters.get(kind)

    def take(self, meter: Meter, key: Hashable) -> Grant:
        """Count a request now."""
        return meter.take(key, self._now())

    def is_spent(self, meter: Meter, key: Hashable) -> bool:
        """Say whether a request would be refused now."""
        return meter.is_spent(key, self._now())

    def log_in(self, email: str) -> None:
        """Count a try to log in as the person with an e-mail address; raises Refusal `rate_limited`."""
        meter = self._meters.get("log_in")
        if meter is None:
            return
        grant = self.take(meter, hashlib.sha256(normalised(email).encode()).digest())
        if not grant.is_allowed:
            raise refusal(grant)


def refusal(grant: Grant) -> Refusal:
    """Return the refusal of a request that was not granted."""
    detail = f"Too many requests: wait {grant.retry_in} s before the next."
    return Refusal("rate_limited", detail, headers={"Retry-After": str(grant.retry_in)})


def _seconds(nanoseconds: int) -> int:
    return -(-nanoseconds // _NANOSECONDS)
