"""HTTP as uvicorn speaks it, but that an answer leaves in one piece."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


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


class Protocol(HttpToolsProtocol):
    """Serves one connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have a connection, with the server's own control of its flow."""
        super().connection_made(cast(asyncio.Transport, transport))
        self.transport = cast(asyncio.Transport, OnePiece(self.transport, self.loop))
