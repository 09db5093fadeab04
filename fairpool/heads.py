"""Connections on which nothing is asked: they are not kept for ever."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from fairpool.protocol import Protocol

HEAD_SECONDS: Final = 20.0


class PatientProtocol(Protocol):
    """Serves one connection, and waits so long for a request's head to come whole, from its first byte on.

    The first head of a connection is waited for from the moment when that is made; how long a connection may be idle
    between requests is the server's to say. Bodies have a time of their own (`api.http.middleware.BodyRules`).
    """

    head_seconds = HEAD_SECONDS

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._late: asyncio.TimerHandle | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a head is waited for, and not for ever."""
        return self._late is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have a connection, and wait for what is asked on it."""
        super().connection_made(transport)
        self._late = self.loop.call_later(self.head_seconds, self._be_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; of a head that has begun the rest is waited for."""
        super().data_received(data)
        if self._part == "head" and self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(self.head_seconds, self._be_late)

    def on_headers_complete(self) -> None:
        """Have the whole head."""
        self._stop_waiting()
        super().on_headers_complete()

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _be_late(self) -> None:
        self._late = None
        if self._is_answering():
            # What was asked for before is answered first.
            self._late = self.loop.call_later(self.head_seconds, self._be_late)
        else:
            self.transport.close()
