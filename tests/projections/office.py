"""The office's log, written by the ledger's own aggregates: its facts are those that the game would write."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid5

from ledger.aggregate import Aggregate, Context
from ledger.ids import FAIRPOOL, OFFICE, prize_id
from ledger.payment import Payment, Word
from ledger.prize_payment import PrizeNotReleasable, PrizePaidAlready, PrizePayment, PrizeTerms
from tests.projections.book import START, Book

A = TypeVar("A", bound=Aggregate)
WEEK = "2026-W47"


class Office(Book):
    """Facts of the office's log; the aggregates that wrote them are kept by id."""

    def __init__(self) -> None:
        super().__init__(OFFICE)
        self.payments: dict[UUID, Payment] = {}
        self.prizes: dict[UUID, PrizePayment] = {}

    def open(self, payment: UUID, *, kind: str = "weekly_pass", week: str | None = WEEK) -> None:
        """Open a checkout of 5.00."""
        self._ask(
            self._payment(payment),
            lambda it: it.open(kind=kind, week=week, entry=None, amount_cents=500, currency="usd"),
        )

    def hear(self, payment: UUID, **said: Any) -> None:
        """Hear of a payment: unless told otherwise, that a weekly pass of 5.00 is paid."""
        word: dict[str, Any] = {
            "payment_id": payment,
            "kind": "weekly_pass",
            "week": WEEK,
            "status": "paid",
            "amount_cents": 500,
            "currency": "usd",
            "paid_at": START,
        }
        self._ask(self._payment(payment), lambda it: it.hear(Word(**(word | said))))

    def prize(self, entry: UUID, move: Callable[[PrizePayment, PrizeTerms], object], amount_cents: int = 5000) -> None:
        """Do something about an entry's prize."""
        terms = PrizeTerms(entry=entry, week=WEEK, amount_cents=amount_cents, currency="usd")
        prize = self.prizes.setdefault(entry, _born(PrizePayment, prize_id(entry)))
        self._ask(prize, lambda it: move(it, terms))

    def hold(self, entry: UUID, reason: str, why: str = "") -> None:
        self.prize(entry, lambda it, terms: it.hold(terms, reason=reason, why=why))

    def release(self, entry: UUID, why: str) -> None:
        self.prize(entry, lambda it, terms: it.release(terms, why=why))

    def fail(self, entry: UUID, reason: str) -> None:
        self.prize(entry, lambda it, terms: it.fail(terms, reason=reason, attempt=it.attempt))

    def pay(self, entry: UUID, paid_at: datetime = START, amount_cents: int = 5000) -> None:
        self.prize(entry, lambda it, terms: it.pay(terms, paid_at=paid_at, attempt=it.attempt), amount_cents)

    def _payment(self, payment: UUID) -> Payment:
        return self.payments.setdefault(payment, _born(Payment, payment))

    def _ask(self, aggregate: A, command: Callable[[A], object]) -> None:
        command(aggregate)
        facts: Iterable[Any] = aggregate.collect_events()
        for fact in facts:
            self.add(aggregate.id, fact.event)


def random_office(moves: Sequence[tuple[int, int, int]]) -> Office:
    """A valid log that takes each `move` (what, on which of them, how much) as far as it is possible by then."""
    office = Office()
    for what, which, much in moves:
        if what % 2:
            _payment_move(office, uuid5(FAIRPOOL, f"payment {which % 5}"), what // 2 % 5, much)
        else:
            _prize_move(office, uuid5(FAIRPOOL, f"entry {which % 5}"), what // 2 % 5)
    return office


def _payment_move(office: Office, payment: UUID, what: int, much: int) -> None:
    week = WEEK if payment.int % 2 else None
    match what:
        case 0 if payment not in office.payments:
            office.open(payment, week=week)
        case 1:
            office.hear(payment, week=week, status=("expired", "failed")[much % 2])
        case 2:
            office.hear(payment, week=week, paid_at=START + timedelta(seconds=much))
        case 3:
            office.hear(payment, week=week, refunded_cents=much % 501)
        case 4:
            office.hear(payment, week=week, dispute=("open", "won", "lost")[much % 3])


def _prize_move(office: Office, entry: UUID, what: int) -> None:
    try:
        match what:
            case 0:
                office.hold(entry, "identity")
            case 1:
                office.hold(entry, "operator", "looks odd")
            case 2:
                office.release(entry, "all is well")
            case 3:
                office.fail(entry, "account_closed")
            case 4:
                office.pay(entry)
    except (PrizePaidAlready, PrizeNotReleasable):
        return


def _born(kind: type[A], stream: UUID) -> A:
    aggregate = kind.blank(stream)
    aggregate.context = Context(log=OFFICE, actor="test", request="test")
    return aggregate
