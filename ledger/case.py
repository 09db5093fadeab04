"""A case: what an operator disputes, the change that was proposed, who agreed to it, and how it ended."""

from __future__ import annotations

import unicodedata
from typing import Final
from uuid import UUID

from ledger.account import KeyReused
from ledger.aggregate import Aggregate, LedgerError
from ledger.events import CaseApplied, CaseApproved, CaseClosed, CaseOpened, CaseProposed, Event
from ledger.facts import Fact
from ledger.proposal import Proposal

_NAMED: Final = ("week", "projection", "dead-letter", "source")
_WITH_ID: Final = ("game", "market", "bet")
WORDS_MAX: Final = 500
# Controls, halves of surrogate pairs and line separators: a read model, a list or a terminal would choke on them.
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


class UnknownCase(LedgerError):
    """No such case was opened in this log."""

    code = "unknown_case"


class UnknownSubject(LedgerError):
    """The text names nothing that a case can be about."""

    code = "unknown_subject"


class ReasonNeeded(LedgerError):
    """What an operator does is kept with a reason in a line of text, and none was given."""

    code = "reason_needed"


class CaseNotOpen(LedgerError):
    """The case is over: what else there is to say needs a new one."""

    code = "case_closed"


class NothingProposed(LedgerError):
    """There is no proposal in the case that could be approved or applied."""

    code = "nothing_proposed"


class SecondOperatorNeeded(LedgerError):
    """The change needs the approval of an operator other than the one who proposed it."""

    code = "second_operator_needed"


class PreviewOutdated(LedgerError):
    """What was previewed is no longer what would happen: preview and propose again."""

    code = "preview_outdated"


class CaseMoved(LedgerError):
    """Something was done in the case since the operator looked at it."""

    code = "precondition_failed"


