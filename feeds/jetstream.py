"""NATS JetStream: the stream of feed messages, publishing into it, and the durable consumer that takes from it."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, StreamConfig
from nats.js.errors import NotFoundError

from feeds.feedfile import FeedLine
from feeds.ingest import OUTAGES
from feeds.subjects import UNREADABLE_SUBJECT, Leagues
from ledger.mendable import Mendable

STREAM: Final = "SPORTS"
SUBJECTS: Final = "sports.>"
CONSUMER: Final = "fairpool-ingest"
DELIVERIES_MAX: Final = 5
ACK_WAIT_SECONDS: Final = 10
"""After how long a message that was taken and not acknowledged comes again, as behind a crash: to no harm but work."""
PAUSE_SECONDS: Final = 2.0
_PAUSE_SECONDS_MAX: Final = 30.0
_CONNECT_SECONDS: Final = 8
_FETCH: Final = 100
_STORED: Final = b"$JS.ACK."
_HEADERS: Final = b"NATS/1.0\r\n"
_STATUS: Final = re.compile(rb"\r\nstatus\s*:", re.IGNORECASE)
_log = logging.getLogger(__name__)


class SteadyClient(Client):
    """A client that no message of a stream can stop.

    nats-py ends its reading, and says nothing more of it, at headers or a subject that it cannot read; and takes what
    looks like a status for the server's own word. Such a message would come again, after each start too.
    """

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        if reply.startswith(_STORED):
            subject = subject.decode(errors="replace").replace("\0", "\ufffd").encode()
            headers = headers if headers is not None and _is_readable(headers) else None
        await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]


def _is_readable(headers: bytes) -> bool:
    is_whole = headers.startswith(_HEADERS) and headers.endswith(b"\r\n\r\n")
    return is_whole and headers.isascii() and not _STATUS.search(headers)


class NatsAway(Mendable):
    """NATS does not take us in: start it, or correct NATS_URL."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """Hold a connection that reconnects for as long as it is open; raises NatsAway where the first does not come."""
    client = SteadyClient()
    try:
        try:
            # Left alone, the client would try for ever, and the program neither run nor stop.
            async with asyncio.timeout(_CONNECT_SECONDS):
                await client.connect(url, max_reconnect_attempts=-1, connect_timeout=5, error_cb=_report)
        except TimeoutError as error:
            raise NatsAway("NATS does not take us in, see the log: start it, or correct NATS_URL") from error
        yield client
    finally:
        await client.close()


async def _report(error: Exception) -> None:
    _log.warning("nats: %s", error or type(error).__name__)


async def provision(client: Client, *, stream: str = STREAM, subjects: str = SUBJECTS) -> JetStreamContext:
    """Create the stream and its consumer where they are missing, and return the context to use them by."""
    context = client.jetstream(timeout=10)
    await _provide(context, stream=stream, subjects=subjects)
    return context


async def _provide(context: JetStreamContext, *, stream: str, subjects: str) -> None:
    """Create what is missing.

    The acknowledgement is explicit and deliveries are counted by us: a message that reaches the server's own limit
    would vanish without a trace.
    """
    await context.add_stream(StreamConfig(name=stream, subjects=[subjects], duplicate_window=120))
    await context.add_consumer(
        stream,
        ConsumerConfig(
            durable_name=CONSUMER,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_SECONDS,
            deliver_policy=DeliverPolicy.ALL,
            max_ack_pending=2 * _FETCH,
            max_deliver=-1,
        ),
    )


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
    """Takes messages from the stream, one after another, and acknowledges each when `handle` is done with it.

    One that fails is delivered again after `pause_seconds`, twice as long each time, while others flow; the fifth
    time it is given to `bury`. `between` is called after each batch, and about once a second where nothing comes.
    """

    def __init__(
        self,
        context: JetStreamContext,
        *,
        handle: Callable[[bytes, str], object],
        bury: Callable[[bytes, str, str], object],
        between: Callable[[], object] = lambda: None,
        stream: str = STREAM,
        subjects: str = SUBJECTS,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._context = context
        self._handle = handle
        self._bury = bury
        self._between = between
        self._stream = stream
        self._subjects = subjects
        self._pause_seconds = pause_seconds
        self.taken_to = 0

    async def run(self) -> None:
        """Consume until cancelled, also over a restart of the server, and over the loss of all that it had stored."""
        subscription = await self._context.pull_subscribe_bind(CONSUMER, self._stream)
        self.taken_to = await self._acknowledged_to()
        try:
            while True:
                await self._take_batch(subscription)
        finally:
            # A request that is left open would draw a message that nobody takes, for as long as `ack_wait`.
            with suppress(NatsError):
                await subscription.unsubscribe()

    async def _take_batch(self, subscription: JetStreamContext.PullSubscription) -> None:
        try:
            for message in await self._fetched(subscription):
                heed_cancellation()
                await self._take(message)
            heed_cancellation()
            await asyncio.to_thread(self._between)
        except ConnectionClosedError:
            raise
        except (NatsError, *OUTAGES) as error:
            _log.warning("the feed waits: %s", error or type(error).__name__)
            await asyncio.sleep(self._pause_seconds)
            await self._look_for_consumer()

    async def _acknowledged_to(self) -> int:
        """Return how far an earlier run came: what it acknowledged does not come again."""
        info = await self._context.consumer_info(self._stream, CONSUMER)
        return 0 if info.ack_floor is None else info.ack_floor.stream_seq

    async def _look_for_consumer(self) -> None:
        """Make the consumer again where the server has lost it, and the stream with it.

        What was in the stream is for its publishers to send again; what was taken already changes nothing.
        """
        try:
            await self._context.consumer_info(self._stream, CONSUMER)
        except NotFoundError:
            await self._make_again()
        except NatsError as error:
            _log.info("the feed still waits: %s", error or type(error).__name__)

    async def _make_again(self) -> None:
        try:
            await _provide(self._context, stream=self._stream, subjects=self._subjects)
        except NatsError as error:
            _log.warning("the feed's stream %s cannot be made again: %s", self._stream, error or type(error).__name__)
            return
        _log.error("the feed's stream %s or its consumer was lost, and is made again", self._stream)
        self.taken_to = 0

    @staticmethod
    async def _fetched(subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        try:
            return await subscription.fetch(_FETCH, timeout=1)
        except TimeoutError:
            return []

    async def _take(self, message: Msg) -> None:
        """Hand a message on, in a thread, as the ledger is synchronous; what fails time and again is a dead letter."""
        try:
            await asyncio.to_thread(self._handle, message.data, message.subject)
        except OUTAGES as error:
            await self._again_later(message, error)
        except Exception as error:
            if message.metadata.num_delivered < DELIVERIES_MAX:
                await self._again_later(message, error)
            else:
                await self._give_up(message, error)
        else:
            await message.ack()
            self._note(message)

    async def _again_later(self, message: Msg, error: Exception) -> None:
        metadata = message.metadata
        _log.warning(
            "message %s failed (delivery %s)", metadata.sequence.stream, metadata.num_delivered, exc_info=error
        )
        longer = 2.0 ** min(metadata.num_delivered - 1, 10)
        await message.nak(delay=min(self._pause_seconds * longer, _PAUSE_SECONDS_MAX))

    async def _give_up(self, message: Msg, error: Exception) -> None:
        """Keep the message as a dead letter, and only then let go of it."""
        _log.error("message %s is given up", message.metadata.sequence.stream, exc_info=error)
        try:
            await asyncio.to_thread(self._bury, message.data, message.subject, f"{type(error).__name__}: {error}")
        except OUTAGES as outage:
            await self._again_later(message, outage)
        else:
            await message.term()
            self._note(message)

    def _note(self, message: Msg) -> None:
        self.taken_to = max(self.taken_to, message.metadata.sequence.stream)


def heed_cancellation() -> None:
    """End the task if that was asked for: a wait that is over at the same moment swallows it, before Python 3.12."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
