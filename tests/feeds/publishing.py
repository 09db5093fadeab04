"""The streams of the ledger under test: a database to write events into, and what of it is in the streams."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import nats
from eventsourcing.persistence import StoredEvent
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from feeds.checkpoints import Checkpoints, SignedCheckpoint
from feeds.jetstream import connected
from feeds.ledger_stream import CHECKPOINTS, LEDGER, LedgerStream
from ledger.datastore import Datastore
from ledger.facts import export_line
from ledger.recorder import LogRecorder
from tests.examples import WEEK

CELL = f"{WEEK}.c2"
PAGE = 1_000
PATIENCE_SECONDS = 20
TOPICS = ("week.opened", "account.stake_placed", "account.bet_won")
NOW = datetime(2026, 11, 17, 15, tzinfo=UTC)
_streams = count(1)


class Book:
    """The ledger's database, into which events are written as they come to mind."""

    def __init__(self, datastore: Datastore) -> None:
        self.datastore = datastore
        self.checkpoints = Checkpoints(datastore)

    def write(self, log: str, events: int, *, state: bytes = b'{"amount":1}') -> None:
        """Append so many events to a log, which is opened if it is not yet."""
        recorder, stream = LogRecorder(self.datastore, log), UUID(int=next(_streams))
        recorder.create_table()
        recorder.insert_events(
            [StoredEvent(stream, number, TOPICS[number % 3], state) for number in range(1, events + 1)]
        )

    def sign(self, log: str, *sizes: int) -> None:
        for size in sizes:
            checkpoint = SignedCheckpoint(log=log, size=size, root=bytes(32), note=f"{log}\n{size}\nroot\n")
            assert self.checkpoints.add(checkpoint, signed_at=NOW)

    def lines(self, log: str) -> list[bytes]:
        return [export_line(record) for record in LogRecorder(self.datastore, log).read_all()]


class Place:
    """A connection to NATS, and what is in the streams there."""

    def __init__(self, client: Client, book: Book, *, timeout_seconds: float = 10) -> None:
        self.client = client
        self.context = client.jetstream(timeout=timeout_seconds)
        self.book = book
        self.timeout_seconds = timeout_seconds

    def publisher(self) -> LedgerStream:
        """A publisher as a fresh process has it."""
        return LedgerStream(
            self.client,
            datastore=self.book.datastore,
            checkpoints=self.book.checkpoints,
            timeout_seconds=self.timeout_seconds,
        )

    async def published(self, stream: str = LEDGER) -> list[Msg]:
        """All messages of a stream, in order."""
        messages: list[Msg] = []
        config = ConsumerConfig(ack_policy=AckPolicy.NONE)
        reading = await self.context.pull_subscribe(f"{stream.lower()}.>", stream=stream, config=config)
        while len(messages) < (await self.context.stream_info(stream)).state.messages:
            messages += await reading.fetch(PAGE, timeout=PATIENCE_SECONDS)
        await reading.unsubscribe()
        return messages

    async def lines(self, *logs: str) -> list[list[bytes]]:
        """The bodies of each of the logs in the stream; together they are all that is there."""
        messages = await self.published()
        by_log = [[each.data for each in messages if log_of(each) == log] for log in logs]
        assert sum(map(len, by_log)) == len(messages)
        return by_log

    async def until(self, messages: int) -> None:
        """Wait until the stream has come to so many messages."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.held() < messages:
                await asyncio.sleep(0.01)

    async def held(self) -> int:
        with suppress(NotFoundError, nats.errors.Error):
            return (await self.context.stream_info(LEDGER)).state.messages
        return 0


@asynccontextmanager
async def place(url: str, book: Book) -> AsyncIterator[Place]:
    """Streams for a test alone."""
    async with connected(url) as client:
        try:
            yield Place(client, book)
        finally:
            for stream in (LEDGER, CHECKPOINTS):
                with suppress(NotFoundError):
                    await client.jetstream().delete_stream(stream)


@asynccontextmanager
async def running(publisher: LedgerStream) -> AsyncIterator[None]:
    """Run a publisher until the block ends; its failure is the block's."""
    task = asyncio.create_task(publisher.run(poll_seconds=0.01, pause_seconds=0.01))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def publish_all(*publishers: LedgerStream) -> int:
    """Let publishers step side by side until none has anything to do; returns how much they published."""
    published = 0
    while now := sum(await asyncio.gather(*(publisher.step() for publisher in publishers))):
        published += now
    return published


def id_of(message: Msg) -> str:
    return str((message.headers or {})["Nats-Msg-Id"])


def log_of(message: Msg) -> str:
    return id_of(message).rpartition(":")[0]
