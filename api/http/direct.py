"""Endpoints that are found by their path alone, ahead of the framework's router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn

from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Endpoint = Callable[[Request], Awaitable[Response]]


class Direct:
    """Answers what is asked for most, by method and path, which has no parameters.

    The framework's router tries its routes one after another, and prepares every request for dependencies, files and
    background tasks: it takes longer than a bet. These endpoints read their requests by hand. They are routes as well,
    for the document and for other methods of their paths, and their errors are answered by the same `handlers`.
    """

    def __init__(
        self, app: ASGIApp, endpoints: Mapping[tuple[str, str], Endpoint], handlers: Mapping[Any, Any]
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        # Whatever nobody foresaw goes on to the server's log, and is answered outside of all middleware.
        self._handlers = {of: handler for of, handler in handlers.items() if of not in (500, Exception)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        endpoint = self._endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await endpoint(Request(scope, receive))
        except Exception as error:
            await ExceptionMiddleware(_raising(error), self._handlers)(scope, receive, send)
        else:
            await response(scope, receive, send)


def _raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> NoReturn:
        raise error

    return app
