"""Endpoints that are found by their path alone, ahead of the framework's middleware and router."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NoReturn

from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.headers import telling
from api.http.middleware import BodyRules
from api.http.throttle import Toll

Endpoint = Callable[[Request], Awaitable[Response]]
_UNFORESEEN: Final = (500, Exception)


class Direct:
    """Answers what is asked for most, by method and path, which has no parameters.

    The framework tries its routes one after another, prepares every request for dependencies, files and background
    tasks, and hands it from one middleware to the next: it takes longer than a bet. Here the limits and the rules for
    bodies hold as for all other routes, and the same `handlers` answer errors. These endpoints read their requests by
    hand. They are routes as well, for the document and for other methods of their paths.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Mapping[tuple[str, str], Endpoint],
        handlers: Mapping[Any, Any],
        *,
        toll: Toll,
        bodies: BodyRules,
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._handlers = {of: handler for of, handler in handlers.items() if of not in _UNFORESEEN}
        self._toll = toll
        self._bodies = bodies
        # What nobody foresaw is answered, and goes on to the server's log.
        unforeseen = next((handlers[of] for of in _UNFORESEEN if of in handlers), None)
        self._answered = ServerErrorMiddleware(self._answer, unforeseen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_direct = scope["type"] == "http" and (scope["method"], scope["path"]) in self._endpoints
        await (self._answered if is_direct else self._app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        told, refused = await self._toll.admit(scope)
        answer: ASGIApp
        try:
            answer = refused or await self._asked(scope, receive)
        except Exception as error:
            answer = ExceptionMiddleware(_raising(error), self._handlers)
        await answer(scope, receive, telling(send, told))

    def _asked(self, scope: Scope, receive: Receive) -> Awaitable[Response]:
        endpoint = self._endpoints[scope["method"], scope["path"]]
        return endpoint(Request(scope, self._bodies.checked(scope, receive)))


async def body_of(request: Request) -> bytes:
    """Return a request's body; raises ClientDisconnect. Starlette's own reading takes three times as long."""
    body, is_whole = b"", False
    while not is_whole:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
    return body


def _raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> NoReturn:
        raise error

    return app
