"""An entry's registration: enrolled, perhaps withdrawn, until the week starts."""

from __future__ import annotations

from uuid import UUID

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import EntryEnrolled, EntryWithdrawn
from ledger.facts import Fact


class NotEnrolled(LedgerError):
    """The player has no entry in the week."""

    code = "not_enrolled"


class AlreadyEnrolled(LedgerError):
    """The player takes part already: another payment for the week buys nothing."""

    code = "already_enrolled"


class Registration(Aggregate):
    """Whether one entry takes part in its week."""

    def __init__(self) -> None:
        self.enrolled: Fact | None = None
        self.withdrawn: Fact | None = None

    def enrol(self, *, entry: UUID, via: str, rules_hash: str, payment_id: str | None = None) -> Fact:
        """Take part; an entry that withdrew may come back."""
        return self.enrolled or self.trigger(
            EntryEnrolled(entry=entry, payment_id=payment_id, rules_hash=rules_hash, via=via)
        )

    def require_not_enrolled(self) -> None:
        """Refuse who takes part already."""
        if self.enrolled is not None:
            raise AlreadyEnrolled("this player takes part in the week already: there is nothing to pay for")

    def is_paid_by(self, payment_id: UUID) -> bool:
        """Say whether the entry takes part by a payment."""
        enrolled = self.enrolled.event if self.enrolled is not None else None
        return isinstance(enrolled, EntryEnrolled) and enrolled.payment_id == str(payment_id)

    def withdraw(self, *, reason: str) -> Fact:
        """Take part no longer."""
        if self.withdrawn is not None:
            return self.withdrawn
        if self.enrolled is None:
            raise NotEnrolled("there is no enrolment to withdraw")
        return self.trigger(EntryWithdrawn(reason=reason))

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case EntryEnrolled():
                self.enrolled, self.withdrawn = fact, None
            case EntryWithdrawn():
                self.enrolled, self.withdrawn = None, fact
