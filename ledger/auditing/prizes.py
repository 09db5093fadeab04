"""The prizes of a final week are those that its rules and its standings come to, each awarded once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

from ledger.auditing.books import Books
from ledger.auditing.findings import Check, Finding
from ledger.events import Event, PrizeAwarded, WeekFinalised, WeekOpened
from ledger.facts import Fact
from ledger.prizes import awards
from ledger.rules import Rules


class Prizes(Check):
    """Works out what the final standings award, and takes off what is awarded. It stands behind the books."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (WeekOpened, WeekFinalised, PrizeAwarded)

    def __init__(self, log: str, books: Books) -> None:
        self.log = log
        self._books = books
        self._rules = Rules()
        self._owed: dict[UUID, PrizeAwarded] = {}

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        match fact.event:
            case WeekOpened(rules=rules):
                self._rules = rules
            case WeekFinalised():
                self._owe()
            case PrizeAwarded() as prize:
                owed = self._owed.pop(fact.stream, None)
                if prize != owed:
                    account = self._books.accounts.get(fact.stream.int)
                    pool = None if account is None else account.pool
                    due = "nothing" if owed is None else _told(owed)
                    text = f"awards entry {fact.stream} of pool {pool} {_told(prize)}, not {due}"
                    yield Finding("prizes", fact.token, text)

    def end(self) -> Iterator[Finding]:
        """Return what the final standings award and no event does."""
        for text in self.unawarded():
            yield Finding("prizes", self.log, text)

    def unawarded(self) -> Iterator[str]:
        """Yield what is owed, in words."""
        for entry, prize in self._owed.items():
            pool = self._books.accounts[entry.int].pool
            yield f"entry {entry} of pool {pool} is owed {_told(prize)}"

    def _owe(self) -> None:
        accounts, currency = self._books.accounts.values(), self._rules.prize_currency
        played = {account.entry for account in accounts if account.has_played}
        self._owed = {
            award.entry: PrizeAwarded(amount_cents=award.amount_cents, currency=currency, rank=award.rank)
            for pool in self._books.standings().values()
            for award in awards(pool, played=played, rules=self._rules)
        }


def _told(prize: PrizeAwarded) -> str:
    return f"{prize.amount_cents} cents {prize.currency} at rank {prize.rank}"
