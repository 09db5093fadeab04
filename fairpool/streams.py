"""What a service does on NATS: it takes the feed, and sends its own events out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fairpool.core import Core, running
from feeds.checkpoints import Checkpoints
from feeds.jetstream import Consumer, Publisher, connected, provision
from feeds.ledger_stream import LedgerStream


@asynccontextmanager
async def feed_consumer(built: Core, nats_url: str) -> AsyncIterator[tuple[Publisher, Consumer]]:
    """Take the feed from NATS for as long as the block runs; gives a publisher into it, and the consumer."""
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(connected(nats_url))
        context = await provision(client)
        consumer = Consumer(
            context,
            handle=lambda body, subject: built.ingest.take(body, subject=subject),
            bury=lambda body, subject, reason: built.ingest.bury(body, subject=subject, reason=reason),
            between=built.ingest.take_waiting,
        )
        await stack.enter_async_context(running(built, "feed", consumer.run()))
        yield Publisher(context), consumer


@asynccontextmanager
async def ledger_stream(built: Core, nats_url: str) -> AsyncIterator[None]:
    """Publish committed events and signed checkpoints on NATS for as long as the block runs."""
    async with connected(nats_url) as client:
        datastore = built.ledger.datastore
        stream = LedgerStream(client, datastore=datastore, checkpoints=Checkpoints(datastore))
        async with running(built, "ledger stream", stream.run()):
            yield
