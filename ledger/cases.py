"""Acts of operators that are no disputes, noted as a case that is opened and closed with the act.

So whoever reads the log finds who did it and why, under the same proofs as all else.
"""

from __future__ import annotations

from concurrent.futures import Future

from ledger.book import Decision
from ledger.facts import Fact
from ledger.ledger import Ledger


def note(on: Decision, *, subject: str, reason: str, outcome: str) -> Fact:
    """Note an act in the append of the act, and return the CaseClosed: its stream is the case, again the first one.

    In the log it stands behind the act. Raises UnknownSubject or ReasonNeeded, so that nothing is done unexplained.
    """
    case = on.case_to_open()
    case.open(subject=subject, reason=reason)
    return case.closed or case.close(outcome=outcome)


def note_act(
    ledger: Ledger, *, log: str, subject: str, reason: str, outcome: str, actor: str, request: str
) -> Future[Fact]:
    """Note an act that is no event itself. The same request is answered with its first note."""

    def decide(on: Decision) -> Fact:
        return note(on, subject=subject, reason=reason, outcome=outcome)

    return ledger.desk(log).ask(decide, actor=actor, request=request)


def explain(on: Decision, done: Fact, *, reason: str | None) -> Fact:
    """Note what an operator did with the week by hand, unless it had been done before, and return what was done.

    Without a reason, as the clock has none, nothing is noted.
    """
    if reason is not None and any(fact is done for fact in on.week().pending):
        note(on, subject=f"week:{on.log}", reason=reason, outcome=done.event.TOPIC)
    return done
