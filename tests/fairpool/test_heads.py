"""Connections on which no request comes whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from fairpool.heads import PatientProtocol

PATIENCE = 30
HEAD = b"GET / HTTP/1.1\r\nhost: here\r\n\r\n"


class Hasty(PatientProtocol):
    """Waits for no more than a moment."""

    head_seconds = 0.05


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def connected(
    kind: type[PatientProtocol], served: list[PatientProtocol]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server, whose side of it is noted."""
    config = uvicorn.Config(app, http=kind, lifespan="off", log_config=None, server_header=False, date_header=False)
    config.load()
    loop, state = asyncio.get_running_loop(), ServerState()

    def serve() -> PatientProtocol:
        served.append(kind(config, state, {}))
        return served[-1]

    server = await loop.create_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        yield reader, writer
        writer.close()
        await writer.wait_closed()


async def said_to(*parts: bytes) -> bytes:
    """Send something, and return all that comes until the other side hangs up."""
    async with connected(Hasty, []) as (reader, writer), asyncio.timeout(PATIENCE):
        for part in parts:
            writer.write(part)
            await writer.drain()
        return await reader.read()


def test_a_connection_on_which_nothing_is_asked_is_closed() -> None:
    """There is nothing to answer."""
    assert asyncio.run(said_to()) == b""


def test_a_head_that_does_not_end_is_not_waited_for() -> None:
    """However many of its bytes come; nor is the second head of a connection."""
    assert asyncio.run(said_to(HEAD[:20])) == b""
    assert asyncio.run(said_to(HEAD, HEAD[:20])).endswith(b"\r\n\r\nok")


def test_a_head_in_parts_is_answered_and_an_idle_connection_kept() -> None:
    """Between requests the server's own patience counts, which is longer."""

    async def ask() -> list[bool]:
        served: list[PatientProtocol] = []
        async with connected(PatientProtocol, served) as (reader, writer), asyncio.timeout(PATIENCE):
            waits = []
            for part in (HEAD[:20], HEAD[20:], HEAD):
                writer.write(part)
                if part != HEAD[:20]:
                    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
                waits += [protocol.is_waiting for protocol in served]
            return waits

    assert asyncio.run(ask())[-2:] == [False, False]
