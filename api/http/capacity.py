"""How much is under way at once: beyond it requests are refused in no time, rather than all of them in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem

PROBES: Final = frozenset({"/healthz", "/readyz"})
"""What is answered however much there is to do."""
READ_SECONDS: Final = 10.0
BET_SECONDS: Final = 12.0
WRITE_SECONDS: Final = 60.0
LOOK_SECONDS: Final = 1.0


class Capacity:
    """Refuses requests while `most` are under way, and answers for what hangs.

    A request is under way until its answer begins: then it holds no thread and no place in a queue. One whose answer
    does not begin in time is answered here; what it set off goes on, and counts. `write_seconds` are for what may
    change something, but for bets, which do not take long.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        most: int,
        read_seconds: float = READ_SECONDS,
        bet_seconds: float = BET_SECONDS,
        write_seconds: float = WRITE_SECONDS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._app = app
        self._most = most
        self._read_seconds = read_seconds
        self._bet_seconds = bet_seconds
        self._write_seconds = write_seconds
        self._look_seconds = look_seconds
        self._under_way: dict[_Answering, float] = {}
        self._is_watching = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        if len(self._under_way) >= self._most:
            detail = "The service has as much to do as it takes: repeat the request, with its key."
            await problem(Request(scope), "overloaded", detail)(scope, receive, send)
            return
        answering = _Answering(self._under_way, scope, send)
        self._under_way[answering] = monotonic() + self._seconds(scope)
        if not self._is_watching:
            self._watch(asyncio.get_running_loop())
        try:
            await self._app(scope, receive, answering.send)
        except asyncio.CancelledError:
            # The server stops, and waits no longer: by itself it would answer that something went wrong.
            if answering in self._under_way:
                await answering.give_up()
            raise
        finally:
            self._under_way.pop(answering, None)

    def _seconds(self, scope: Scope) -> float:
        if scope["method"] in ("GET", "HEAD"):
            return self._read_seconds
        return self._bet_seconds if scope["path"].startswith("/api/bets") else self._write_seconds

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_watching = True
        loop.call_later(self._look_seconds, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_watching = bool(self._under_way)
        if self._is_watching:
            self._watch(loop)
        now = monotonic()
        for answering, ends_at in self._under_way.items():
            if ends_at <= now:
                answering.give_up()


class _Answering:
    """A request that waits for its answer: the app's, or that it takes too long."""

    __slots__ = ("_given_up", "_scope", "_send", "_under_way")

    def __init__(self, under_way: dict[_Answering, float], scope: Scope, send: Send) -> None:
        self._under_way = under_way
        self._scope = scope
        self._send = send
        self._given_up: asyncio.Task[None] | None = None

    def send(self, message: Message) -> Awaitable[None]:
        """Send a part of the app's answer, unless the client was answered already."""
        self._under_way.pop(self, None)
        return self._send(message) if self._given_up is None else _sent()

    def give_up(self) -> asyncio.Task[None]:
        """Answer in the app's place."""
        if self._given_up is None:
            detail = "The answer takes too long: repeat the request, with its key."
            answer = problem(Request(self._scope), "unavailable", detail)
            self._given_up = asyncio.create_task(self._answer_with(answer))
        return self._given_up

    async def _answer_with(self, answer: ASGIApp) -> None:
        await answer(self._scope, _nothing, self._send)


async def _sent() -> None:
    """Be done with what is for nobody."""


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
