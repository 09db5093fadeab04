"""Cases: opened, proposed, approved by another operator, applied, closed, each where it may be.

The aggregate that decided decides again, on what the log holds of its case.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

from msgspec import ValidationError

from ledger.aggregate import Context, LedgerError
from ledger.auditing.findings import Check, Finding
from ledger.case import Case, NothingProposed
from ledger.events import (
    CaseApplied,
    CaseApproved,
    CaseClosed,
    CaseOpened,
    CaseProposed,
    Event,
    WeekFinalised,
)
from ledger.facts import Fact
from ledger.ids import OFFICE, case_id
from ledger.proposal import Proposal


class Cases(Check):
    """The cases of a log, a week's or the office's. None that is open may outlast its week, but by an override."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        CaseOpened,
        CaseProposed,
        CaseApproved,
        CaseApplied,
        CaseClosed,
        WeekFinalised,
    )

    def __init__(self, log: str) -> None:
        self.log = log
        self._cases: dict[int, Case] = {}
        self._is_final = False
        # What was applied last, until it is closed.
        self._applied: Fact | None = None

    def proposal(self, case: UUID) -> Proposal | None:
        """Return what was proposed last in a case; None where nothing was that can be read."""
        known = self._cases.get(case.int)
        try:
            return None if known is None else known.proposal
        except (NothingProposed, ValidationError):
            return None

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        applied, self._applied = self._applied, None
        if applied is not None and (fact.position, fact.stream) != (applied.position + 1, applied.stream):
            yield _finding(applied, "applies a change, and is not closed in the same append")
        if isinstance(fact.event, WeekFinalised):
            self._is_final = True
            yield from self._finalised(fact)
        else:
            yield from (_finding(fact, text) for text in self._step(fact))

    def end(self) -> Iterator[Finding]:
        """Return what was applied last and not closed."""
        if self._applied is not None:
            yield _finding(self._applied, "applies a change, and is not closed in the same append")

    def _finalised(self, fact: Fact) -> Iterator[Finding]:
        if fact.actor.startswith("operator:") and fact.request.startswith("override: "):
            return
        for case in self._cases.values():
            if case.is_open:
                yield _finding(fact, f"makes the week final while case {case.id} is open")

    def _step(self, fact: Fact) -> Iterator[str]:
        """Let the case decide on the next step, and yield what is wrong with it; it goes on as the log has it."""
        case = self._cases.setdefault(fact.stream.int, Case.blank(fact.stream))
        case.context = Context(log=fact.log, actor=fact.actor, request=fact.request)
        decided: list[Event] = []
        try:
            if isinstance(fact.event, CaseOpened):
                yield from self._opened(case, fact, fact.event)
            elif not fact.actor.startswith("operator:") and not isinstance(fact.event, CaseClosed):
                yield f"is by {fact.actor}, who is no operator"
            self._decide(case, fact.event)
        except (LedgerError, ValidationError) as refusal:
            yield str(refusal)
        else:
            decided = [each.event for each in case.pending]
            if decided != [fact.event]:
                yield "says what the case said before, or what it does not come to"
        case.collect_events()
        if decided != [fact.event]:
            case.apply(fact)
        if isinstance(fact.event, CaseApplied):
            self._applied = fact

    def _opened(self, case: Case, fact: Fact, event: CaseOpened) -> Iterator[str]:
        expected = case_id(self.log, fact.request)
        if not fact.stream == event.case_id == expected:
            yield f"opens case {event.case_id} in stream {fact.stream}; by its request both are {expected}"
        if case.opened is not None:
            yield "opens the case a second time"

    def _decide(self, case: Case, event: Event) -> None:
        match event:
            case CaseOpened(subject=subject, reason=reason):
                case.open(subject=subject, reason=reason)
            case CaseProposed(change=change, preview_hash=preview_hash):
                case.propose(Proposal.parse(change), preview_hash=preview_hash)
            case CaseApproved():
                proposed = None if case.proposed is None else case.proposed.event
                case.approve(preview_hash=proposed.preview_hash if isinstance(proposed, CaseProposed) else "")
            case CaseApplied():
                if self.log == OFFICE:
                    raise NothingProposed(f"case {case.id} is of the office's log, where no game could change")
                case.require_ready(resolution=case.proposal.resolution)
                case.trigger(event)
            case CaseClosed() if case.applied is not None and case.closed is None:
                case.trigger(CaseClosed(outcome="recorded" if self._is_final else "applied"))
            case CaseClosed(outcome=outcome):
                case.close(outcome=outcome)


def _finding(fact: Fact, text: str) -> Finding:
    return Finding("case", fact.token, text)
