"""What operators do about messages that could not be applied: look, try again, drop. Nothing is ever lost.

What is done stands as a case in the office's log before the letter is let go of, so a crash between the two leaves a
letter that can be tried again, which changes nothing.
"""

from __future__ import annotations

from typing import Final

from feeds.inbox import DeadLetter, Inbox
from feeds.ingest import Ingest, Taken
from ledger.aggregate import LedgerError
from ledger.cases import note_act
from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.ledger import Ledger

DROPPED: Final = "dropped"


class UnknownDeadLetter(LedgerError):
    """No dead letter has this number."""

    code = "unknown_dead_letter"


class DeadLetterResolved(LedgerError):
    """Something became of the dead letter already."""

    code = "dead_letter_resolved"


class DeadLetterMoved(LedgerError):
    """Something was done about the dead letter since the operator looked at it."""

    code = "precondition_failed"


class DeadLetters:
    """The dead letters of the feed, for operators."""

    def __init__(self, ledger: Ledger, inbox: Inbox, ingest: Ingest) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._ingest = ingest

    def letter(self, id: int) -> DeadLetter:
        """Return a dead letter; raises UnknownDeadLetter."""
        found = self._inbox.dead_letter(id)
        if found is None:
            raise UnknownDeadLetter(f"there is no dead letter {id}: see `fairpool dead-letters list --all`")
        return found

    def unresolved(self) -> list[DeadLetter]:
        """Return those that nothing became of yet, oldest first."""
        return self._inbox.dead_letters()

    def page(
        self, *, with_resolved: bool, place: int | None = None, is_back: bool = False, limit: int = 50
    ) -> list[DeadLetter]:
        """Return some, newest first, from behind the one with id `place` on; `is_back`: those before it."""
        return self._inbox.dead_letters_page(with_resolved=with_resolved, place=place, is_back=is_back, limit=limit)

    def retry(
        self, id: int, *, actor: str, request: str, reason: str = "tried again", seen: int | None = None
    ) -> DeadLetter:
        """Take a letter again as if it came now, and return what it is then; also one that was dropped.

        The same request changes nothing more. `seen`: the version that the operator looked at. Raises
        UnknownDeadLetter, DeadLetterMoved or DeadLetterResolved.
        """
        with self._inbox.alone_with_letter(id):
            letter = self.letter(id)
            if self._is_noted(request):
                return letter
            _require(letter, {None, DROPPED}, seen=seen)
            retried = self._ingest.retry(letter.body)
            self._note(letter, reason=reason, outcome=retried.reason or retried.taken, actor=actor, request=request)
            self._inbox.tried(id, reason=retried.reason)
            if retried.taken is not Taken.DEAD:
                self._inbox.resolve(id, retried.taken, by=actor, why=reason, at=self._ledger.clock())
            return self.letter(id)

    def drop(self, id: int, *, reason: str, actor: str, request: str, seen: int | None = None) -> DeadLetter:
        """Let go of a letter, which stays readable, and return it; the same request changes nothing more.

        Raises UnknownDeadLetter, DeadLetterMoved, DeadLetterResolved or ReasonNeeded.
        """
        with self._inbox.alone_with_letter(id):
            letter = self.letter(id)
            if letter.resolved == DROPPED and self._is_noted(request):
                return letter
            _require(letter, {None}, seen=seen)
            self._note(letter, reason=reason, outcome=DROPPED, actor=actor, request=request)
            self._inbox.resolve(id, DROPPED, by=actor, why=reason, at=self._ledger.clock())
            return self.letter(id)

    def _is_noted(self, request: str) -> bool:
        asked = self._ledger.desk(OFFICE).ask(
            lambda on: on.case_to_open().closed is not None, actor="operator", request=request
        )
        return asked.result()

    def _note(self, letter: DeadLetter, *, reason: str, outcome: str, actor: str, request: str) -> Fact:
        return note_act(
            self._ledger,
            log=OFFICE,
            subject=f"dead-letter:{letter.id}",
            reason=reason,
            outcome=outcome,
            actor=actor,
            request=request,
        ).result()


def _require(letter: DeadLetter, states: set[str | None], *, seen: int | None) -> None:
    if seen not in (None, letter.version):
        raise DeadLetterMoved(f"dead letter {letter.id} is at version {letter.version}, not {seen}: look again")
    if letter.resolved not in states:
        raise DeadLetterResolved(f"dead letter {letter.id} is {letter.resolved} already, by {letter.resolved_by}")
