"""Conditional requests (RFC 9110 §13).

Reads: an answer that the client has already is not sent again; HEAD is a read, too. Changes of what has a state: only
who has seen the state as it is may change it.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.refusal import Refusal

_BUFFERED_MAX: Final = 1024 * 1024
_TAGGED: Final = (b"application/json", b"text/plain")
_TAG: Final = re.compile(rb'(?:W/)?("[^"]*")')
_VERSION_PATTERN: Final = r'"(0|[1-9]\d{0,17})"'
_VERSION: Final = re.compile(_VERSION_PATTERN)

IF_MATCH: Final[dict[str, Any]] = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "The ETag of what is to be changed, as it was read; `*` changes it however it is.",
    "schema": {"type": "string", "pattern": rf"^(\*|{_VERSION_PATTERN})$", "examples": ['"2"']},
}
"""For the OpenAPI document: a change without it is answered with 428, which FastAPI would not do."""


class ETags:
    """Answers `GET` of JSON or text with a strong ETag, the hash of the bytes, and with 304 if the client names it.

    What is neither, is longer than `buffered_max` bytes or has been sent in part passes as it comes. Caches keep an
    answer but ask each time; an answer to somebody who said who they are is kept by their own cache only.
    """

    def __init__(self, app: ASGIApp, buffered_max: int = _BUFFERED_MAX) -> None:
        self._app = app
        self._buffered_max = buffered_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._buffered_max)
        # The routes offer GET: what comes of it is sent without its body.
        await self._app({**scope, "method": "GET"}, receive, answer.send)


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send, buffered_max: int) -> None:
        self._scope = scope
        self._send = send
        self._buffered_max = buffered_max
        self._start: Message | None = None
        self._body = bytearray()
        self._is_head = scope["method"] == "HEAD"
        self._is_over = False

    async def send(self, message: Message) -> None:
        """Take a message of the app."""
        if message["type"] == "http.response.start":
            if _is_taggable(message):
                self._start = message
            else:
                await self._send(message)
        elif self._start is None:
            await self._send_body(message)
        else:
            await self._buffer(message)

    async def _buffer(self, message: Message) -> None:
        assert self._start is not None
        self._body += message.get("body", b"")
        is_whole = not message.get("more_body", False)
        if not is_whole and len(self._body) <= self._buffered_max:
            return
        start, self._start = self._start, None
        body = bytes(self._body)
        if is_whole and len(body) <= self._buffered_max:
            start, body = self._tagged(start, body)
        await self._send(start)
        await self._send_body({"type": "http.response.body", "body": body, "more_body": not is_whole})

    async def _send_body(self, message: Message) -> None:
        if not self._is_head:
            await self._send(message)
        elif not self._is_over:
            # The server takes the answer for ended, and a stream behind it stops as when a client leaves.
            self._is_over = True
            await self._send({"type": "http.response.body"})

    def _tagged(self, start: Message, body: bytes) -> tuple[Message, bytes]:
        headers = dict(start["headers"])
        tag = headers.get(b"etag") or b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
        given = dict(self._scope["headers"])
        policy = b"private, no-cache" if b"authorization" in given else b"public, no-cache"
        defaults = [header for header in ((b"etag", tag), (b"cache-control", policy)) if header[0] not in headers]
        more = [*defaults, (b"vary", b"Authorization")]
        if not _names(self._scope, tag):
            return {**start, "headers": [*start["headers"], *more]}, body
        kept = [header for header in start["headers"] if header[0] not in (b"content-length", b"content-type")]
        return {**start, "status": 304, "headers": [*kept, *more]}, b""


def _is_taggable(start: Message) -> bool:
    headers: dict[bytes, bytes] = dict(start.get("headers", ()))
    is_found: bool = start["status"] == 200
    return is_found and headers.get(b"content-type", b"").split(b";")[0] in _TAGGED


def _names(scope: Scope, tag: bytes) -> bool:
    """Say whether If-None-Match names a tag, by the weak comparison that RFC 9110 asks for."""
    given: bytes = b",".join(value for name, value in scope["headers"] if name == b"if-none-match").strip()
    return given == b"*" or tag.removeprefix(b"W/") in _TAG.findall(given)


def version_tag(version: int) -> str:
    """Return the strong ETag of what has come to a version."""
    return f'"{version}"'


def version_seen(request: Request) -> int | None:
    """Return the version that a request wants to change, which its If-Match names; None for `*`, whichever it is.

    Raises Refusal `precondition_required` without If-Match, `precondition_failed` where it is no ETag of a version.
    """
    given = request.headers.get("if-match")
    if given is None:
        raise Refusal("precondition_required", "Send If-Match with the ETag of what you have seen.")
    if given.strip() == "*":
        return None
    found = _VERSION.fullmatch(given.strip())
    if found is None:
        raise Refusal("precondition_failed", "Send If-Match with one ETag, as you were given it.")
    return int(found[1])
