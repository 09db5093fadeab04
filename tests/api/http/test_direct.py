"""Endpoints that the framework does not find are answered as if it had."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message

from api.app import DIRECT, openapi_document
from api.http.direct import Direct, Endpoint
from api.http.limits import Limits
from api.http.middleware import BodyRules
from api.http.ratelimits import Meters
from api.http.throttle import Toll


def test_what_is_answered_directly_is_a_route_as_well() -> None:
    """The document describes the same endpoint under the same method and path."""
    paths = openapi_document()["paths"]
    for (method, path), endpoint in DIRECT.items():
        assert paths[path][method.lower()]["operationId"] == getattr(endpoint, "__name__", "")


def test_errors_of_direct_endpoints_are_answered_by_the_table() -> None:
    """An error of the table is its answer; one that nobody foresaw has its answer, too, and goes on to the log."""

    async def refuse(request: Request) -> Response:
        raise KeyError(request.url.path)

    async def fail(request: Request) -> Response:
        raise ValueError("nobody foresaw this")

    async def told(request: Request, error: Exception) -> Response:
        return PlainTextResponse(repr(error), 409)

    async def unforeseen(request: Request, error: Exception) -> Response:
        return PlainTextResponse("it was logged", 500)

    app = _direct(_nobody, {"/a": refuse, "/b": fail}, {KeyError: told, Exception: unforeseen})
    assert asyncio.run(_answered(app, "POST", "/a")) == (409, b"KeyError('/a')")
    sent: list[Any] = []
    with pytest.raises(ValueError, match="nobody foresaw"):
        asyncio.run(_answered(app, "POST", "/b", sent))
    assert (sent[0]["status"], sent[1]["body"]) == (500, b"it was logged")


def test_other_methods_and_paths_are_the_routers() -> None:
    """What has no direct endpoint is passed on."""
    app = _direct(PlainTextResponse("the router"), {"/a": _unasked}, {})
    for method, path in (("GET", "/a"), ("POST", "/a/"), ("POST", "/b")):
        assert asyncio.run(_answered(app, method, path)) == (200, b"the router")


async def _unasked(request: Request) -> Response:
    raise AssertionError("this was not asked for")


async def _nobody(*_: Any) -> None:
    raise AssertionError("this was not the router's")


def _direct(app: ASGIApp, endpoints: dict[str, Endpoint], handlers: dict[Any, Any]) -> Direct:
    toll, bodies = Toll(Meters(Limits.off())), BodyRules(max_bytes=100, seconds=1)
    return Direct(app, {("POST", path): each for path, each in endpoints.items()}, handlers, toll=toll, bodies=bodies)


async def _answered(app: ASGIApp, method: str, path: str, sent: list[Any] | None = None) -> tuple[int, bytes]:
    sent = [] if sent is None else sent

    async def receive() -> Message:
        raise AssertionError("nobody reads a body")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]
