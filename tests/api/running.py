"""The app behind a real server, which starts and stops at once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from api.livefeed.hub import Hub
from fairpool.protocol import Protocol
from fairpool.web import Server


class _QuickServer(Server):
    """A server that stops when it is told to: others look ten times a second whether to, and wait for clients."""

    def __init__(self, config: uvicorn.Config, live: Hub) -> None:
        super().__init__(config, live)
        self._stopped: Future[None] = Future()
        self.loop: Future[asyncio.AbstractEventLoop] = Future()

    async def main_loop(self) -> None:
        self.loop.set_result(asyncio.get_running_loop())
        await self.on_tick(0)
        await asyncio.wrap_future(self._stopped)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
        for listening in self.servers:
            listening.close()

    def stop(self) -> None:
        self._stopped.set_result(None)


@contextmanager
def running(app: FastAPI, live: Hub) -> Iterator[tuple[str, Future[asyncio.AbstractEventLoop]]]:
    """Serve an app for as long as the block runs; gives its URL, and the event loop that it lives in."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        # asyncio forgets this for a listener that it did not make: a body would wait 40 ms for an acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(app, http=Protocol, loop="asyncio", ws="none", lifespan="off", log_config=None)
        server = _QuickServer(config, live)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", server.loop
        finally:
            server.stop()
            thread.join()
