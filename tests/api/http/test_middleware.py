"""What every request passes through."""

from __future__ import annotations

import socket
from datetime import timedelta

import httpx
import pytest

from tests.api.world import User, World, serving

PATHS = ("/api/auth/login", "/api/bets")


def request_of(world: World, head: str, body: bytes, path: str = "/api/auth/login") -> bytes:
    """A request as it goes over the wire."""
    url = world.client.base_url
    return f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\n{head}\r\n\r\n".encode() + body


def headers_of(user: User) -> str:
    """The head of a user's request that brings JSON."""
    return f"Authorization: Bearer {user.token}\r\nIdempotency-Key: k\r\nContent-Type: application/json"


def connected(world: World) -> socket.socket:
    """A connection to the service."""
    url = world.client.base_url
    return socket.create_connection((url.host, url.port), timeout=10)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
def test_a_body_that_is_no_json_is_refused(world: World, content_type: str) -> None:
    """415 says what is taken, on routes that the framework reads and on those that read by hand."""
    (ann,) = world.playing("Ann")
    for path in PATHS:
        headers = {"Content-Type": content_type, "Idempotency-Key": "k"}
        answer = ann.post(path, content=b'{"email": "a@b.c", "password": "x"}', headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type"), path
        assert answer.headers["Accept"] == "application/json"


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8", "application/x+json"])
def test_json_is_taken_however_it_is_called(world: World, content_type: str) -> None:
    """Parameters and structured suffixes are JSON, too."""
    content = b'{"email": "ann@example.org", "password": "x"}'
    answer = world.client.post("/api/auth/login", content=content, headers={"Content-Type": content_type})
    assert answer.json()["code"] == "wrong_credentials"


def test_a_stranger_is_told_so_before_their_body_is_judged(world: World) -> None:
    """401 and 404 come before 415 and 413."""
    large = b"x" * 100_000
    assert world.client.post("/api/bets", content=large).status_code == 401
    assert world.client.post("/api/nothing", content=large).status_code == 404


def test_a_length_above_the_limit_is_refused_before_the_body_comes(world: World) -> None:
    """Nobody waits for what would be refused."""
    with connected(world) as connection:
        connection.sendall(request_of(world, "Content-Type: application/json\r\nContent-Length: 70000", b""))
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_does_not_come_is_not_waited_for(dsn: str, path: str) -> None:
    """408 is a problem like others, and ends the connection."""
    with serving(dsn) as world:
        ann = world.signup("Ann")
    with serving(dsn, body_wait=timedelta(milliseconds=50)) as world, connected(world) as connection:
        connection.sendall(request_of(world, f"{headers_of(ann)}\r\nContent-Length: 100", b'{"stake": ', path))
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"request_timeout" in received and b"x-content-type-options: nosniff" in received


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_leaves_in_the_middle_is_no_error_of_ours(
    world: World, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A broken connection is not logged as something unforeseen, and the service goes on."""
    ann = world.signup("Ann")
    with connected(world) as connection:
        connection.sendall(request_of(world, f"{headers_of(ann)}\r\nContent-Length: 100", b'{"stake": ', path))
    for _ in range(3):
        assert world.client.get("/healthz").status_code == 200
    assert not [record for record in caplog.records if record.exc_info]


def test_each_request_has_an_id_of_its_own(world: World) -> None:
    """Ids are short, plain and never repeat."""
    ids = {world.client.get("/healthz").headers["X-Request-Id"] for _ in range(20)}
    assert len(ids) == 20
    assert all(len(each) == 32 and each.isalnum() for each in ids)


def test_a_request_that_is_no_http_is_refused_by_the_server(world: World) -> None:
    """What cannot be parsed never reaches us: the server says 400 and closes."""
    with connected(world) as connection:
        connection.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_a_very_long_path_is_a_problem_like_any_other(world: World) -> None:
    """It is answered, not dropped."""
    answer: httpx.Response = world.client.get("/api/" + "x" * 20_000)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
