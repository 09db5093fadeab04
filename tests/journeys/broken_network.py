"""A network that breaks: a TCP proxy on loopback that cuts connections at random places, in a repeatable way."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

CHUNK = 16_384


class BrokenNetwork:
    """Carries connections to one server and cuts each after so many bytes, in one direction or the other.

    A cut on the way up may swallow a request, a cut on the way down hides the answer to one that was carried out.
    `bytes_between_cuts` is the mean; the places follow from the seed and the order of connections.
    """

    def __init__(self, url: str, *, seed: int, bytes_between_cuts: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port
        self._random = random.Random(seed)
        self._mean = bytes_between_cuts
        self._connections: list[asyncio.Task[None]] = []
        self.cuts = 0

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to carry a connection."""
        self._connections.append(asyncio.create_task(self._carry(reader, writer)))

    async def ended(self) -> None:
        """Wait until no connection is carried any more, as none is left open for others to find."""
        await asyncio.gather(*self._connections)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side ends it or it is cut."""
        up, down = self._bytes(), self._bytes()
        try:
            server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        ways = [
            asyncio.create_task(self._flow(reader, server_writer, up)),
            asyncio.create_task(self._flow(server_reader, writer, down)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for each in (writer, server_writer):
                each.transport.abort()

    async def _flow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                writer.write(data[:limit])
                await writer.drain()
                limit -= len(data)
                if limit <= 0:
                    self.cuts += 1
                    return

    def _bytes(self) -> int:
        return 1 + round(self._random.expovariate(1 / self._mean))


@asynccontextmanager
async def broken_network(
    url: str, *, seed: int, bytes_between_cuts: int = 8_000
) -> AsyncIterator[tuple[str, BrokenNetwork]]:
    """Give the URL under which a server is reached over a broken network, and the network."""
    network = BrokenNetwork(url, seed=seed, bytes_between_cuts=bytes_between_cuts)
    proxy = await asyncio.start_server(network.connect, "127.0.0.1", 0, backlog=2048)
    host, port = proxy.sockets[0].getsockname()
    try:
        yield f"http://{host}:{port}", network
    finally:
        proxy.close()
        await network.ended()
