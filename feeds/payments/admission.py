"""Who may take part, as the payments ask it: the answer needs to know people, which is the API's part."""

from __future__ import annotations

from typing import ClassVar, Protocol
from uuid import UUID

from ledger.aggregate import LedgerError
from ledger.facts import Fact


class NotAdmitted(LedgerError):
    """The person may not take part: restricted, gone, or outside the gates of age and place."""

    code: ClassVar[str] = "not_admitted"


class Admission(Protocol):
    """Lets people take part, or does not."""

    def require_admitted(self, *, player_id: UUID, week: str) -> None:
        """Return if the player may take part in a week; raises NotAdmitted."""
        ...

    def enrol(self, *, player_id: UUID, week: str, via: str, request: str, payment_id: UUID | None = None) -> Fact:
        """Enrol a player who may take part; raises NotAdmitted, or what the ledger's enrolment raises."""
        ...
