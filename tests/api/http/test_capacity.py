"""How much is under way at once, and what becomes of requests that hang."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.http.capacity import Capacity


class App:
    """Answers when it is let; a path `/stream` begins its answer at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.ends = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        self.asked.append(scope["path"])
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] not in ("/healthz", "/quick"):
            await self.ends.wait()
        if scope["path"] != "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"mine"})


class Request:
    """A request that is being answered."""

    def __init__(self, app: Capacity, path: str, method: str = "GET") -> None:
        self.sent: list[Message] = []
        asked: Scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
        scope: Scope = {**asked, "state": {"request_id": "id"}, "server": ("test", 80), "scheme": "http"}
        self.done = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> Message:
        raise AssertionError("nobody reads")

    async def _send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int | None:
        """The status that was answered with, if any."""
        return self.sent[0]["status"] if self.sent else None

    @property
    def problem(self) -> Any:
        """The problem that was answered with."""
        return json.loads(self.sent[1]["body"])


def playing(play: Callable[[App], Any]) -> None:
    async def run() -> None:
        await play(App())

    asyncio.run(run())


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_what_is_too_much_is_refused_at_once_but_for_probes() -> None:
    """With a word on when to come back; whoever is answered makes room."""

    async def play(app: App) -> None:
        capacity = Capacity(app, most=2)
        first = [Request(capacity, "/a"), Request(capacity, "/b")]
        await turns()
        refused, probe = Request(capacity, "/c"), Request(capacity, "/healthz")
        await turns()
        assert (refused.status, refused.problem["code"]) == (503, "overloaded")
        assert (b"retry-after", b"1") in refused.sent[0]["headers"]
        assert probe.status == 200
        assert app.asked == ["/a", "/b", "/healthz"]
        app.ends.set()
        await asyncio.gather(*(each.done for each in first))
        assert [each.status for each in (*first, Request(capacity, "/quick"))] == [200, 200, None]
        await turns()

    playing(play)


def test_a_stream_that_has_begun_takes_no_place() -> None:
    """Streams last for hours, and are counted for themselves."""

    async def play(app: App) -> None:
        capacity = Capacity(app, most=1)
        streams = [Request(capacity, "/stream") for _ in range(3)]
        await turns()
        quick = Request(capacity, "/quick")
        await turns()
        assert [each.status for each in (*streams, quick)] == [200] * 4
        app.ends.set()
        await asyncio.gather(*(each.done for each in streams))
        assert all(each.sent[-1]["body"] == b"mine" for each in streams)

    playing(play)


@pytest.mark.parametrize(("method", "path"), [("GET", "/a"), ("POST", "/api/bets")])
def test_a_read_or_a_bet_that_hangs_is_answered_all_the_same(method: str, path: str) -> None:
    """Once; what the app says later is for nobody, and until then the place is taken."""

    async def play(app: App) -> None:
        capacity = Capacity(app, most=1, read_seconds=0.0, bet_seconds=0.0, look_seconds=0.001)
        read = Request(capacity, path, method)
        while len(read.sent) < 2:
            await asyncio.sleep(0.001)
        assert (read.status, read.problem["code"]) == (503, "unavailable")
        refused = Request(capacity, "/b")
        await turns()
        assert refused.problem["code"] == "overloaded"
        app.ends.set()
        await read.done
        assert len(read.sent) == 2
        write = Request(capacity, "/c", "POST")
        await write.done
        assert write.status == 200

    playing(play)


def test_what_a_stopping_server_no_longer_waits_for_is_answered() -> None:
    """As what may be repeated; what has been answered is not answered again."""

    async def play(app: App) -> None:
        capacity = Capacity(app, most=2)
        requests = [Request(capacity, "/a"), Request(capacity, "/stream")]
        await turns()
        for each in requests:
            each.done.cancel()
        await asyncio.gather(*(each.done for each in requests), return_exceptions=True)
        hung, stream = requests
        assert (hung.status, hung.problem["code"]) == (503, "unavailable")
        assert len(stream.sent) == 1

    playing(play)


def test_who_fails_makes_room() -> None:
    """What the app raises goes on to the server."""

    async def play(_: App) -> None:
        async def broken(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError(scope["path"])

        capacity = Capacity(broken, most=1)
        failed = [Request(capacity, "/a"), Request(capacity, "/b")]
        said = await asyncio.gather(*(each.done for each in failed), return_exceptions=True)
        assert [type(each) for each in said] == [ValueError, ValueError]

    playing(play)
