"""Simulated time: a feed file is played against a clock that is moved by hand, in the demo and in development.

The clock steps from instant to instant, of messages and of deadlines, and waits at each until everything that follows
from it is done, so that a week passes in seconds and always in the same way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from fairpool.clocks import SIMULATED, HandClock
from fairpool.core import Core
from feeds.feedfile import FeedLine
from feeds.jetstream import Consumer, Publisher
from ledger.ids import OFFICE

PATIENCE_SECONDS: Final = 60.0


class FeedStuck(Exception):
    """What was published did not come out of the stream."""


def mark_simulated(built: Core) -> None:
    """Mark a data directory that is still empty as one whose time is moved by hand (see `fairpool.clocks`)."""
    if built.settings.database_url is None and not built.ledger.weeks():
        (built.settings.data / SIMULATED).touch()


class Play:
    """Moves the clock, publishes what is due from the feed, and waits for all reactions."""

    def __init__(
        self,
        built: Core,
        *,
        clock: HandClock,
        lines: Iterable[FeedLine],
        publisher: Publisher,
        consumer: Consumer,
        watch: Callable[[datetime], None] = lambda now: None,
    ) -> None:
        self._core = built
        self._clock = clock
        self._lines = deque(lines)
        self._publisher = publisher
        self._consumer = consumer
        self._watch = watch
        self._moving = asyncio.Lock()

    def now(self) -> datetime:
        """Return the simulated time."""
        return self._clock()

    async def advance(self, to: datetime) -> None:
        """Live through everything up to and with `to`; raises ClockMovedBack."""
        async with self._moving:
            await self._step(self._clock())
            while (instant := await asyncio.to_thread(self._next_instant)) is not None and instant <= to:
                await self._step(max(instant, self._clock()))
            await self._step(to)

    async def react(self) -> None:
        """Let what came from outside, payments included, take effect, at the time that it is."""
        async with self._moving:
            await self._step(self._clock())
            await self._follow_payments()

    def _next_instant(self) -> datetime | None:
        due = [
            self._core.deadlines.next_at(),
            self._core.silence.next_at(),
            *(line.at for line in list(self._lines)[:1]),
        ]
        return min((instant for instant in due if instant is not None), default=None)

    async def _step(self, instant: datetime) -> None:
        self._clock.set(instant)
        while self._lines and self._lines[0].at <= instant:
            await self._publisher.publish(self._lines.popleft())
        await self._taken()
        await asyncio.to_thread(self._react)
        self._watch(instant)

    async def _follow_payments(self) -> None:
        """Give and refund what was paid, enrol subscribers and pay prizes, until nothing more is due."""
        worker = self._core.money.worker
        while worker is not None and await worker.step():
            await asyncio.to_thread(self._react)

    async def _taken(self) -> None:
        """Wait until the consumer is through with all that was published."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self._consumer.taken_to < self._publisher.last_sequence:
                if self._core.died:
                    raise FeedStuck("the feed has stopped") from self._core.died[0]
                await asyncio.sleep(0.002)

    def _react(self) -> None:
        """Do what follows from this instant until nothing more does, and let the projections catch up."""
        core = self._core
        while core.ingest.take_waiting() + core.deadlines.tick() + core.silence.tick() + core.settler.step():
            pass
        for log in (*self._core.ledger.weeks(), OFFICE):
            head = self._core.ledger.recorder(log).head().position
            if head and not self._core.projections.wait_for(log, head, timeout=PATIENCE_SECONDS):
                raise FeedStuck(f"the projections of {log} do not reach position {head}")
