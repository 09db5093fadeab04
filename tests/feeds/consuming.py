"""A stream of a test's own, a consumer on it, and what that hands on."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import NamedTuple

from nats.js import JetStreamContext

from feeds.jetstream import CONSUMER, Consumer, Publisher, connected, provision

# Less than the server waits for an acknowledgement: one that is missing shows.
PATIENCE_SECONDS = 20
_numbers = count(1)


class Stream(NamedTuple):
    """A stream of a test's own."""

    context: JetStreamContext
    name: str
    root: str

    def publisher(self) -> Publisher:
        return Publisher(self.context, root=self.root)

    async def publish(self, *bodies: bytes) -> None:
        for body in bodies:
            await self.context.publish(f"{self.root}.test", body)

    async def done(self) -> None:
        """Wait until the server counts no message as delivered and not acknowledged, nor as still to be delivered."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (info := await self.context.consumer_info(self.name, CONSUMER)).num_ack_pending or info.num_pending:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def stream(url: str) -> AsyncIterator[Stream]:
    """Provision a stream, and remove it at the end."""
    number = next(_numbers)
    name, root = f"TEST{number}", f"test{number}"
    async with connected(url) as client:
        context = await provision(client, stream=name, subjects=f"{root}.>")
        yield Stream(context, name, root)
        await context.delete_stream(name)


class Taking:
    """What a consumer handed on; `fails` says how the handling of a message ends, by how often it came."""

    def __init__(self, fails: Callable[[bytes, int], Exception | None] = lambda body, times: None) -> None:
        self.handled: list[bytes] = []
        self.buried: list[tuple[bytes, str]] = []
        self.times: Counter[bytes] = Counter()
        self._fails = fails
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def handle(self, body: bytes, subject: str) -> None:
        self.times[body] += 1
        failure = self._fails(body, self.times[body])
        if failure is not None:
            raise failure
        self.handled.append(body)
        self._loop.call_soon_threadsafe(self._news.set)

    def bury(self, body: bytes, subject: str, reason: str) -> None:
        self.buried.append((body, reason))
        self._loop.call_soon_threadsafe(self._news.set)

    async def until(self, wanted: int) -> None:
        """Wait until so many messages were handled or buried."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.handled) + len(self.buried) < wanted:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[None]:
    """Run a consumer until the block ends; its failure is the block's."""
    task = asyncio.create_task(consumer.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def consuming(
    on: Stream, taking: Taking, *, between: Callable[[], object] = lambda: None
) -> AsyncIterator[Consumer]:
    """Run a consumer on a stream until the block ends."""
    consumer = Consumer(
        on.context, handle=taking.handle, bury=taking.bury, between=between, stream=on.name, pause_seconds=0.01
    )
    async with running(consumer):
        yield consumer
