"""NATS JetStream: the stream of feed messages, publishing into it, and the durable consumer that takes from it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import TimeoutError as NothingCame
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig

from feeds.feedfile import FeedLine
from feeds.subjects import UNREADABLE_SUBJECT, Leagues

STREAM: Final = "SPORTS"
SUBJECTS: Final = "sports.>"
CONSUMER: Final = "fairpool-ingest"
DELIVERIES_MAX: Final = 5
_FETCH: Final = 100
_log = logging.getLogger(__name__)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """Hold a connection that reconnects for as long as it is open."""
    client = await nats.connect(url, max_reconnect_attempts=-1, connect_timeout=10, error_cb=_report)
    try:
        yield client
    finally:
        await client.close()


async def _report(error: Exception) -> None:
    _log.warning("nats: %s", error or type(error).__name__)


async def provision(client: Client, *, stream: str = STREAM, subjects: str = SUBJECTS) -> JetStreamContext:
    """Create the stream and its consumer where they are missing, and return the context to use them by.

    The acknowledgement is explicit and deliveries are counted by us: a message that reaches the server's own limit
    would vanish without a trace.
    """
    context = client.jetstream(timeout=10)
    await context.add_stream(StreamConfig(name=stream, subjects=[subjects], duplicate_window=120))
    await context.add_consumer(
        stream,
        ConsumerConfig(
            durable_name=CONSUMER,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=30,
            deliver_policy=DeliverPolicy.ALL,
            max_ack_pending=2 * _FETCH,
            max_deliver=-1,
        ),
    )
    return context


class Publisher:
    """Publishes the lines of a feed, in order. A line published twice is kept once, by its `Nats-Msg-Id`."""

    def __init__(self, context: JetStreamContext, *, root: str = "sports") -> None:
        self._context = context
        self._leagues = Leagues()
        self._root = root
        self.last_sequence = 0

    async def publish(self, line: FeedLine) -> bool:
        """Publish one line; False where the stream holds it already."""
        subject = UNREADABLE_SUBJECT if line.message is None else self._leagues.subject(line.message)
        answer = await self._context.publish(
            self._root + subject.removeprefix("sports"), line.body, headers={"Nats-Msg-Id": line.msg_id}
        )
        self.last_sequence = max(self.last_sequence, answer.seq)
        return not answer.duplicate


class Consumer:
    """Takes messages from the stream, one after another, and acknowledges each when `handle` is done with it."""

    def __init__(
        self,
        context: JetStreamContext,
        *,
        handle: Callable[[bytes, str], object],
        bury: Callable[[bytes, str, str], object],
        stream: str = STREAM,
    ) -> None:
        self._context = context
        self._handle = handle
        self._bury = bury
        self._stream = stream
        self.taken_to = 0

    async def run(self) -> None:
        """Consume until cancelled."""
        subscription = await self._context.pull_subscribe_bind(CONSUMER, self._stream)
        while True:
            with suppress(NothingCame):
                for message in await subscription.fetch(_FETCH, timeout=1):
                    await self._take(message)

    async def _take(self, message: Msg) -> None:
        """Hand a message on, in a thread, as the ledger is synchronous; what fails time and again is a dead letter."""
        metadata = message.metadata
        try:
            await asyncio.to_thread(self._handle, message.data, message.subject)
        except Exception as error:
            _log.exception("message %s failed (delivery %s)", metadata.sequence.stream, metadata.num_delivered)
            if metadata.num_delivered < DELIVERIES_MAX:
                await message.nak(delay=min(2.0**metadata.num_delivered, 30))
                return
            await asyncio.to_thread(self._bury, message.data, message.subject, f"{type(error).__name__}: {error}")
            await message.term()
        else:
            await message.ack()
        self.taken_to = max(self.taken_to, metadata.sequence.stream)
