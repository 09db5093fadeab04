"""A provider that answers what it should not: the sandbox, with somebody in between."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.server import create_app

_STATUSES: Final = (200, 200, 200, 202, 204, 302, 400, 401, 404, 409, 429, 500, 503)
_ODD: Final[tuple[Any, ...]] = (None, True, -1, 10**30, 1.5, "", "x", [], {}, [None], {"id": None}, "cs_test_none")


class Garbled:
    """An app whose answers under `/v1` are changed now and then: `share` says how many of them, 0 to 1."""

    def __init__(self, app: ASGIApp, random: Random) -> None:
        self._app = app
        self._random = random
        self.share = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1") or self._random.random() >= self.share:
            await self._app(scope, receive, send)
            return
        if self._random.random() < 0.003:
            await asyncio.sleep(11)
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(scope, receive, keep)
        status = self._random.choice((kept[0]["status"], *_STATUSES))
        body = garbled(self._random, b"".join(message.get("body", b"") for message in kept[1:]))
        length = len(body) + (self._random.random() < 0.05) * 10
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        # Where less comes than was announced, the server ends the connection.
        await send({"type": "http.response.body", "body": body, "more_body": length > len(body)})


def garbled(random: Random, body: bytes) -> bytes:
    """Make of an answer one that is none: no JSON, half of it, or an object that lacks or misspells something."""
    match random.randrange(8):
        case 0:
            return b"<html><body>Bad gateway</body></html>"
        case 1:
            return body[: random.randrange(len(body) + 1)]
        case 2:
            return random.choice(
                (b"", b"null", b"[]", b"{}", b'"', b"1", b"[" * 30_000, b'{"object":"list","data":null}')
            )
        case 3:
            return b'{"error":%s}' % random.choice((b"null", b"{}", b'"x"', b"[]", b'{"type":5}', b'{"message":[]}'))
    try:
        said = json.loads(body)
    except ValueError:
        return body
    for _ in range(random.choice((1, 1, 2, 5))):
        _spoil(random, said)
    return json.dumps(said).encode()


def _spoil(random: Random, value: Any) -> None:
    """Leave something out of an object, or say it otherwise; never so that an open payment would read as paid."""
    while isinstance(value, dict | list) and value:
        place = random.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if isinstance(value[place], dict | list) and value[place] and random.random() < 0.7:
            value = value[place]
        elif isinstance(value, dict) and random.random() < 0.5:
            del value[place]
            return
        else:
            value[place] = random.choice(_ODD)
            return


@contextmanager
def garbling(sandbox: Sandbox, random: Random) -> Iterator[tuple[str, Garbled]]:
    """Serve a sandbox behind somebody who garbles it; gives the URL."""
    app = Garbled(create_app(sandbox), random)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        # Answers that break off are what it is for.
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, log_level="critical")
        server = uvicorn.Server(config)
        run: Callable[..., None] = server.run
        thread = threading.Thread(target=run, kwargs={"sockets": [listening]}, name="garbling")
        sandbox.base_url = url
        thread.start()
        try:
            yield url, app
        finally:
            server.should_exit = server.force_exit = True
            thread.join()
            sandbox.close()
