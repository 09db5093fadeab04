"""The streams hold each event and each checkpoint of the ledger, as they are and in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import nats
import pytest

from feeds.ledger_stream import CHECKPOINTS, LEDGER, provision
from ledger.datastore import Datastore
from ledger.events import event_types
from ledger.recorder import LogRecorder
from tests.examples import WEEK
from tests.feeds.publishing import CELL, PAGE, PATIENCE_SECONDS, Book, id_of, log_of, place, publish_all

DOCUMENT = Path(__file__).parents[2] / "docs" / "streams.md"


@pytest.fixture
def book(datastore: Datastore) -> Book:
    return Book(datastore)


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
