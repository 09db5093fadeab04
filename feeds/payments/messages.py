"""The provider's messages: which of them were taken, and up to when it was asked for those that did not come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from feeds.payments.provider import News
from ledger.datastore import Datastore, cursor_on
from ledger.instants import Instant
from ledger.recorder import Row
from ledger.sql import queries

FIRST_SWEEP: Final = timedelta(days=3)


class Messages:
    """Remembers messages. One that has an effect in the ledger is noted with it: see `row`."""

    def __init__(self, datastore: Datastore, *, clock: Callable[[], datetime]) -> None:
        self._datastore = datastore
        self._clock = clock
        self._sql = queries("feeds.payments", "messages.sql")

    def known(self, event_ids: Sequence[str]) -> set[str]:
        """Return which of some messages were taken."""
        with self._datastore.connection() as connection:
            cursor = cursor_on(connection).execute(self._sql["known"], {"event_ids": list(event_ids)})
            return {event_id for (event_id,) in cursor}

    def row(self, news: News) -> Row:
        """Return the row that says that a message was taken."""
        return Row(
            "provider_messages",
            {
                "event_id": news.event_id,
                "topic": news.topic,
                "ref": news.ref,
                "created_at": Instant.of(news.created_at),
                "received_at": Instant.of(self._clock()),
            },
        )

    def take(self, news: News) -> None:
        """Note that a message was taken; again, it stays so."""
        self._run("take", **self.row(news).values)

    def swept_to(self) -> datetime:
        """Return up to when the provider was asked for messages; before the first time, some days ago."""
        with self._datastore.connection() as connection:
            row = cursor_on(connection).execute(self._sql["swept_to"]).fetchone()
        return row[0] if row is not None else self._clock() - FIRST_SWEEP

    def swept(self, to: datetime) -> None:
        """Note up to when the provider was asked; it never goes back."""
        self._run("swept", to=to)

    def _run(self, query: str, **parameters: Any) -> None:
        with self._datastore.connection() as connection:
            connection.execute(self._sql[query], parameters)
