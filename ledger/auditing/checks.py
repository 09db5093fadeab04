"""Several checks as one: each is given the facts that it takes, in the order in which the checks are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ledger.auditing.findings import Check, Finding
from ledger.events import Event
from ledger.facts import Fact

Take = Callable[[Fact], Iterable[Finding]]


class Checks:
    """Checks over one log. Some look at what others before them have folded, so their order matters."""

    def __init__(self, *checks: Check) -> None:
        self._checks = checks
        self._takes: dict[type[Event], tuple[Take, ...]] = {}

    def take(self, facts: Iterable[Fact]) -> list[Finding]:
        """Take the next facts, and return what is wrong with them."""
        found: list[Finding] = []
        for fact in facts:
            takes = self._takes.get(type(fact.event)) or self._takes_of(type(fact.event))
            try:
                for take in takes:
                    found += take(fact)
            except OverflowError:
                found.append(Finding("line", fact.token, "holds a number that is beyond all credits"))
        return found

    def end(self) -> list[Finding]:
        """Return what is missing, once the log has ended."""
        return [finding for check in self._checks for finding in check.end()]

    def _takes_of(self, kind: type[Event]) -> tuple[Take, ...]:
        takes = tuple(check.take for check in self._checks if not check.EVENTS or kind in check.EVENTS)
        self._takes[kind] = takes
        return takes
