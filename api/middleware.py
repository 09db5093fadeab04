"""What every request passes through: an id, and a limit on its body. Pure ASGI, which costs a bet next to nothing."""

from __future__ import annotations

import re
from itertools import count
from typing import Final
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")


class RequestIds:
    """Gives each request an id, the client's own `X-Request-Id` where it is sane, and answers with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Random bytes for each request would hand the interpreter to another thread, a millisecond under load.
        self._process = uuid4().hex[:16]
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _header(scope, b"x-request-id")
        request_id = given if given is not None and _SANE_ID.fullmatch(given) else self._new_id()
        scope.setdefault("state", {})["request_id"] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id)]
            await send(message)

        await self._app(scope, receive, send_with_id)

    def _new_id(self) -> bytes:
        return f"{self._process}{next(self._numbers):016x}".encode()


class BodyLimit:
    """Refuses bodies of more than `max_bytes` as soon as they are read, however they announce their length.

    FastAPI's own limit answers in plain text; ours ends in the error table like everything else.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = _header(scope, b"content-length")
        if announced is None:
            await self._app(scope, self._counted(receive, size=0), send)
        elif announced.isdigit() and len(announced) < 16 and int(announced) <= self._max_bytes:
            # The server hands over no more than was announced.
            await self._app(scope, receive, send)
        else:
            await self._app(scope, self._counted(receive, size=self._max_bytes + 1), send)

    def _counted(self, receive: Receive, *, size: int) -> Receive:

        async def receive_counted() -> Message:
            nonlocal size
            if size > self._max_bytes:
                raise HTTPException(413)
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                raise HTTPException(413)
            return message

        return receive_counted


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value for key, value in scope["headers"] if key == name), None)
