"""A payment, in the office's log, and the purchase that it is for, in a week's: each is a stream of its own.

The payment follows the provider: what it says is a state, from which follow the facts that are still missing here.
The purchase is where it is decided, once, whether a paid payment is credited or goes back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from ledger.aggregate import Aggregate, LedgerError
from ledger.events import (
    CheckoutOpened,
    DisputeClosed,
    PaymentAccepted,
    PaymentDisputed,
    PaymentEvent,
    PaymentExpired,
    PaymentFailed,
    PaymentPaid,
    PaymentRefunded,
    PaymentRefused,
    RefundFailed,
)
from ledger.facts import Fact
from ledger.instants import Instant

PASS: Final = "weekly_pass"
BUY_BACK: Final = "buy_back"


class PaymentMoved(LedgerError):
    """Something was recorded of the payment while the provider was asked: what it said may be out of date."""

    code = "payment_moved"


class PurchaseRefused(LedgerError):
    """The payment was refused before, and goes back: it buys nothing any more."""

    code = "payment_refused"


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider says of a payment. `refunded_cents` is the sum of refunds, `dispute` open, won, lost or None.

    `status`: open, paid, expired or failed.
    """

    payment_id: UUID
    kind: str
    week: str | None
    status: str
    amount_cents: int
    currency: str
    paid_at: datetime | None = None
    refunded_cents: int = 0
    dispute: str | None = None


class Payment(Aggregate):
    """A payment as the provider's word has it. One that is known from the provider alone is a renewal."""

    def __init__(self) -> None:
        self.opened: Fact | None = None
        self.terms: dict[str, Any] | None = None
        self.status = "unknown"
        self.refunded_cents = 0
        self.dispute: str | None = None

    def open(self, *, kind: str, week: str | None, entry: UUID | None, amount_cents: int, currency: str) -> Fact:
        """Note that a checkout is about to be opened; again, the first time.

        Raises ValueError for a payment that is known from the provider alone.
        """
        if self.opened is None and self.terms is not None:
            raise ValueError(f"payment {self.id} is {self.status} already, without a checkout of ours")
        return self.opened or self.trigger(
            CheckoutOpened(
                amount_cents=amount_cents,
                currency=currency,
                entry=entry,
                kind=kind,
                paid_at=None,
                payment_id=str(self.id),
                week=week,
            )
        )

    def hear(self, word: Word) -> list[Fact]:
        """Record what of the provider's word is news. A payment that was paid never becomes unpaid again."""
        facts = []
        if self.status != "paid" and word.status == "paid":
            assert word.paid_at is not None
            facts.append(self._happen(PaymentPaid, word, paid_at=Instant.of(word.paid_at)))
        elif self.status in ("unknown", "open") and word.status in ("expired", "failed"):
            facts.append(self._happen(PaymentExpired if word.status == "expired" else PaymentFailed, word))
        if word.status == "paid":
            facts += self._hear_of_refunds(word) + self._hear_of_dispute(word)
        return facts

    def _hear_of_refunds(self, word: Word) -> list[Fact]:
        more = word.refunded_cents - self.refunded_cents
        if more == 0:
            return []
        return [self._happen(PaymentRefunded if more > 0 else RefundFailed, word, amount_cents=abs(more))]

    def _hear_of_dispute(self, word: Word) -> list[Fact]:
        """Record how a dispute stands; behind one that ended there may be another."""
        facts: list[Fact] = []
        if word.dispute is None or word.dispute == self.dispute:
            return facts
        if self.dispute != "open":
            facts.append(self._happen(PaymentDisputed, word))
        if word.dispute != "open":
            facts.append(self._happen(DisputeClosed, word, outcome=word.dispute))
        return facts

    def _happen(self, event: Any, word: Word, **more: Any) -> Fact:
        terms = self.terms or {
            "amount_cents": word.amount_cents,
            "currency": word.currency,
            "entry": None,
            "kind": word.kind,
            "paid_at": None,
            "payment_id": str(self.id),
            "week": word.week,
        }
        return self.trigger(event(**{**terms, **more}))

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        event = fact.event
        assert isinstance(event, PaymentEvent)
        if self.version == 0:
            self.terms = {name: getattr(event, name) for name in PaymentEvent.__struct_fields__}
        match event:
            case CheckoutOpened():
                self.status, self.opened = "open", fact
            case PaymentPaid(paid_at=paid_at):
                assert self.terms is not None
                self.status, self.terms["paid_at"] = "paid", paid_at
            case PaymentExpired():
                self.status = "expired"
            case PaymentFailed():
                self.status = "failed"
            case PaymentRefunded(amount_cents=amount):
                self.refunded_cents += amount
            case RefundFailed(amount_cents=amount):
                self.refunded_cents -= amount
            case PaymentDisputed():
                self.dispute = "open"
            case DisputeClosed(outcome=outcome):
                self.dispute = outcome


class Purchase(Aggregate):
    """What a payment buys in a week. It is accepted or refused once; only what is withdrawn is refused after that."""

    def __init__(self) -> None:
        self.accepted: Fact | None = None
        self.refused: Fact | None = None

    def accept(self, *, payment_id: UUID, kind: str, entry: UUID) -> Fact:
        """Note that what was paid for is given, beside the facts that give it; raises PurchaseRefused."""
        self.require_not_refused(payment_id)
        return self.accepted or self.trigger(PaymentAccepted(entry=entry, kind=kind, payment_id=str(payment_id)))

    def refuse(self, *, payment_id: UUID, kind: str, reason: str) -> Fact:
        """Note that the money goes back."""
        return self.refused or self.trigger(PaymentRefused(kind=kind, payment_id=str(payment_id), reason=reason))

    def require_not_refused(self, payment_id: UUID) -> None:
        """Refuse to give what was refused before."""
        if self.refused is not None:
            assert isinstance(self.refused.event, PaymentRefused)
            raise PurchaseRefused(f"payment {payment_id} was refused before: {self.refused.event.reason}")

    def apply(self, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case PaymentAccepted():
                self.accepted = fact
            case PaymentRefused():
                self.refused = fact
