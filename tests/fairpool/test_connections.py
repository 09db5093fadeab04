"""What anybody may send on a connection, and what comes back: a real server with our protocol, and bare sockets."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from fairpool.protocol import HEAD_BYTES_MAX, Protocol

PATIENCE_SECONDS: Final = 10
GET: Final = b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n"
LAST: Final = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
WISH: Final = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
POST: Final = b"POST /body HTTP/1.1\r\nHost: x\r\n"


class Echo:
    """An app that answers with what it was asked; `/stream` is not answered, for as long as somebody listens."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.has_left = threading.Event()
        self.port = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        body = await _body(receive)
        if scope["path"] == "/stream":
            self.has_begun.set()
            while (await receive())["type"] != "http.disconnect":
                pass
            self.has_left.set()
            return
        said = {"path": scope["path"], "body": body, "headers": sorted(name.decode() for name, _ in scope["headers"])}
        text = json.dumps(said).encode()
        headers = [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    def answers(self, *parts: bytes) -> tuple[list[int], list[dict[str, Any]]]:
        """Send parts, each in a packet, and read to the end; returns the statuses, and what the app answered."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            data = b""
            # Who sends on behind a refusal is reset, in the end.
            with suppress(ConnectionError):
                for part in parts:
                    connection.sendall(part)
            with suppress(ConnectionError):
                while part := connection.recv(65_536):
                    data += part
        return _answers(data)


def _answers(data: bytes) -> tuple[list[int], list[dict[str, Any]]]:
    statuses, said = [], []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        statuses.append(int(head.split()[1]))
        said += [json.loads(rest[:length])] if rest[:1] == b"{" else []
        data = rest[length:]
    return statuses, said


async def _body(receive: Receive) -> str:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    return body.decode()


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    """The app, served."""
    app = Echo()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app.port = listener.getsockname()[1]
        config = uvicorn.Config(app, http=Protocol, ws="none", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield app
        server.should_exit = True
        thread.join()


def test_what_was_asked_before_nonsense_is_answered_first(echo: Echo) -> None:
    """A bet that was placed is not told to be a bad request because of what stood behind it."""
    statuses, said = echo.answers(GET + GET + b"nonsense\0\r\n\r\n")
    assert statuses == [200, 200, 400]
    assert [each["path"] for each in said] == ["/first", "/first"]


def test_a_wish_to_upgrade_is_not_heeded(echo: Echo) -> None:
    """As clients of HTTP/2 send it: the request is answered with its body, and what follows it, too."""
    _, said = echo.answers(POST + WISH + b"Content-Length: 4\r\n\r\nbody" + LAST)
    assert [(each["path"], each["body"]) for each in said] == [("/body", "body"), ("/last", "")]
    assert "upgrade" not in said[0]["headers"]


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
def test_a_body_is_no_request_whatever_is_wished_for(echo: Echo, version: bytes) -> None:
    """In a packet of its own, what looks like a request is what its head says that it is."""
    head = POST.replace(b"HTTP/1.1", version) + WISH + b"Content-Length: %d\r\n\r\n" % len(GET)
    statuses, said = echo.answers(head, GET, LAST)
    assert said[0]["body"] == GET.decode()
    assert [each["path"] for each in said] == ["/body", "/last"][: len(statuses)]


@pytest.mark.parametrize("target", [b"x:443", b"/first"])
def test_nobody_gets_a_tunnel(echo: Echo, target: bytes) -> None:
    """CONNECT is refused, and ends the connection."""
    assert echo.answers(b"CONNECT " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" + GET) == ([400], [])


@pytest.mark.parametrize("filling", [b"X: " + b"a" * HEAD_BYTES_MAX, b"X: a\r\n" * (HEAD_BYTES_MAX // 4)])
def test_a_head_is_bounded(echo: Echo, filling: bytes) -> None:
    """One long line or many short ones; what was asked before is answered."""
    statuses, _ = echo.answers(GET + GET[:-2] + filling + b"\r\n\r\n")
    assert statuses == [200, 431]


def test_a_line_without_end_is_not_kept(echo: Echo) -> None:
    """It is refused as soon as it is too long."""
    statuses, _ = echo.answers(GET[:-2] + b"X: " + b"a" * 2 * HEAD_BYTES_MAX)
    assert statuses in ([431], [])


def test_a_head_in_many_packets_is_counted_as_one(echo: Echo) -> None:
    """Up to the limit it may come as slowly as it likes."""
    parts = [GET[:-2], *[b"X: " + b"a" * 6_000 + b"\r\n"] * 10, b"Connection: close\r\n\r\n"]
    statuses, said = echo.answers(*parts)
    assert (statuses, said[0]["path"]) == ([200], "/first")


def test_trailers_are_no_headers(echo: Echo) -> None:
    """What comes behind a body speaks for nobody, and has its bound as well."""
    chunked = POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n"
    _, said = echo.answers(chunked + b"Authorization: Bearer x\r\n\r\n")
    assert (said[0]["body"], "authorization" in said[0]["headers"]) == ("hi", False)
    assert echo.answers(chunked + b"X: " + b"a" * 3 * HEAD_BYTES_MAX)[0] in ([431], [])


def test_a_body_that_breaks_is_refused_once(echo: Echo) -> None:
    """What stood before it is answered; it is not, but by the refusal."""
    broken = POST + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"
    assert echo.answers(broken)[0] == [400]
    assert echo.answers(GET + broken)[0] == [200, 400]


def test_who_leaves_is_missed_by_the_request_that_is_being_answered(echo: Echo) -> None:
    """Also where another one is waiting behind it: a stream would go on for ever."""
    with socket.create_connection(("127.0.0.1", echo.port), timeout=PATIENCE_SECONDS) as connection:
        connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
        assert echo.has_begun.wait(PATIENCE_SECONDS)
    assert echo.has_left.wait(PATIENCE_SECONDS)
