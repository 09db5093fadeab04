"""The standings that a settled and a final week claim are those that its movements come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from ledger.auditing.books import Books
from ledger.auditing.findings import Check, Finding
from ledger.events import Event, WeekFinalised, WeekSettled
from ledger.facts import Fact
from ledger.standings import standings_hash


class Standings(Check):
    """Hashes the standings where the log claims a hash; `hash` is the last that came out. It follows the books."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (WeekSettled, WeekFinalised)

    def __init__(self, log: str, books: Books) -> None:
        self.log = log
        self.hash: str | None = None
        self._books = books

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next claim."""
        assert isinstance(fact.event, WeekSettled | WeekFinalised)
        claimed, self.hash = fact.event.standings_hash, standings_hash(self.log, self._books.standings())
        if claimed != self.hash:
            yield Finding("standings", fact.token, f"claims standings {claimed}, the log comes to {self.hash}")