class Case(Aggregate):
    """One case. The facts that it keeps answer commands that come again, by the request of each.

    `seen` is the version at which the operator looked at it: where it has another by now, CaseMoved is raised.
    """

    def __init__(self) -> None:
        self.opened: Fact | None = None
        self.proposed: Fact | None = None
        self.approved: Fact | None = None
        self.applied: Fact | None = None
        self.closed: Fact | None = None
        self._answers: dict[tuple[str, str], Fact] = {}

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done in it."""
        return self.opened is not None and self.closed is None

    @property
    def proposal(self) -> Proposal:
        """What was proposed last; raises NothingProposed."""
        if self.proposed is None:
            raise NothingProposed(f"case {self.id} has no proposal: preview a change and propose it first")
        assert isinstance(self.proposed.event, CaseProposed)
        return Proposal.parse(self.proposed.event.change)

    def open(self, *, subject: str, reason: str) -> Fact:
        """Open the case; raises UnknownSubject, ReasonNeeded, or KeyReused where its request opened another one."""
        opening = CaseOpened(case_id=self.id, reason=reason.strip(), subject=subject)
        first = self._answer_to(opening)
        if first is not None:
            return first
        _require_subject(subject)
        require_words(opening.reason, f"a case on {subject} needs a reason")
        return self.trigger(opening)

    def propose(self, proposal: Proposal, *, preview_hash: str, seen: int | None = None) -> Fact:
        """Propose a change in the place of an earlier one, whose approval does not count for it."""
        proposing = CaseProposed(change=proposal.text, preview_hash=preview_hash)
        first = self._answer_to(proposing)
        if first is not None:
            return first
        self._require_open(seen)
        return self.trigger(proposing)

    def approve(self, *, preview_hash: str, seen: int | None = None) -> Fact:
        """Agree to what was proposed last, as another operator; raises PreviewOutdated where that is something else.

        Raises NothingProposed, or SecondOperatorNeeded for who proposed it. Who agrees second adds nothing.
        """
        first = self._answer_to(CaseApproved())
        if first is not None:
            return first
        self._require_open(seen)
        proposed = self._current(preview_hash)
        if proposed.actor == self.context.actor:
            raise SecondOperatorNeeded(f"case {self.id} was proposed by {proposed.actor}: another operator approves it")
        return self.approved or self.trigger(CaseApproved())

    def require_ready(self, *, resolution: int, seen: int | None = None) -> None:
        """Refuse to carry out what is proposed unless it may be now.

        `resolution` is the game's: where it is not that of the preview, raises PreviewOutdated. Raises CaseNotOpen,
        NothingProposed or SecondOperatorNeeded.
        """
        self._require_open(seen)
        proposal = self.proposal
        if proposal.needs_approval and self.approved is None:
            raise SecondOperatorNeeded(
                f"case {self.id} needs the approval of an operator who did not propose its change"
            )
        if proposal.resolution != resolution:
            raise PreviewOutdated(
                f"case {self.id} was previewed on resolution {proposal.resolution} of game {proposal.change.game_id}, "
                f"which is at {resolution} now: preview and propose again"
            )

    def conclude(self, *, outcome: str) -> list[Fact]:
        """Note that the change was carried out, and close the case."""
        return [self.trigger(CaseApplied()), self.trigger(CaseClosed(outcome=outcome))]

    def close(self, *, outcome: str, seen: int | None = None) -> Fact:
        """Close the case without a change; `outcome` says why."""
        closing = CaseClosed(outcome=outcome)
        first = self._answer_to(closing)
        if first is not None:
            return first
        self._require_open(seen)
        return self.trigger(closing)

    def _current(self, preview_hash: str) -> Fact:
        if self.proposed is None:
            raise NothingProposed(f"case {self.id} has no proposal to approve")
        assert isinstance(self.proposed.event, CaseProposed)
        if self.proposed.event.preview_hash != preview_hash:
            raise PreviewOutdated(
                f"case {self.id} proposes what preview {self.proposed.event.preview_hash} showed, not {preview_hash}: "
                "look at the case again"
            )
        return self.proposed

    def _require_open(self, seen: int | None) -> None:
        if self.opened is None:
            raise UnknownCase(f"there is no case {self.id}")
        if seen not in (None, self.version):
            raise CaseMoved(f"case {self.id} is at version {self.version}, and was looked at in {seen}: look again")
        if self.closed is not None:
            assert isinstance(self.closed.event, CaseClosed)
            raise CaseNotOpen(f"case {self.id} is closed, {self.closed.event.outcome!r}: open another one")

    def _answer_to(self, event: Event) -> Fact | None:
        """Return what the request under way did the first time; raises KeyReused where that was something else."""
        first = self._answers.get((event.TOPIC, self.context.request))
        if first is not None and first.event != event:
            raise KeyReused(f"request {self.context.request!r} did something else in case {self.id}: use a new key")
        return first

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case CaseOpened():
                self.opened = fact
            case CaseProposed():
                self.proposed, self.approved = fact, None
            case CaseApproved():
                self.approved = fact
            case CaseApplied():
                self.applied = fact
            case CaseClosed():
                self.closed = fact
        self._answers[fact.event.TOPIC, fact.request] = fact


def require_words(text: str, why: str) -> None:
    """Refuse what is no line of at most 500 characters that everybody can read with the log; raises ReasonNeeded."""
    if not text.strip() or not _is_line(text):
        raise ReasonNeeded(f"{why}, for everybody to read: one line of 1 to {WORDS_MAX} printable characters")


def _is_line(text: str) -> bool:
    return len(text) <= WORDS_MAX and not any(unicodedata.category(character) in _UNPRINTABLE for character in text)


def _require_subject(subject: str) -> None:
    kind, _, name = subject.partition(":")
    if (kind in _NAMED and name and _is_line(name)) or (kind in _WITH_ID and _is_id(name)):
        return
    raise UnknownSubject(
        f"{subject!r} is nothing that a case can be about: name one as {':<id>, '.join(_WITH_ID)}:<id>, "
        f"{':<name>, '.join(_NAMED)}:<name>"
    )


def _is_id(name: str) -> bool:
    try:
        return str(UUID(name)) == name
    except ValueError:
        return False
