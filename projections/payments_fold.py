"""The fold of the payments projection: from facts of the office and of weeks to rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from ledger.events import (
    DisputeClosed,
    EntryWithdrawn,
    PaymentAccepted,
    PaymentDisputed,
    PaymentEvent,
    PaymentExpired,
    PaymentFailed,
    PaymentPaid,
    PaymentRefunded,
    PaymentRefused,
    PrizeAwarded,
    PrizeFailed,
    PrizeHeld,
    PrizePaid,
    PrizeReleased,
    RefundFailed,
)
from ledger.facts import Fact
from ledger.ids import registration_stream
from ledger.payment import PASS
from projections.payment_rows import (
    AwardedPrize,
    Payment,
    PrizePayment,
    Purchase,
    PurchaseCount,
    UsedPass,
    WithdrawnPass,
)
from projections.projection import Key, Projection
from projections.rows import Rows
from projections.weeks import week_of


class PaymentsProjection(Projection):
    """Folds `payment.*`, `account.prize_awarded`, and the withdrawals of who has paid."""

    name = "payments"
    tables = (
        Payment,
        Purchase,
        PurchaseCount,
        UsedPass,
        WithdrawnPass,
        AwardedPrize,
        PrizePayment,
    )
    FOLDS = (PaymentAccepted, PaymentRefused, EntryWithdrawn, PrizeAwarded, PaymentEvent)

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The payment or prize whose stream the fact is in; the purchase that is decided, and its week's count."""
        match fact.event:
            case PaymentAccepted(payment_id=payment_id) | PaymentRefused(payment_id=payment_id):
                yield Purchase, UUID(payment_id)
                yield WithdrawnPass, UUID(payment_id)
                yield PurchaseCount, week_of(fact.log)
            case EntryWithdrawn():
                yield UsedPass, fact.stream
            case PrizeHeld() | PrizeReleased() | PrizeFailed() | PrizePaid():
                yield PrizePayment, fact.stream
            case PaymentEvent(week=week):
                yield Payment, fact.stream
                if week is not None:
                    yield PurchaseCount, week

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case PaymentAccepted() as event:
                _accept(rows, fact, event)
            case PaymentRefused() as event:
                _refuse(rows, fact, event)
            case EntryWithdrawn():
                _withdraw(rows, fact)
            case PrizeAwarded() as event:
                rows.add(_awarded(fact, event))
            case PrizeHeld() | PrizeReleased() | PrizeFailed() | PrizePaid() as event:
                _change_prize(rows, fact, event)
            case PaymentEvent() as event:
                _change_payment(rows, fact, event)


def _change_payment(rows: Rows, fact: Fact, event: PaymentEvent) -> None:
    known = rows.get(Payment, fact.stream) or _first(fact, event)
    payment = replace(known, position=fact.position, **_news(known, fact, event))
    rows.put(payment)
    if payment.week is not None and payment.status == "paid" and known.status != "paid":
        _count(rows, fact, payment.week, paid=1)


def _first(fact: Fact, event: PaymentEvent) -> Payment:
    """A checkout, or the first word on a renewal, which nobody opened here."""
    return Payment(
        log=fact.log,
        payment_id=fact.stream,
        kind=event.kind,
        week=event.week,
        entry=event.entry,
        amount_cents=event.amount_cents,
        currency=event.currency,
        opened_at=fact.at,
        position=fact.position,
    )


def _news(payment: Payment, fact: Fact, event: PaymentEvent) -> dict[str, Any]:
    match event:
        case PaymentPaid(paid_at=paid_at):
            return {"status": "paid", "paid_at": paid_at}
        case PaymentExpired():
            return {"status": "expired"}
        case PaymentFailed():
            return {"status": "failed"}
        case PaymentRefunded(amount_cents=amount):
            return {"refunded_cents": payment.refunded_cents + amount, "refunded_at": fact.at}
        case RefundFailed(amount_cents=amount):
            return {"refunded_cents": payment.refunded_cents - amount}
        case PaymentDisputed():
            return {"dispute": "open", "disputed_at": fact.at}
        case DisputeClosed(outcome=outcome):
            return {"dispute": outcome}
    return {}


def _accept(rows: Rows, fact: Fact, event: PaymentAccepted) -> None:
    payment_id = UUID(event.payment_id)
    _decide(rows, fact, payment_id, kind=event.kind, entry=event.entry, verdict="accepted", reason=None)
    if event.kind == PASS:
        rows.add(UsedPass(fact.log, registration_stream(event.entry), payment_id))


def _refuse(rows: Rows, fact: Fact, event: PaymentRefused) -> None:
    payment_id = UUID(event.payment_id)
    accepted = rows.get(Purchase, payment_id)
    entry = accepted.entry if accepted is not None else None
    _decide(rows, fact, payment_id, kind=event.kind, entry=entry, verdict="refused", reason=event.reason)
    withdrawn = rows.get(WithdrawnPass, payment_id)
    if withdrawn is not None:
        rows.remove(withdrawn)


def _decide(rows: Rows, fact: Fact, payment_id: UUID, **verdict: Any) -> None:
    week = week_of(fact.log)
    if rows.get(Purchase, payment_id) is None:
        _count(rows, fact, week, decided=1)
    rows.put(
        Purchase(log=fact.log, payment_id=payment_id, week=week, decided_at=fact.at, position=fact.position, **verdict)
    )


def _withdraw(rows: Rows, fact: Fact) -> None:
    used = rows.get(UsedPass, fact.stream)
    if used is not None:
        rows.remove(used)
        rows.add(WithdrawnPass(fact.log, used.payment_id))


def _count(rows: Rows, fact: Fact, week: str, *, paid: int = 0, decided: int = 0) -> None:
    count = rows.get(PurchaseCount, week) or PurchaseCount(fact.log, week)
    rows.put(replace(count, paid=count.paid + paid, decided=count.decided + decided))


def _awarded(fact: Fact, event: PrizeAwarded) -> AwardedPrize:
    return AwardedPrize(
        log=fact.log,
        entry=fact.stream,
        week=week_of(fact.log),
        rank=event.rank,
        amount_cents=event.amount_cents,
        currency=event.currency,
        awarded_at=fact.at,
        position=fact.position,
    )


def _change_prize(rows: Rows, fact: Fact, event: PrizeHeld | PrizeReleased | PrizeFailed | PrizePaid) -> None:
    assert event.entry is not None and event.week is not None
    prize = rows.get(PrizePayment, fact.stream) or PrizePayment(
        log=fact.log,
        prize_id=fact.stream,
        entry=event.entry,
        week=event.week,
        amount_cents=event.amount_cents,
        currency=event.currency,
        changed_at=fact.at,
        position=fact.position,
    )
    changes: dict[str, Any]
    match event:
        case PrizeHeld(reason=reason, why=why):
            changes = {"state": "held", "reason": reason, "why": why or None}
        case PrizeReleased(why=why):
            changes = {"state": "owed", "reason": None, "why": why or None}
        case PrizeFailed(reason=reason):
            changes = {"state": "failed", "reason": reason, "why": None, "attempt": prize.attempt + 1, "paid_at": None}
        case PrizePaid(paid_at=paid_at):
            changes = {"state": "paid", "reason": None, "why": None, "paid_at": paid_at}
    rows.put(replace(prize, changed_at=fact.at, position=fact.position, **changes))
