"""What the database holds goes out once and in order, whatever happens to the stream and to its publishers."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import nats
import psycopg
import pytest
from nats.js.api import StreamConfig

from fairpool.embedded import EmbeddedNats
from feeds.jetstream import connected
from feeds.ledger_stream import CHECKPOINTS, LEDGER, provision
from feeds.outlet import TOO_LARGE, StreamDiverged, StreamUnfit
from ledger.datastore import Datastore
from tests.database import end_connections
from tests.examples import WEEK
from tests.feeds.forwarding import forwarded
from tests.feeds.publishing import CELL, PAGE, Book, Place, place, publish_all, running


@pytest.fixture
def book(datastore: Datastore) -> Book:
    return Book(datastore)


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
