"""What is revoked, known by every process within a second, at the cost of no query for a request."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from api.together import Together
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

_FRESH_SECONDS: Final = 1.0
_MARGIN: Final = timedelta(minutes=1)


class Revocations:
    """The ids of the sessions and API keys that were revoked within `window`, which has to be a token's lifetime.

    They are read again by the first request that comes a second or more after the last reading; until then, and for
    all others, asking is a look into a set. What this process revokes itself counts at once. Where the database does
    not answer nobody is let in on old news: psycopg.OperationalError. `include` is for one event loop.
    """

    def __init__(
        self, datastore: Datastore, *, window: timedelta, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._datastore = datastore
        self._sql = queries("api.identity", "revocations.sql")
        self._window = window + _MARGIN
        self._monotonic = monotonic
        self._read_at = -math.inf
        self._read: frozenset[UUID] = frozenset()
        self._own: frozenset[UUID] = frozenset()
        self._changing = threading.Lock()
        self._reading = Together[None]()
        # A thread of its own: who asks does not queue behind slow reads.
        self._thread = CapacityLimiter(1)

    async def include(self, id: UUID) -> bool:
        """Say whether a session or an API key was revoked, as of a second ago at the most."""
        if self._is_stale():
            await self._reading.run(self._read_in_thread)
        return id in self._read or id in self._own

    def add(self, ids: Iterable[UUID]) -> None:
        """Let count at once what this process has just revoked in the database."""
        with self._changing:
            self._own |= frozenset(ids)

    def _is_stale(self) -> bool:
        return self._monotonic() - self._read_at >= _FRESH_SECONDS

    async def _read_in_thread(self) -> None:
        await run_sync(self._read_again, limiter=self._thread)

    def _read_again(self) -> None:
        asked_at = self._monotonic()
        self._read = self.recent()
        self._read_at = asked_at
        with self._changing:
            # Those that were read are the table's to tell; a reading that began earlier may have missed the others.
            self._own -= self._read

    def recent(self) -> frozenset[UUID]:
        """Return what was revoked within the window, by any process."""
        with self._datastore.connection() as connection:
            rows = cursor_on(connection).execute(self._sql["recent"], {"window": self._window})
            return frozenset(id for (id,) in rows)

    def forget_old(self) -> None:
        """Remove from the database what no token can name any more."""
        with self._datastore.connection() as connection:
            connection.execute(self._sql["forget_old"], {"window": self._window})
