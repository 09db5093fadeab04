"""The ledger as a stream: each committed event on JetStream stream LEDGER, each signed checkpoint on CHECKPOINTS.

How to consume them: docs/streams.md.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Final

from nats.aio.client import Client

from feeds.checkpoints import Checkpoints
from feeds.outlet import PAUSE_SECONDS, POLL_SECONDS, TIMEOUT_SECONDS, Message, Outlet, provisioned
from ledger.datastore import Datastore, cursor_on
from ledger.facts import export_line
from ledger.recorder import LogRecorder
from ledger.sql import queries

LEDGER: Final = "LEDGER"
CHECKPOINTS: Final = "CHECKPOINTS"


class Events:
    """The committed events of all logs: subject `ledger.<log>.<topic>`, body the export line, number the position."""

    stream = LEDGER
    subjects = "ledger.>"

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds", "ledger_stream.sql")

    def subject_filter(self, log: str) -> str:
        """Return the filter of a log: topics are two tokens, and `.>` would take in a week's cells (2026-W47.c2)."""
        return f"ledger.{log}.*.*"

    def ends(self) -> dict[str, int]:
        """Return the head of each log."""
        with self._datastore.connection() as connection:
            return dict(cursor_on(connection).execute(self._sql["events_end"], prepare=True).fetchall())

    def page(self, log: str, *, after: int, limit: int) -> list[Message]:
        """Return the events behind a position, which whoever takes this server's place has as well."""
        recorder = LogRecorder(self._datastore, log)
        records = recorder.read(after=after, limit=limit)
        recorder.confirm()
        return [Message(each.position, f"ledger.{log}.{each.topic}", export_line(each)) for each in records]


class Notes:
    """The signed checkpoints of all logs: subject `checkpoints.<log>`, body the note, number the size."""

    stream = CHECKPOINTS
    subjects = "checkpoints.>"

    def __init__(self, datastore: Datastore, checkpoints: Checkpoints) -> None:
        self._datastore = datastore
        self._checkpoints = checkpoints
        self._sql = queries("feeds", "ledger_stream.sql")

    def subject_filter(self, log: str) -> str:
        """Return the one subject of a log."""
        return f"checkpoints.{log}"

    def ends(self) -> dict[str, int]:
        """Return the size of each log's newest checkpoint."""
        with self._datastore.connection() as connection:
            return dict(cursor_on(connection).execute(self._sql["notes_end"], prepare=True).fetchall())

    def page(self, log: str, *, after: int, limit: int) -> list[Message]:
        """Return the checkpoints beyond a size."""
        checkpoints = islice(self._checkpoints.all(log, after=after), limit)
        return [Message(each.size, self.subject_filter(log), each.note.encode()) for each in checkpoints]


class LedgerStream:
    """Publishes the events of all logs, and their signed checkpoints."""

    def __init__(
        self,
        client: Client,
        *,
        datastore: Datastore,
        checkpoints: Checkpoints,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        sources = (Events(datastore), Notes(datastore, checkpoints))
        self._outlets = [Outlet(client, source, timeout_seconds=timeout_seconds) for source in sources]

    async def run(self, *, poll_seconds: float = POLL_SECONDS, pause_seconds: float = PAUSE_SECONDS) -> None:
        """Publish what comes until cancelled, over outages of NATS and of the database (see `Outlet.run`)."""
        async with asyncio.TaskGroup() as group:
            for outlet in self._outlets:
                group.create_task(outlet.run(poll_seconds=poll_seconds, pause_seconds=pause_seconds))

    async def step(self) -> int:
        """Publish the next page of each log, and return how many messages that were; raises as `Outlet.step` does."""
        return sum([await outlet.step() for outlet in self._outlets])


async def provision(client: Client) -> None:
    """Create the streams where they are missing, for whoever wants to consume before anything is published."""
    context = client.jetstream(timeout=TIMEOUT_SECONDS)
    for source in (Events, Notes):
        await provisioned(context, source.stream, source.subjects)
