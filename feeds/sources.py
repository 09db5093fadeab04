"""When each source was last heard, kept by whoever takes the feed and looked at by whoever minds its silence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg.rows import TupleRow

from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

_GRAIN: Final = timedelta(seconds=1)


class Sources:
    """Reads and writes when sources were heard."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds", "sources.sql")

    def heard(self, heard: Mapping[str, datetime]) -> None:
        """Note when sources were heard; nothing moves back."""
        self._run("heard", sources=list(heard), heard=list(heard.values()))

    def last_heard(self) -> dict[str, datetime]:
        """Return when each source was last heard; one that never was is not there."""
        return dict(self._run("last_heard"))

    def _run(self, query: str, **parameters: Any) -> list[TupleRow]:
        with self._datastore.connection() as connection:
            cursor = cursor_on(connection).execute(self._sql[query], parameters)
            return cursor.fetchall() if cursor.description else []


class Ear:
    """Remembers in memory whom it hears, and writes down what is a second newer than what it wrote before.

    So a source costs at most one write a second, and a backlog one a batch, however many messages there are.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._heard: dict[str, datetime] = {}
        self._written: dict[str, datetime] = {}

    def hear(self, source: str, *, said_at: datetime, now: datetime) -> None:
        """Take note of a message. What a source says of times to come does not make it heard then."""
        at = min(said_at, now)
        self._heard[source] = max(at, self._heard.get(source, at))

    def write(self) -> None:
        """Keep what is news."""
        # A copy, as messages may be heard meanwhile.
        heard = dict(self._heard)
        news = {source: at for source, at in heard.items() if self._is_news(source, at)}
        if news:
            self._sources.heard(news)
            self._written |= news

    def _is_news(self, source: str, at: datetime) -> bool:
        written = self._written.get(source)
        return written is None or at >= written + _GRAIN
