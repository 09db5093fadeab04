"""A week's money as the logs tell it: read from the first event on, so that no table has to be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from feeds.payments.differences import Amount, Awarded, Bought, Journal
from ledger.events import (
    BoughtBack,
    EntryEnrolled,
    EntryWithdrawn,
    PaymentAccepted,
    PaymentEvent,
    PaymentRefused,
    PrizeAwarded,
    PrizePaid,
    WeekOpened,
)
from ledger.facts import Fact, Record, fact_of
from ledger.ids import OFFICE, prize_id
from ledger.ledger import Ledger
from ledger.payment import Payment, Word
from ledger.prize_payment import PrizePayment
from ledger.replay import Replay
from ledger.weeks import ends_at, starts_at


@dataclass(slots=True)
class WeekMoney:
    """The fold of a week's log and of the office's: what was paid, bought, awarded and sent.

    `last_at` is when the last event of either was recorded.
    """

    week: str
    replay: Replay
    opened_at: datetime | None = None
    last_at: datetime | None = None
    grant: int = 0
    bought: dict[UUID, Bought] = field(default_factory=dict)
    awards: dict[UUID, Awarded] = field(default_factory=dict)
    _payments: dict[UUID, Payment] = field(default_factory=dict)
    _prizes: dict[UUID, PrizePayment] = field(default_factory=dict)
    _passes: dict[UUID, UUID] = field(default_factory=dict)
    _refused: dict[UUID, str] = field(default_factory=dict)

    @property
    def words(self) -> dict[UUID, Word]:
        """The week's payments, in the provider's words as they were heard; of subscriptions what was paid in it."""
        words = (_word(payment) for payment in self._payments.values())
        return {word.payment_id: word for word in words if is_of_week(word, self.week)}

    @property
    def purchases(self) -> dict[UUID, Bought]:
        """What payments bought in the week, and the subscriptions paid in it that were refused."""
        surplus = {each: Bought(refused=self._refused[each]) for each in self._refused.keys() & self.words.keys()}
        return surplus | self.bought

    @property
    def paid_prizes(self) -> dict[UUID, Amount]:
        """The prizes that count as paid, by prize."""
        return {prize: _paid(payment.paid) for prize, payment in self._prizes.items() if payment.paid is not None}

    @property
    def prize_states(self) -> dict[UUID, str]:
        """How the payment of each prize that was awarded stands, by prize: owed, held, failed or paid."""
        return {prize: self._prizes[prize].state if prize in self._prizes else "owed" for prize in self.awards}

    @property
    def journal(self) -> Journal:
        """Where the credits come from, and what is wrong with the books."""
        books = self.replay
        unbalanced = [f"the books of pool {pool} do not balance" for pool in books.unbalanced()]
        return Journal(
            log=self.week,
            accounts=len(books.pool_of),
            grant=self.grant,
            bought_back=sum(bought.credits for bought in self.bought.values()),
            issued=-books.total.issuance,
            faults=(*books.faults, *unbalanced, *books.unawarded()),
        )

    def word(self, payment_id: UUID) -> Word | None:
        """Return what is known of a payment for the week, or of one for a subscription that may be."""
        payment = self._payments.get(payment_id)
        return None if payment is None else _word(payment)

    def fold_week(self, fact: Fact) -> None:
        """Take a fact of the week's log."""
        self.replay.fold([fact])
        self.last_at = fact.at
        match fact.event:
            case WeekOpened(rules=rules):
                self.opened_at, self.grant = fact.at, rules.grant
            case PaymentAccepted(payment_id=payment_id, kind=kind):
                self._bought(payment_id).accepted = kind
            case PaymentRefused(payment_id=payment_id, reason=reason):
                self._bought(payment_id).refused = reason
            case EntryEnrolled(payment_id=payment_id, entry=entry, via="week_pass"):
                # A pass without a payment is one that nobody paid: the entry stands for it.
                self._passes[fact.stream] = self._give(payment_id or str(entry))
            case EntryWithdrawn() if fact.stream in self._passes:
                self.bought[self._passes.pop(fact.stream)].in_use = False
            case BoughtBack(payment_id=payment_id, amount=amount):
                self.bought[self._give(payment_id)].credits += amount
            case PrizeAwarded(amount_cents=cents, currency=currency):
                self.awards[prize_id(fact.stream)] = Awarded(fact.stream, Amount(cents, currency))

    def fold_office(self, fact: Fact) -> None:
        """Take a fact of the office's log, if it is about the week or may come to be."""
        self.last_at = max(fact.at, self.last_at or fact.at)
        match fact.event:
            case PaymentRefused(payment_id=payment_id, reason=reason):
                self._refused[UUID(payment_id)] = reason
            case PaymentEvent(kind="prize", week=week):
                if week == self.week:
                    self._prizes.setdefault(fact.stream, PrizePayment.blank(fact.stream)).fold(fact)
            case PaymentEvent(kind="subscription", paid_at=paid_at):
                if paid_at is None or _is_within(paid_at, self.week):
                    self._payments.setdefault(fact.stream, Payment.blank(fact.stream)).fold(fact)
            case PaymentEvent(week=week) if week == self.week:
                self._payments.setdefault(fact.stream, Payment.blank(fact.stream)).fold(fact)

    def _give(self, payment: str) -> UUID:
        bought = self._bought(payment)
        bought.given += 1
        bought.in_use = True
        return UUID(payment)

    def _bought(self, payment: str) -> Bought:
        return self.bought.setdefault(UUID(payment), Bought())


def read(ledger: Ledger, week: str) -> WeekMoney:
    """Read what the logs tell of a week's money, in one pass through each; raises LogNotOpen.

    Of the office's log only the week's part is kept, of subscriptions also those that nobody has paid.
    """
    told = WeekMoney(week, Replay(week))
    for record in _records(ledger, week):
        told.fold_week(fact_of(record))
    for record in _records(ledger, OFFICE):
        if record.topic.startswith("payment."):
            told.fold_office(fact_of(record))
    return told


def is_of_week(word: Word, week: str) -> bool:
    """Say whether a payment is for a week; that of a subscription is, if it was paid in it."""
    if word.kind != "subscription":
        return word.week == week
    return word.status == "paid" and word.paid_at is not None and _is_within(word.paid_at, week)


def _is_within(instant: datetime, week: str) -> bool:
    return starts_at(week) <= instant < ends_at(week)


def _records(ledger: Ledger, log: str) -> Iterator[Record]:
    recorder = ledger.recorder(log)
    return recorder.read_all(until=recorder.head().position)


def _word(payment: Payment) -> Word:
    assert payment.terms is not None
    terms = {name: payment.terms[name] for name in ("kind", "week", "amount_cents", "currency", "paid_at")}
    return Word(
        payment_id=payment.id,
        status=payment.status,
        refunded_cents=payment.refunded_cents,
        dispute=payment.dispute,
        **terms,
    )


def _paid(fact: Fact) -> Amount:
    assert isinstance(fact.event, PrizePaid)
    return Amount(fact.event.amount_cents, fact.event.currency)
