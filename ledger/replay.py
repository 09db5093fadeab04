"""Replay: the week's books recomputed from the log alone, for whoever wants what they come to.

It is the part of an audit that needs nothing but the movements: continuity, double entry, standings and prizes.
`ledger.auditing` has the checks, and the others beside them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final
from uuid import UUID

from ledger.auditing.books import Balances, Books
from ledger.auditing.checks import Checks
from ledger.auditing.continuity import Continuity
from ledger.auditing.findings import Finding
from ledger.auditing.prizes import Prizes
from ledger.auditing.standings import Standings
from ledger.facts import Fact
from ledger.standings import Standing, rank

_FACTS_AT_ONCE: Final = 100


class Replay:
    """The fold of a log. `findings` says what does not add up; an honest log has none."""

    def __init__(self, log: str) -> None:
        self.log = log
        self.findings: list[Finding] = []
        self.ledger = Books()
        self._continuity = Continuity(log)
        self._standings = Standings(log, self.ledger)
        self._prizes = Prizes(log, self.ledger)
        self._checks = Checks(self._continuity, self.ledger, self._standings, self._prizes)

    def fold(self, facts: Iterable[Fact]) -> Replay:
        """Book facts in order and return this replay."""
        remaining = iter(facts)
        while some := list(islice(remaining, _FACTS_AT_ONCE)):
            self.findings += self._checks.take(some)
        return self

    @property
    def position(self) -> int:
        """The position of the last fact."""
        return self._continuity.position

    @property
    def faults(self) -> list[str]:
        """What does not add up, each with its place."""
        return [f"{finding.at} {finding.text}" for finding in self.findings]

    @property
    def books(self) -> Mapping[str, Balances]:
        """The four balances of each pool, by name."""
        return self.ledger.pools

    @property
    def total(self) -> Balances:
        """The balances of all pools together."""
        return self.ledger.total

    @property
    def pool_of(self) -> dict[UUID, str]:
        """The pool of each entry, by name."""
        return {account.entry: account.pool for account in self.ledger.accounts.values()}

    @property
    def balances(self) -> dict[UUID, int]:
        """What each entry has."""
        return {account.entry: account.available for account in self.ledger.accounts.values()}

    @property
    def bets(self) -> Counter[str]:
        """How many bets stand at each outcome: open, won, lost, push or void."""
        return self.ledger.bets.by_outcome()

    @property
    def standings_hash(self) -> str | None:
        """The hash of the standings where the log last claimed one."""
        return self._standings.hash

    def standings(self) -> dict[str, tuple[Standing, ...]]:
        """Return the standings by pool, A to Z before AA."""
        pools = self.ledger.standings()
        return {name: rank(pools[name]) for name in sorted(pools, key=lambda name: (len(name), name))}

    def unbalanced(self) -> list[str]:
        """Return the pools whose books do not add up to zero."""
        return [name for name, books in self.books.items() if not books.is_balanced]

    def unawarded(self) -> list[str]:
        """Return what the final standings award and no event does; at the end of a log there is none."""
        return list(self._prizes.unawarded())
