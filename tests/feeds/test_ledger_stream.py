"""The streams hold each event and each checkpoint of the ledger once and in order, whatever happens to them."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import nats
import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, StreamConfig
from nats.js.errors import NotFoundError

from fairpool.embedded import EmbeddedNats
from feeds.checkpoints import Checkpoints, SignedCheckpoint
from feeds.jetstream import connected
from feeds.ledger_stream import CHECKPOINTS, LEDGER, LedgerStream, provision
from feeds.outlet import TOO_LARGE, StreamDiverged, StreamUnfit
from ledger.datastore import Datastore
from ledger.events import event_types
from ledger.facts import export_line
from ledger.recorder import LogRecorder
from tests.database import end_connections
from tests.examples import WEEK
from tests.feeds.forwarding import forwarded

CELL = f"{WEEK}.c2"
PAGE = 1_000
PATIENCE_SECONDS = 20
TOPICS = ("week.opened", "account.stake_placed", "account.bet_won")
NOW = datetime(2026, 11, 17, 15, tzinfo=UTC)
DOCUMENT = Path(__file__).parents[2] / "docs" / "streams.md"
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


@pytest.fixture
def book(datastore: Datastore) -> Book:
    return Book(datastore)


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


def test_each_event_goes_out_as_its_export_line(nats_url: str, book: Book) -> None:
    """Subject, id and body of each, in order of position, of logs of several pages and of one event."""
    book.write(WEEK, PAGE + 1)
    book.write(CELL, 2)
    book.write("office", 1)

    async def run() -> None:
        async with place(nats_url, book) as at:
            assert await publish_all(at.publisher()) == PAGE + 4
            assert await at.lines(WEEK, CELL, "office") == [book.lines(WEEK), book.lines(CELL), book.lines("office")]
            messages = await at.published()
            for log in (WEEK, CELL, "office"):
                records = LogRecorder(book.datastore, log).read_all()
                said = [(each.subject, id_of(each)) for each in messages if log_of(each) == log]
                assert said == [(f"ledger.{log}.{record.topic}", record.token) for record in records]

    asyncio.run(run())


def test_topics_are_two_tokens() -> None:
    """By that the subjects of a week are told from those of its cells."""
    assert {len(topic.split(".")) for topic in event_types()} == {2}


def test_a_publisher_goes_on_where_another_stopped(nats_url: str, book: Book) -> None:
    """It needs nothing but the stream for that; where nothing is new, nothing goes out."""
    book.write(WEEK, PAGE + 5)

    async def run() -> None:
        async with place(nats_url, book) as at:
            assert [await at.publisher().step() for _ in range(3)] == [PAGE, 5, 0]
            book.write(WEEK, 7)
            assert [await at.publisher().step() for _ in range(2)] == [7, 0]
            assert await at.lines(WEEK) == [book.lines(WEEK)]

    asyncio.run(run())


def test_publishers_side_by_side_publish_each_event_once_and_in_order(nats_url: str, book: Book) -> None:
    """Three of them, two on one connection, while events are added to two logs."""

    async def run() -> None:
        async with place(nats_url, book) as at, connected(nats_url) as client:
            publishers = [at.publisher(), at.publisher(), Place(client, book).publisher()]
            for _ in range(5):
                book.write(WEEK, 30)
                book.write(CELL, 3)
                await asyncio.gather(*(publisher.step() for publisher in publishers))
            await publish_all(*publishers)
            assert await at.lines(WEEK, CELL) == [book.lines(WEEK), book.lines(CELL)]

    asyncio.run(run())


def test_a_publisher_that_was_overtaken_publishes_nothing_again(nats_url: str, book: Book) -> None:
    """Also when the server has forgotten the ids by which it would know a message as one that it has."""

    async def run() -> None:
        async with place(nats_url, book) as at:
            config = StreamConfig(name=LEDGER, subjects=["ledger.>"], allow_atomic=True, duplicate_window=0.1)
            await at.context.add_stream(config)
            slow, quick = at.publisher(), at.publisher()
            book.write(WEEK, 3)
            await publish_all(slow)
            book.write(WEEK, 3)
            await publish_all(quick)
            probe = {"Nats-Msg-Id": "probe"}
            await at.context.publish("ledger.probe", headers=probe)
            while (await at.context.publish("ledger.probe", headers=probe)).duplicate:
                await asyncio.sleep(0.01)
            book.write(WEEK, 1)
            assert [await slow.step() for _ in range(3)] == [0, 1, 0]
            assert [each.data for each in await at.published() if each.data] == book.lines(WEEK)

    asyncio.run(run())


def test_a_publisher_that_is_stopped_leaves_whole_pages_only(nats_url: str, book: Book) -> None:
    """At whatever moment that is: the next one goes on, and no event is missing or there twice."""

    async def run() -> None:
        async with place(nats_url, book) as at:
            for moment in range(0, 36, 2):
                book.write(WEEK, 20)
                task = asyncio.create_task(at.publisher().step())
                for _ in range(moment):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await publish_all(at.publisher())
            assert await at.lines(WEEK) == [book.lines(WEEK)]

    asyncio.run(run())


def test_lost_streams_are_built_anew(nats_url: str, book: Book) -> None:
    """By the publisher that had filled them, though nothing is new in the ledger."""
    book.write(WEEK, PAGE + 5)
    book.write("office", 3)
    book.sign(WEEK, 10, PAGE + 5)

    async def run() -> None:
        async with place(nats_url, book) as at:
            publisher = at.publisher()
            everything = PAGE + 5 + 3 + 2
            assert await publish_all(publisher) == everything
            for stream in (LEDGER, CHECKPOINTS):
                await at.context.delete_stream(stream)
            assert await publish_all(publisher) == everything
            assert await at.lines(WEEK, "office") == [book.lines(WEEK), book.lines("office")]

    asyncio.run(run())


def test_checkpoints_go_out_as_they_were_signed(nats_url: str, book: Book) -> None:
    """Each note once, in order of size, on the subject of its log."""
    book.write(WEEK, 9)
    book.write(CELL, 9)
    book.sign(WEEK, 3, 5)
    book.sign(CELL, 4)

    async def run() -> None:
        async with place(nats_url, book) as at:
            await publish_all(at.publisher())
            book.sign(WEEK, 9)
            await publish_all(at.publisher())
            notes = [(each.subject, id_of(each), each.data) for each in await at.published(CHECKPOINTS)]
            assert notes == [
                (f"checkpoints.{log}", f"{log}:{size}", f"{log}\n{size}\nroot\n".encode())
                for log, size in ((WEEK, 3), (WEEK, 5), (CELL, 4), (WEEK, 9))
            ]

    asyncio.run(run())


def test_streams_can_be_made_before_anything_is_published(nats_url: str, book: Book) -> None:
    """A second time changes nothing, and single messages cannot be deleted."""

    async def run() -> None:
        async with place(nats_url, book) as at:
            await provision(at.client)
            book.write(WEEK, 1)
            await publish_all(at.publisher())
            await provision(at.client)
            assert await at.lines(WEEK) == [book.lines(WEEK)]
            with pytest.raises(nats.js.errors.APIError):
                await at.context.purge_stream(LEDGER)

    asyncio.run(run())


def test_an_event_that_is_too_large_goes_out_without_its_body(nats_url: str, book: Book) -> None:
    """What follows is not held up, now or after a restart."""
    book.write(WEEK, 1)
    book.write(WEEK, 1, state=b'{"why":"%s"}' % (b"x" * 2**23))
    book.write(WEEK, 1)

    async def run() -> None:
        async with place(nats_url, book) as at:
            await publish_all(at.publisher())
            lines = book.lines(WEEK)
            assert await at.lines(WEEK) == [[lines[0], b"", lines[2]]]
            sizes = [(each.headers or {}).get(TOO_LARGE) for each in await at.published()]
            assert sizes == [None, str(len(lines[1])), None]

    asyncio.run(run())


@pytest.mark.parametrize("token", [f"{WEEK}:2", f"{WEEK}:4", "office:1", "nonsense"])
def test_a_stream_that_holds_what_the_ledger_does_not_is_left_alone(nats_url: str, book: Book, token: str) -> None:
    """Another event at a position, one beyond the head, one of another log: the error says what to do."""
    book.write(WEEK, 3)

    async def run() -> None:
        async with place(nats_url, book) as at:
            await provision(at.client)
            headers = {"Nats-Msg-Id": token}
            await at.context.publish(f"ledger.{WEEK}.week.opened", book.lines(WEEK)[0], headers=headers)
            with pytest.raises(StreamDiverged, match=rf"LEDGER holds a message '{token}' .*: delete the stream"):
                await at.publisher().step()
            assert await at.held() == 1

    asyncio.run(run())


def test_a_stream_without_atomic_batches_is_refused(nats_url: str, book: Book) -> None:
    """The error says what the server must be."""

    async def run() -> None:
        async with place(nats_url, book) as at:
            await at.context.add_stream(StreamConfig(name=LEDGER, subjects=["ledger.>"]))
            with pytest.raises(StreamUnfit, match=r"NATS 2\.12"):
                await at.publisher().step()

    asyncio.run(run())


def test_the_publisher_survives_an_outage_of_the_database(nats_url: str, book: Book, dsn: str) -> None:
    """It goes on with what is written afterwards."""
    book.write(WEEK, 3)

    async def run() -> None:
        async with place(nats_url, book) as at, running(at.publisher()):
            await at.until(3)
            with psycopg.connect(dsn, autocommit=True) as connection:
                end_connections(connection)
            book.datastore.drop_dead_connections()
            book.write(WEEK, 3)
            await at.until(6)
            assert await at.lines(WEEK) == [book.lines(WEEK)]

    asyncio.run(run())


def test_what_a_server_lost_with_its_power_is_published_again(tmp_path: Path, book: Book) -> None:
    """It comes back without the newest messages, also those of a log without news; the publisher runs all along."""
    data, kept = tmp_path / "data", tmp_path / "kept"

    async def run() -> None:
        async with AsyncExitStack() as stack:
            port, forward_to = await stack.enter_async_context(forwarded())

            def started() -> EmbeddedNats:
                server = stack.enter_context(EmbeddedNats(data))
                forward_to(server.url)
                return server

            server = started()
            url = server.url.rpartition(":")[0] + f":{port}"
            client = await nats.connect(url, max_reconnect_attempts=-1, reconnect_time_wait=0.01, error_cb=quiet)
            stack.push_async_callback(client.close)
            at = Place(client, book, timeout_seconds=0.5)
            await stack.enter_async_context(running(at.publisher()))
            book.write(WEEK, 10)
            await at.until(10)
            stop(server)
            shutil.copytree(data, kept)
            book.write(WEEK, 5)
            book.write("office", 5)
            server = started()
            await at.until(20)
            stop(server)
            shutil.rmtree(data)
            shutil.copytree(kept, data)
            started()
            await at.until(20)
            assert await at.lines(WEEK, "office") == [book.lines(WEEK), book.lines("office")]
            await stack.aclose()

    asyncio.run(run())


def stop(server: EmbeddedNats) -> None:
    server.__exit__(None, None, None)


async def quiet(error: Exception) -> None:
    """Say nothing: the server is meant to go away."""


def test_a_reader_of_the_documentation_gets_each_event_once_and_in_order(nats_url: str, book: Book) -> None:
    """By the code that stands there: it goes on where it stopped, and over a loss of the stream."""
    follow = documented()["follow"]
    book.write("office", 2)
    book.write(WEEK, 4)

    async def run() -> None:
        async with place(nats_url, book) as at:
            publisher = at.publisher()
            await publish_all(publisher)
            first = await take(follow(at.context, WEEK), 3)
            assert [line for _, _, line in first] == book.lines(WEEK)[:3]
            position, sequence, _ = first[-1]
            assert (position, sequence) == (3, 5)
            rest = follow(at.context, WEEK, position=position, sequence=sequence)
            assert await take(rest, 1) == [(4, 6, book.lines(WEEK)[3])]
            await at.context.delete_stream(LEDGER)
            book.write(WEEK, 2)
            await publish_all(publisher)
            assert [line for _, _, line in await take(rest, 2)] == book.lines(WEEK)[4:]
            await rest.aclose()

    asyncio.run(run())


def documented() -> dict[str, Any]:
    """What the documentation's code defines."""
    code = DOCUMENT.read_text(encoding="utf-8").partition("```python\n")[2].partition("```\n")[0]
    names: dict[str, Any] = {}
    exec(compile("from __future__ import annotations\n" + code, DOCUMENT.name, "exec"), names)
    return names


async def take(lines: AsyncIterator[tuple[int, int, bytes]], wanted: int) -> list[tuple[int, int, bytes]]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return [await anext(lines) for _ in range(wanted)]
