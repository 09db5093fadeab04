"""The servers of a machine that has none: PostgreSQL and NATS, run by the program and gone when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from fairpool.embedded_nats import EmbeddedNats
from fairpool.embedded_postgres import EmbeddedPostgres
from fairpool.embedded_server import EmbeddedServerError

__all__ = ["EmbeddedNats", "EmbeddedPostgres", "EmbeddedServerError", "EmbeddedServers"]


class EmbeddedServers:
    """Both servers for as long as the `with` block runs, started side by side, their data under `data`.

    Entering raises EmbeddedServerError if one of them cannot start; the other is then stopped.
    """

    def __init__(self, data: Path) -> None:
        self._postgres = EmbeddedPostgres(data)
        self._nats = EmbeddedNats(data)
        self._running = ExitStack()

    @property
    def dsn(self) -> str:
        """The address of PostgreSQL, from entering on."""
        return self._postgres.dsn

    @property
    def url(self) -> str:
        """The address of NATS, from entering on."""
        return self._nats.url

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            with ThreadPoolExecutor(max_workers=2) as threads:
                starts = [threads.submit(starting.enter_context, server) for server in (self._postgres, self._nats)]
            for start in starts:
                start.result()
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()
