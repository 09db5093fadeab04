"""A plain model of a week's money: what payers did at the provider, and what the log may therefore say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from feeds.payments.provider import Kind
from ledger import weeks
from ledger.events import (
    AccountOpened,
    BetLost,
    BetWon,
    BoughtBack,
    EntryEnrolled,
    EntryWithdrawn,
    PaymentAccepted,
    PaymentRefused,
    StakePlaced,
    StakeReturned,
    WeekClosed,
)
from ledger.facts import Fact
from tests.feeds.payments.shop import PRICES


@dataclass
class ModelPayment:
    """A checkout, and what its payer, their bank and the operator did. Amounts are cents; `refunded` by hand."""

    payment_id: UUID
    player: str
    kind: Kind
    session: str
    is_slow: bool = False
    paid_at: datetime | None = None
    has_ended: bool = False
    refunded: int = 0
    dispute: str | None = None
    dispute_ref: str | None = None
    subscription: str | None = None

    @property
    def can_be_paid(self) -> bool:
        return not (self.is_slow or self.has_ended or self.paid_at)


@dataclass
class Standing:
    """An entry as the log has it so far."""

    available: int = 0
    open_bets: int = 0
    is_open: bool = False
    bought_back: str | None = None
    enrolled_by: str | None = None
    is_enrolled: bool = False
    has_left: bool = False


@dataclass
class Ruling:
    """What was decided of one payment, and how often it was given for."""

    accepted: int = 0
    refused: int = 0
    given: int = 0
    reason: str | None = None


@dataclass
class WeekModel:
    """Judges each decision of a week's log by what stood there before it, and by when the provider was paid."""

    week: str
    payments: dict[UUID, ModelPayment]
    entries: dict[str, UUID]
    rulings: dict[UUID, Ruling] = field(default_factory=dict)
    standings: dict[UUID, Standing] = field(default_factory=dict)
    is_closed: bool = False

    def judge(self, facts: Iterable[Fact]) -> None:
        """Read a log from its beginning; an assertion fails at the first decision that may not be."""
        for fact in facts:
            self._follow(fact)
            self._judge(fact)

    def _follow(self, fact: Fact) -> None:
        """Keep up with enrolments, credits and bets."""
        standing = self._standing(fact.stream)
        match fact.event:
            case WeekClosed():
                self.is_closed = True
            case AccountOpened():
                standing.is_open = True
            case EntryEnrolled(entry=entry, payment_id=payment_id):
                enrolled = self._standing(entry)
                enrolled.is_enrolled, enrolled.enrolled_by, enrolled.has_left = True, payment_id, False
                self.standings[fact.stream] = enrolled
            case EntryWithdrawn():
                standing.is_enrolled, standing.has_left = False, True
            case StakePlaced():
                standing.open_bets += 1
            case BetWon() | BetLost() | StakeReturned():
                standing.open_bets -= 1
            case BoughtBack(payment_id=payment_id):
                self._require_due(fact, standing, UUID(payment_id))
                standing.bought_back = payment_id
        standing.available = getattr(fact.event, "available", standing.available)

    def _judge(self, fact: Fact) -> None:
        match fact.event:
            case BoughtBack(payment_id=str(payment_id)) | EntryEnrolled(payment_id=str(payment_id)):
                self._ruling(payment_id).given += 1
            case PaymentAccepted(payment_id=payment_id):
                assert self.payments[UUID(payment_id)].paid_at is not None
                self._ruling(payment_id).accepted += 1
            case PaymentRefused(payment_id=payment_id, reason=reason):
                self._ruling(payment_id).refused += 1
                self._ruling(payment_id).reason = reason
                self._require_reason(fact, self.payments[UUID(payment_id)], reason)

    def _require_due(self, fact: Fact, standing: Standing, payment_id: UUID) -> None:
        """A buy-back is credited to who is bust, once, for what was paid in time while the week is played."""
        payment = self.payments[payment_id]
        assert payment.paid_at is not None
        assert payment.paid_at < weeks.buy_back_cutoff(self.week)
        assert not self.is_closed
        assert standing.available <= 0
        assert (standing.open_bets, standing.bought_back) == (0, None)
        assert self.entries[payment.player] == fact.stream

    def _require_reason(self, fact: Fact, payment: ModelPayment, reason: str) -> None:
        """What is refused is so for the reason that is given."""
        standing = self._standing(self.entries.get(payment.player, payment.payment_id))
        assert payment.paid_at is not None
        is_late = fact.at >= weeks.starts_at(self.week)
        if payment.kind == "buy_back":
            is_late = payment.paid_at >= weeks.buy_back_cutoff(self.week) or self.is_closed
        own = str(payment.payment_id)
        is_second = standing.is_enrolled and standing.enrolled_by != own
        if payment.kind == "buy_back":
            is_second = standing.bought_back not in (None, own)
        holds = {
            "late": is_late,
            "second": is_second,
            "not_bust": not standing.is_open or standing.available > 0 or standing.open_bets > 0,
            "withdrawn": standing.has_left,
            "not_admitted": any(each.dispute for each in self.payments.values() if each.player == payment.player),
        }
        assert holds[reason], f"payment {own} is refused as {reason}, which it is not: {standing}"

    def _standing(self, stream: UUID) -> Standing:
        return self.standings.setdefault(stream, Standing())

    def _ruling(self, payment: str) -> Ruling:
        return self.rulings.setdefault(UUID(payment), Ruling())

    def require_at_most_one_effect(self) -> None:
        """No payment is given for or decided twice, nor both; only a pass whose player left is refused after all."""
        for payment_id, ruling in self.rulings.items():
            told = f"payment {payment_id}: {ruling}"
            assert ruling.given == ruling.accepted <= 1, told
            assert ruling.refused <= 1, told
            assert not (ruling.accepted and ruling.refused) or ruling.reason == "withdrawn", told

    def require_convergence(self, refunded: Counter[UUID]) -> None:
        """Each paid payment was given for, or is refunded whole; `refunded` is what stands refunded at the provider."""
        for payment_id, payment in self.payments.items():
            ruling = self.rulings.get(payment_id, Ruling())
            told = f"{payment}: {ruling}, {refunded[payment_id]} cents refunded"
            if payment.paid_at is None:
                assert (ruling, refunded[payment_id]) == (Ruling(), 0), told
                continue
            if payment.kind == "subscription":
                assert (ruling.given, refunded[payment_id]) == (0, payment.refunded), told
                continue
            if ruling.refused:
                assert refunded[payment_id] == PRICES.cents[payment.kind] or payment.dispute in ("open", "lost"), told
            elif ruling.accepted:
                assert refunded[payment_id] == payment.refunded, told
            else:
                assert refunded[payment_id] == payment.refunded == PRICES.cents[payment.kind], told
