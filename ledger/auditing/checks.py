"""Several checks as one: each is given the facts that it takes, in the order in which the checks are named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ledger.auditing.findings import Check, Finding
from ledger.events import Event
from ledger.facts import Fact

Take = Callable[[Fact], Iterable[Finding]]


class Checks:
    """Checks over one log. Some look at what others before them have folded, so their order matters."""

    def __init__(self, *checks: Check) -> None:
        self._checks = checks
        self._of_every_event = [check for check in checks if not check.EVENTS]
        # By which of those are done with the facts, and by the type of an event.
        self._takes: dict[tuple[bool, ...], dict[type[Event], tuple[Take, ...]]] = {}

    def take(self, facts: Sequence[Fact]) -> list[Finding]:
        """Take the next facts, and return what is wrong with them."""
        found: list[Finding] = []
        done = tuple([check.take_all(facts) for check in self._of_every_event])
        takes_of = self._takes.setdefault(done, {})
        for fact in facts:
            kind = type(fact.event)
            takes = takes_of.get(kind)
            if takes is None:
                takes = takes_of[kind] = self._takers(kind, done)
            try:
                for take in takes:
                    found += take(fact)
            except OverflowError:
                found.append(Finding("line", fact.token, "holds a number that is beyond all credits"))
        return found

    def end(self) -> list[Finding]:
        """Return what is missing, once the log has ended."""
        return [finding for check in self._checks for finding in check.end()]

    def _takers(self, kind: type[Event], done: Sequence[bool]) -> tuple[Take, ...]:
        over = [check for check, is_done in zip(self._of_every_event, done, strict=True) if is_done]
        wanting = [check for check in self._checks if not check.EVENTS or kind in check.EVENTS]
        return tuple(check.take for check in wanting if not any(check is each for each in over))
