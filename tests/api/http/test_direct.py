"""Endpoints that the framework's router does not find are answered as if it had."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.app import DIRECT, openapi_document
from api.http.direct import Direct


def test_what_is_answered_directly_is_a_route_as_well() -> None:
    """The document describes the same endpoint under the same method and path."""
    paths = openapi_document()["paths"]
    for (method, path), endpoint in DIRECT.items():
        assert paths[path][method.lower()]["operationId"] == getattr(endpoint, "__name__", "")


def test_errors_of_direct_endpoints_are_answered_by_the_table() -> None:
    """An error of the table is its answer; one that nobody foresaw goes on to whoever answers for the whole app."""

    async def refuse(request: Request) -> Response:
        raise KeyError(request.url.path)

    async def fail(request: Request) -> Response:
        raise ValueError("nobody foresaw this")

    async def told(request: Request, error: Exception) -> Response:
        return PlainTextResponse(repr(error), 409)

    app = Direct(_nobody, {("POST", "/a"): refuse, ("POST", "/b"): fail}, {KeyError: told, Exception: told})
    assert asyncio.run(_answered(app, "POST", "/a")) == (409, b"KeyError('/a')")
    with pytest.raises(ValueError, match="nobody foresaw"):
        asyncio.run(_answered(app, "POST", "/b"))


def test_other_methods_and_paths_are_the_routers() -> None:
    """What has no direct endpoint is passed on."""
    app = Direct(PlainTextResponse("the router"), {("POST", "/a"): _unasked}, {})
    for method, path in (("GET", "/a"), ("POST", "/a/"), ("POST", "/b")):
        assert asyncio.run(_answered(app, method, path)) == (200, b"the router")


async def _unasked(request: Request) -> Response:
    raise AssertionError("this was not asked for")


async def _nobody(*_: Any) -> None:
    raise AssertionError("this was not the router's")


async def _answered(app: Any, method: str, path: str) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    await app(scope, None, send)
    return sent[0]["status"], sent[1]["body"]
