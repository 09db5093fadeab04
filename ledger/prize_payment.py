"""The payment of a prize, in the office's log: owed, held for a reason, failed, or paid. It is paid once.

It is owed from the moment at which the week's log awards it, so its stream may be empty. What holds it is asked anew
before each attempt; an operator's hold, and a failure, stand until an operator releases them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import PaymentEvent, PrizeFailed, PrizeHeld, PrizePaid, PrizeReleased
from ledger.facts import Fact
from ledger.instants import Instant

OPERATOR: Final = "operator"
FAILED: Final = "failed"
# Without an account there is nowhere to pay to, and without a player nobody.
_NEEDED: Final = ("payout_account", "erased")


class PrizeNotReleasable(LedgerError):
    """Nothing holds the prize that an operator could have count no longer."""

    code = "prize_not_releasable"


class PrizePaidAlready(LedgerError):
    """The prize has been paid."""

    code = "prize_paid_already"


class PrizeTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What was awarded: one prize of an entry in a week."""

    entry: UUID
    week: str
    amount_cents: int
    currency: str


class PrizePayment(Aggregate):
    """One prize on its way. `released` are the reasons that hold it no longer, `attempt` counts failures."""

    def __init__(self) -> None:
        self.state = "owed"
        self.reason: str | None = None
        self.released: frozenset[str] = frozenset()
        self.attempt = 0
        self.freed: Fact | None = None
        self.paid: Fact | None = None

    @property
    def waits_for_operator(self) -> bool:
        """Whether it is not tried before an operator releases it."""
        return self.state == FAILED or self.reason == OPERATOR

    def hold(self, terms: PrizeTerms, *, reason: str, why: str = "") -> Fact | None:
        """Keep it back for a reason; raises PrizePaidAlready.

        None where it is kept back for that already. An operator's hold takes the place of any other; for what an
        operator has released, or while an operator is waited for, nobody else holds it.
        """
        self.require_unpaid()
        there = self.state == "held" and self.reason == reason
        if there or (reason != OPERATOR and (self.waits_for_operator or reason in self.released)):
            return None
        return self._happen(PrizeHeld, terms, reason=reason, why=why)

    def release(self, terms: PrizeTerms, *, why: str) -> Fact:
        """Have what holds it, or made it fail, count no longer; again, the first time.

        Raises PrizeNotReleasable or PrizePaidAlready.
        """
        self.require_unpaid()
        if self.freed is not None:
            return self.freed
        reason = FAILED if self.state == FAILED else self.reason
        if reason is None or reason in _NEEDED:
            what = f"is held for {reason}, which only the winner can mend" if reason else "is not held"
            raise PrizeNotReleasable(f"the prize of entry {terms.entry} {what}")
        return self._happen(PrizeReleased, terms, reason=reason, why=why)

    def fail(self, terms: PrizeTerms, *, reason: str, attempt: int) -> Fact | None:
        """Note that the provider refused an attempt, or that all of it came back after it had been paid.

        None where that attempt has failed already.
        """
        return self._happen(PrizeFailed, terms, reason=reason) if attempt == self.attempt else None

    def pay(self, terms: PrizeTerms, *, paid_at: datetime, attempt: int) -> Fact | None:
        """Note that an attempt left for the winner; again, the first time. None where that attempt failed since."""
        if attempt != self.attempt:
            return None
        return self.paid or self._happen(PrizePaid, terms, paid_at=Instant.of(paid_at))

    def require_unpaid(self) -> None:
        """Refuse to change what has been paid."""
        if self.paid is not None:
            raise PrizePaidAlready(f"prize {self.id} has been paid: it cannot be held or released any more")

    def _happen(self, event: Any, terms: PrizeTerms, **more: Any) -> Fact:
        values = {**msgspec.structs.asdict(terms), "kind": "prize", "paid_at": None, "payment_id": str(self.id), **more}
        return self.trigger(event(**values))

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        assert isinstance(fact.event, PaymentEvent)
        self.freed = fact if isinstance(fact.event, PrizeReleased) else None
        match fact.event:
            case PrizeHeld(reason=reason):
                self.state, self.reason = "held", reason
            case PrizeReleased(reason=reason):
                self.state, self.reason, self.released = "owed", None, self.released | {reason}
            case PrizeFailed(reason=reason):
                self.state, self.reason, self.paid = FAILED, reason, None
                self.attempt += 1
            case PrizePaid():
                self.state, self.reason, self.paid = "paid", None, fact
