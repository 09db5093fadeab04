"""Reads a log for the streams that follow it. Its methods wait for the database: they are called in worker threads."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from api.livefeed.ring import Page
from api.livefeed.telling import OwnAccount, streams_behind, told_of
from ledger.events import MarketQuoted
from ledger.facts import Fact, fact_of
from ledger.recorder import LogRecorder

PAGE: Final = 1_000
_OF_INTEREST: Final = ("account.", "game.", "settlement.", "week.")


class LogReader:
    """Reads one log."""

    def __init__(self, recorder: LogRecorder) -> None:
        self._recorder = recorder

    def head(self) -> int:
        """Return the position of the log's last event."""
        return self._recorder.head().position

    def page(self, *, after: int, until: int) -> Page:
        """Return the next page behind `after`, at most up to `until`."""
        records = self._recorder.read(after=after, until=until, limit=PAGE)
        facts = [fact_of(record) for record in records if record.topic.startswith(_OF_INTEREST)]
        own = [fact for fact in facts if fact.event.TOPIC.startswith("account.")]
        shared = [fact for fact in facts if not fact.event.TOPIC.startswith("account.")]
        streams = {stream for fact in shared for stream in streams_behind(fact)}
        past = self._past(streams) if streams else []
        return Page(after, records[-1].position if records else until, own, told_of(shared, past))

    def account(self, entry: UUID, *, until: int) -> OwnAccount:
        """Return an entry's account as it stood at a position."""
        account = OwnAccount(entry)
        for record in self._recorder.read_streams([entry]):
            if record.position <= until:
                account.fold(fact_of(record))
        return account

    def _past(self, streams: set[UUID]) -> list[Fact]:
        # Most of what happens to a game are quotes, and no game's state is in them.
        records = self._recorder.read_streams(list(streams))
        return [fact_of(record) for record in records if record.topic != MarketQuoted.TOPIC]
