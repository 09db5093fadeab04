"""Headers of requests and answers, as they stand in a scope and in messages: as bytes, names in lower case.

Some every answer has, and browsers act upon them: what the API is not meant for is switched off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EVERYWHERE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # Tokens, balances and errors are nobody's to keep; what may be kept says so itself, as answers with an ETag do.
    (b"cache-control", b"no-store"),
)


class SecurityHeaders:
    """Gives every answer the headers that it has not set itself; with `hsts_seconds`, HSTS too."""

    def __init__(self, app: ASGIApp, hsts_seconds: int = 0) -> None:
        self._app = app
        hsts = (b"strict-transport-security", b"max-age=%d" % hsts_seconds)
        self._headers = (*_EVERYWHERE, hsts) if hsts_seconds else _EVERYWHERE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = message.get("headers", ())
                names = {name for name, _ in given}
                message["headers"] = [*given, *(header for header in self._headers if header[0] not in names)]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def header(scope: Scope, name: bytes) -> bytes | None:
    """Return a header of a request, the first of several of this name."""
    for key, value in scope["headers"]:
        if key == name:
            return bytes(value)
    return None


def telling(send: Send, told: Sequence[tuple[bytes, bytes]]) -> Send:
    """Return a `send` that adds headers to the answer."""

    async def send_told(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *told]
        await send(message)

    return send_told
