"""Reads that are not answered twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from api.http.etags import ETags
from tests.api.world import World


def test_a_read_is_answered_with_the_tag_of_its_bytes(world: World) -> None:
    """The same bytes have the same strong tag, other bytes another."""
    first, again = world.client.get("/api/weeks"), world.client.get("/api/weeks")
    assert first.headers["ETag"] == again.headers["ETag"]
    assert first.headers["ETag"].startswith('"')
    world.open_week()
    world.project()
    assert world.client.get("/api/weeks").headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("given", ["{tag}", "W/{tag}", '"other", {tag}', '"other" , W/{tag}', "*"])
def test_what_the_client_has_is_not_sent_again(world: World, given: str) -> None:
    """304 has no body, and the headers that the cache needs."""
    tag = world.client.get("/api/weeks").headers["ETag"]
    answer = world.client.get("/api/weeks", headers={"If-None-Match": given.format(tag=tag)})
    assert (answer.status_code, answer.content, answer.headers["ETag"]) == (304, b"", tag)
    assert "Content-Type" not in answer.headers
    assert answer.headers["Cache-Control"] == "public, no-cache"


@pytest.mark.parametrize("given", ['"other"', "", "nonsense", 'W/"other"'])
def test_another_tag_gets_the_answer(world: World, given: str) -> None:
    """What has changed is sent, and so is what nobody can compare."""
    answer = world.client.get("/api/weeks", headers={"If-None-Match": given})
    assert (answer.status_code, next(iter(answer.json()))) == (200, "data")


def test_what_is_somebodys_own_is_kept_by_their_cache_only(world: World) -> None:
    """Shared caches keep what is open to all, and one answer for each who asks."""
    ann = world.signup("Ann")
    own, public = ann.get("/api/me"), world.client.get("/api/weeks")
    assert own.headers["Cache-Control"] == "private, no-cache"
    assert public.headers["Cache-Control"] == "public, no-cache"
    assert "Authorization" in own.headers["Vary"] and "Authorization" in public.headers["Vary"]
    assert ann.get("/api/me", headers={"If-None-Match": own.headers["ETag"]}).status_code == 304


def test_errors_and_writes_have_no_tag(world: World) -> None:
    """Only what was read and is there can be read again."""
    body = {"email": "ann@example.org", "password": "correct horse", "name": "Ann"}
    for answer in (world.client.get("/api/nothing"), world.client.post("/api/auth/signup", json=body)):
        assert "ETag" not in answer.headers
    assert world.client.get("/api/nothing", headers={"If-None-Match": "*"}).status_code == 404


def test_head_is_answered_as_get_without_the_body(world: World) -> None:
    """Same status and headers, on every route that offers GET."""
    got, head = world.client.get("/api/weeks"), world.client.head("/api/weeks")
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", got.headers["ETag"])
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert world.client.head("/api/weeks", headers={"If-None-Match": got.headers["ETag"]}).status_code == 304
    missing = world.client.head("/api/nothing")
    assert (missing.status_code, missing.content) == (404, b"")
    assert world.client.head("/api/auth/login").status_code == 405


def answered(*sent: dict[str, Any], method: str = "GET", buffered_max: int = 10) -> list[dict[str, Any]]:
    """What comes through of what an app sends."""
    passed: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in sent:
            await send(message)

    async def send(message: Any) -> None:
        passed.append(message)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    asyncio.run(ETags(app, buffered_max)({"type": "http", "method": method, "headers": []}, receive, send))
    return passed


def start(content_type: bytes, status: int = 200) -> dict[str, Any]:
    """The start of an answer."""
    return {"type": "http.response.start", "status": status, "headers": [(b"content-type", content_type)]}


def part(body: bytes, *, more: bool) -> dict[str, Any]:
    """A part of an answer's body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


@pytest.mark.parametrize("content_type", [b"text/event-stream", b"application/x-ndjson", b"text/csv"])
def test_streams_pass_as_they_come(content_type: bytes) -> None:
    """An event is with its reader when it is sent, not when the stream ends."""
    sent = [start(content_type), part(b"one", more=True), part(b"two", more=True)]
    assert answered(*sent) == sent


def test_a_long_answer_is_not_kept_in_memory() -> None:
    """Beyond the bound it passes in parts, without a tag."""
    sent = [start(b"application/json"), part(b"123456", more=True), part(b"789012", more=True), part(b"3", more=False)]
    passed = answered(*sent)
    assert passed == [sent[0], part(b"123456789012", more=True), part(b"3", more=False)]


def test_an_answer_in_parts_is_tagged_as_a_whole() -> None:
    """The tag is of all bytes, however they came."""
    whole = answered(start(b"application/json"), part(b"123456", more=False))
    parts = answered(start(b"application/json"), part(b"123", more=True), part(b"456", more=False))
    assert parts == whole
    assert b"etag" in dict(whole[0]["headers"])


def test_head_of_a_stream_ends_at_once() -> None:
    """The first part ends the answer; what the stream still sends goes nowhere."""
    sent = [start(b"text/event-stream"), part(b"one", more=True), part(b"two", more=True)]
    assert answered(*sent, method="HEAD") == [sent[0], {"type": "http.response.body"}]
