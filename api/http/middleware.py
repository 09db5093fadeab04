"""What every request passes through: an id, and limits on its body. Pure ASGI, which costs a bet next to nothing."""

from __future__ import annotations

import asyncio
import re
from itertools import count
from typing import Any, Final
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.headers import header, telling

_SANE_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_LATE: Final = "the request is late"
_BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_JSON: Final = re.compile(rb"application/([a-z0-9.+-]+\+)?json[ \t]*(;.*)?", re.IGNORECASE)


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
        given, own = header(scope, b"x-request-id"), self._new_id()
        request_id = given.decode() if given is not None and _SANE_ID.fullmatch(given) else own
        told = [(b"x-request-id", request_id.encode())]
        # A client may send the same id with all its requests: what must tell one from another goes by our own.
        scope.setdefault("state", {}).update(request_id=request_id, own_id=own)
        await self._app(scope, receive, telling(send, told))

    def _new_id(self) -> str:
        return f"{self._process}{next(self._numbers):016x}"


class BodyRules:
    """Refuses bodies that are no JSON, have more than `max_bytes`, or take longer than `seconds` to come.

    They are looked at when somebody reads them, so that a stranger or a wrong path is answered first, and by the error
    table like everything else. FastAPI's own answers are plain text for the size, and 422 for the type.
    """

    def __init__(self, *, max_bytes: int, seconds: float) -> None:
        self._max_bytes = max_bytes
        self._patience = _Patience(seconds)

    def checked(self, scope: Scope, receive: Receive) -> Receive:
        """Return what a request's body is to be received by; it raises HTTPException."""
        return receive if scope["method"] in _BODILESS else self._checked(receive, refused=self._refused(scope))

    def _refused(self, scope: Scope) -> HTTPException | None:
        """Return what is wrong with a body by what its headers say of it."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            return None
        if not length.isdigit() or len(length) > 15 or int(length) > self._max_bytes:
            return HTTPException(413)
        media_type = headers.get(b"content-type", b"")
        if media_type != b"application/json" and not _JSON.fullmatch(media_type):
            return HTTPException(415, headers={"Accept": "application/json"})
        return None

    def _checked(self, receive: Receive, *, refused: HTTPException | None) -> Receive:
        size = 0
        is_whole = False
        ends_at: float | None = None

        async def receive_checked() -> Message:
            nonlocal size, is_whole, ends_at
            if is_whole:
                return await receive()
            if refused is not None:
                raise refused
            if ends_at is None:
                ends_at = self._patience.ends_at()
            message = await self._patience.until(ends_at, receive)
            size += len(message.get("body", b""))
            if size > self._max_bytes:
                raise HTTPException(413)
            is_whole = not message.get("more_body", False)
            return message

        return receive_checked


class Bodies:
    """Has all bodies keep to the rules."""

    def __init__(self, app: ASGIApp, rules: BodyRules) -> None:
        self._app = app
        self._rules = rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        checked = self._rules.checked(scope, receive) if scope["type"] == "http" else receive
        await self._app(scope, checked, send)


class _Patience:
    """Waits for messages until their time is over, or up to a tenth longer.

    One timer looks after all who wait: one for each, as asyncio.timeout sets it, would be felt by a bet.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[asyncio.Task[Any], float] = {}
        self._is_watched = False

    def ends_at(self) -> float:
        """Return when a body has to be there that is waited for from now on."""
        return asyncio.get_running_loop().time() + self._seconds

    async def until(self, ends_at: float, receive: Receive) -> Message:
        """Receive a message; raises HTTPException 408 when it has not come in time."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting[task] = ends_at
        if not self._is_watched:
            self._watch(task.get_loop())
        try:
            return await receive()
        except asyncio.CancelledError as cancelled:
            if cancelled.args != (_LATE,):
                raise
            task.uncancel()
            raise HTTPException(408, headers={"Connection": "close"}) from None
        finally:
            del self._waiting[task]

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_watched = True
        loop.call_later(self._seconds / 10, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for task, ends_at in self._waiting.items():
            if ends_at <= now:
                task.cancel(_LATE)
        self._is_watched = False
        if self._waiting:
            self._watch(loop)
