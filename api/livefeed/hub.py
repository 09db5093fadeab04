"""The hub: one task a process that follows what somebody listens to, and the seats of those who do."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from api.identity.players import Players
from api.livefeed.follower import Follower, Listener
from api.livefeed.reader import LogReader
from api.livefeed.standings import StandingsReader
from api.livefeed.threads import Threads
from api.refusal import Refusal
from ledger.datastore import OUTAGES
from ledger.ledger import Ledger
from projections.runner import Runner

_OUTAGE_SECONDS: Final = 0.5
_RETRY_AFTER_SECONDS: Final = 10
_STOPPING: Final = ("stopping", "The service stops: come back in a moment.")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """How much live streams may take. Times are seconds.

    `kept` is how many positions a client may be behind and still be told all that it missed; `write_wait` how long a
    client may take nothing of what it is sent.
    """

    streams: int = 2_000
    streams_of_one: int = 5
    kept: int = 10_000
    poll: float = 0.05
    heartbeat: float = 15.0
    standings_every: float = 1.0
    write_wait: float = 60.0
    threads: int = 3


class Hub:
    """Follows the logs that somebody listens to, as far as the projections have come, and none when nobody does.

    It belongs to one event loop: nothing here is called from elsewhere.
    """

    def __init__(self, *, ledger: Ledger, runner: Runner, players: Players, limits: LiveLimits | None = None) -> None:
        limits = limits or LiveLimits()
        self.limits = limits
        self.threads = Threads(limits.threads)
        self._ledger = ledger
        self._positions = runner.reading
        self._standings = StandingsReader(ledger.datastore, players)
        self._seats: Counter[UUID] = Counter()
        self._followers: dict[str, Follower] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_following(self) -> bool:
        """Whether somebody listens, so that logs are being followed."""
        return self._task is not None

    @property
    def streams(self) -> int:
        """How many streams are open."""
        return self._seats.total()

    @contextmanager
    def seat(self, principal: UUID) -> Iterator[None]:
        """Count a stream for as long as the block runs; raises Refusal `too_many_streams` or `unavailable`."""
        if self._is_closed or self._seats.total() >= self.limits.streams:
            raise Refusal("unavailable", "There is no room for another live stream at the moment: come back later.")
        if self._seats[principal] >= self.limits.streams_of_one:
            raise Refusal(
                "too_many_streams",
                f"You have {self._seats[principal]} live streams open already: close one of them.",
                headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
            )
        self._seats[principal] += 1
        try:
            yield
        finally:
            self._seats[principal] -= 1
            if not self._seats[principal]:
                del self._seats[principal]

    async def join(self, log: str, listener: Listener) -> Follower:
        """Listen to a log; its ring has then come as far as the projections."""
        visible = await self._visible(log)
        follower = self._followers.get(log)
        if follower is None:
            follower = self._followers[log] = self._follower(log, start=visible)
        follower.listeners.add(listener)
        if self._is_closed:
            listener.end(*_STOPPING)
        if self._task is None:
            self._task = self.spawn(self._follow())
        await follower.advance(visible)
        return follower

    def leave(self, log: str, listener: Listener) -> None:
        """Stop listening, and following with the last who listened."""
        follower = self._followers.get(log)
        if follower is not None:
            follower.listeners.discard(listener)
            if not follower.listeners:
                del self._followers[log]
        if not self._followers and self._task is not None:
            self._task.cancel()
            self._task = None

    def close(self) -> None:
        """End all streams because the service stops; there will be no new ones."""
        self._is_closed = True
        self._end_all(*_STOPPING)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task that all streams depend on."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._check)
        return task

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self.limits.poll)
            try:
                followed = list(self._followers.items())
                visible = await self.threads.run(partial(self._positions.come_to, [log for log, _ in followed]))
                for log, follower in followed:
                    await follower.advance(visible.get(log, 0))
            except OUTAGES as error:
                _log.warning("live streams wait for the database: %s", error)
                await asyncio.sleep(_OUTAGE_SECONDS)

    async def _visible(self, log: str) -> int:
        visible = await self.threads.run(partial(self._positions.come_to, [log]))
        return visible.get(log, 0)

    def _follower(self, log: str, *, start: int) -> Follower:
        return Follower(
            LogReader(self._ledger.recorder(log)),
            start=start,
            kept=self.limits.kept,
            standings=self._standings,
            every=self.limits.standings_every,
            threads=self.threads,
            spawn=self.spawn,
        )

    def _check(self, task: asyncio.Task[None]) -> None:
        """Where a task failed, end the streams that wait for it: clients come back, and it is started anew."""
        if task is self._task:
            self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("live streams end: %s: %s", type(error).__name__, error, exc_info=error)
            self._end_all("unavailable", "Something went wrong here: come back in a moment.")

    def _end_all(self, reason: str, detail: str) -> None:
        for follower in self._followers.values():
            for listener in follower.listeners:
                listener.end(reason, detail)
