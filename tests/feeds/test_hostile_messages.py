"""Messages that no client of ours would publish: the consumer takes each, and goes on."""

from __future__ import annotations

import asyncio

import pytest

from feeds.jetstream import connected
from tests.feeds.consuming import Taking, consuming, stream
from tests.fuzz.feeding import Published, publish

HEADERS = {
    "too short": b"XX",
    "cut": b"NATS/1.0\r\nName: val",
    "no text": b"NATS/1.0\r\n\xff: \xfe\r\n\r\n",
    "status line": b"NATS/1.0 503\r\n\r\n",
    "end": b"NATS/1.0 409 Consumer Deleted\r\n\r\n",
    "status header": b"NATS/1.0\r\nStatus: 503\r\n\r\n",
    "spaced status header": b"NATS/1.0\r\nstatus : 404\r\n\r\n",
    "sound": b"NATS/1.0\r\nName: value\r\n\r\n",
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_no_header_stops_the_feed(nats_url: str, headers: bytes) -> None:
    """Neither one that cannot be read, nor one that looks like the server's own word; with it, a message is taken."""

    async def run() -> None:
        async with stream(nats_url) as on, connected(nats_url) as client:
            subject = f"{on.root}.test".encode()
            publish(nats_url, [Published(subject, b"odd", headers), Published(subject, b"next")])
            taking = Taking()
            async with consuming(on, taking):
                await taking.until(2)
                await on.done()
            assert (taking.handled, taking.buried, client.is_connected) == ([b"odd", b"next"], [], True)

    asyncio.run(run())


class Noting(Taking):
    """Notes the subjects as well."""

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[str] = []

    def handle(self, body: bytes, subject: str) -> None:
        self.subjects.append(subject)
        super().handle(body, subject)


@pytest.mark.parametrize("name", [b"\0", b"\xff\xfe", b"y" * 3_000], ids=["nul", "no text", "long"])
def test_no_subject_stops_the_feed(nats_url: str, name: bytes) -> None:
    """What is handed on is a text that a database holds."""

    async def run() -> list[str]:
        async with stream(nats_url) as on:
            subject = on.root.encode() + b"." + name
            publish(nats_url, [Published(subject, b"odd"), Published(subject, b"next")])
            taking = Noting()
            async with consuming(on, taking):
                await taking.until(2)
                await on.done()
            return taking.subjects

    told = asyncio.run(run())
    assert len(told) == 2
    assert all("\0" not in subject and subject.encode() for subject in told)
