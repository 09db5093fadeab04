"""HTTP as uvicorn speaks it, but that an answer leaves in one piece, and that nobody can bring a connection down."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, Literal, cast

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES_MAX: Final = 64 * 1024
_AROUND_BYTES: Final = len(": \r\n")
_REFUSED: Final = {400: "Invalid HTTP request received.", 431: "The header of the request is too large."}
_log = logging.getLogger(__name__)


class OnePiece:
    """A transport that puts two writes of one turn of the event loop together: an answer's head, and its body.

    The server writes them one after another, and each would be a call of the system and a packet, of which the first
    wakes the client for nothing: a tenth of the time of a bet. A head alone, as that of a stream, waits for no more
    than the rest of the turn.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._kept: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        """Return what all other transports have, too."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Write at once what follows another write, and with it; else by the end of the turn."""
        if self._kept is None:
            self._kept = data
            self._loop.call_soon(self._write_kept)
        else:
            kept, self._kept = self._kept, None
            self._transport.write(kept + data)

    def close(self) -> None:
        """Write what is left, and close."""
        self._write_kept()
        self._transport.close()

    def _write_kept(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None and not self._transport.is_closing():
            self._transport.write(kept)


class _HeadTooLarge(Exception):
    """The head of a request has more bytes than we keep of one."""


class _NoTunnel(Exception):
    """We are nobody's proxy."""


class Protocol(HttpToolsProtocol):
    """Serves one connection.

    A head has at most `HEAD_BYTES_MAX`, and so have the trailers of a body. What was asked for before something that
    cannot be read is answered first. A wish to upgrade is not heeded: the request is answered as it is, with its body
    (RFC 9110 §7.8).
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._part: Literal["head", "body", "none"] = "none"
        self._running: RequestResponseCycle | None = None
        self._head_bytes = 0
        # What came since anything was made of it: of a line that does not end, the parser would keep any number.
        self._unused_bytes = 0
        self._refused: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have a connection, with the server's own control of its flow."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.transport = cast(asyncio.Transport, OnePiece(self.transport, self.loop))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the request that is being answered: the server would tell the one that came last."""
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._refused is not None:
            return
        self._unset_keepalive_if_required()
        self._unused_bytes += len(data)
        try:
            self._read(data)
        except httptools.HttpParserError as error:
            self._refuse(431 if isinstance(error.__context__, _HeadTooLarge) else 400)
        else:
            if self._unused_bytes > HEAD_BYTES_MAX:
                self._refuse(431)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._part, self._head_bytes = "head", 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body is none, and could pass for what its sender may not say."""
        if self._part == "head":
            self._head_bytes += len(name) + len(value) + _AROUND_BYTES
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Have the request answered; one that wishes for an upgrade comes again without."""
        if self._head_bytes + len(self.url) > HEAD_BYTES_MAX:
            raise _HeadTooLarge
        if self.parser.should_upgrade():
            if self.parser.get_method() == b"CONNECT":
                raise _NoTunnel
            return
        super().on_headers_complete()
        self._part, self._unused_bytes = "body", 0

    def on_body(self, body: bytes) -> None:
        """Hand on a part of a body."""
        self._unused_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        if self._part == "body":
            self._part, self._unused_bytes = "none", 0
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with what was asked for next, or refuse what could not be read behind it."""
        super().on_response_complete()
        if self._refused is not None and not self._is_answering():
            self._close(self._refused)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _read(self, data: bytes) -> None:
        """Feed the parser, which takes a request that wishes for an upgrade for one without a body."""
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = self._head_without_upgrade() + data[upgrade.args[0] :]
                # The parser may have seen the last request of the connection, and would read no other.
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            else:
                return

    def _head_without_upgrade(self) -> bytes:
        version = self.parser.get_http_version().encode()
        headers = [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version), *headers, b"", b""])

    def _refuse(self, status: int) -> None:
        """Read no further, and close with an answer that says why, behind all that is owed."""
        _log.info("a connection is closed with %s: what comes on it cannot be read", status)
        self._refused = status
        is_of_last = self._part == "body"
        if is_of_last and self.pipeline:
            # The request that breaks off was not begun yet.
            self.pipeline.popleft()
        elif is_of_last and self.cycle.response_started:
            self.transport.close()
        if not self._is_answering() or (is_of_last and self._running is self.cycle):
            self._close(status)

    def _is_answering(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _close(self, status: int) -> None:
        if self.transport.is_closing():
            return
        text = _REFUSED[status].encode()
        lines = [name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers]
        lines += [b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(text)]
        self.transport.write(STATUS_LINE[status] + b"".join(lines) + b"connection: close\r\n\r\n" + text)
        self.transport.close()
