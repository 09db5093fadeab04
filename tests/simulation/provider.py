"""A payment provider, and what the service does with its word: messages come twice, late and out of order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from feeds.ingest import OUTAGES
from ledger import paying
from ledger.deciding import RowThere
from ledger.events import PaymentRefused
from ledger.payment import BUY_BACK, PaymentMoved, Word
from ledger.recorder import Row
from tests.simulation.bus import Bus
from tests.simulation.service import Process

PRICE_CENTS: Final = 500
CURRENCY: Final = "usd"
_AWAY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Session:
    """A checkout as the provider has it."""

    payment_id: UUID
    week: str
    entry: UUID
    status: str = "open"
    paid_at: datetime | None = None
    refunds: int = 0


class Provider:
    """Takes money, gives it back, and tells of it on `messages`."""

    def __init__(self, messages: Bus) -> None:
        self.messages = messages
        self._sessions: dict[UUID, Session] = {}
        self._told = 0

    def open(self, payment_id: UUID, *, week: str, entry: UUID) -> None:
        """Open a checkout; again, the same one."""
        self._sessions.setdefault(payment_id, Session(payment_id, week, entry))

    def pay(self, payment_id: UUID, at: datetime) -> None:
        """Take the money."""
        self._change(replace(self._sessions[payment_id], status="paid", paid_at=at))

    def refund(self, payment_id: UUID) -> None:
        """Give the money back: once, however often that is asked for under the payment's id."""
        session = self._sessions[payment_id]
        if not session.refunds:
            self._change(replace(session, refunds=1))

    def payment(self, payment_id: UUID) -> Session:
        """Return how a payment stands."""
        return self._sessions[payment_id]

    def payments(self) -> Sequence[Session]:
        """Return all payments."""
        return list(self._sessions.values())

    def _change(self, session: Session) -> None:
        self._sessions[session.payment_id] = session
        self._told += 1
        self.messages.publish(f"event{self._told} {session.payment_id}".encode())


def mind_payments(process: Process, provider: Provider) -> None:
    """Hear what the provider tells, and give what was paid for, or send it back."""
    scheduler = process.world.scheduler
    while True:
        scheduler.wait(provider.messages.has_news, provider.messages.news)
        number, message = provider.messages.deliver()
        event, payment_id = message.decode().split()
        try:
            _look_into(process, provider, UUID(payment_id), event)
            process.chaos.step()
        except (PaymentMoved, *OUTAGES):
            scheduler.sleep(_AWAY_SECONDS)
        else:
            provider.messages.acknowledge(number)


def _look_into(process: Process, provider: Provider, payment_id: UUID, event: str) -> None:
    known = paying.version_of(process.ledger, payment_id).result()
    said = provider.payment(payment_id)
    # What the provider says is on its way to us while others hear of it, too.
    process.chaos.step()
    with suppress(RowThere):
        row = Row("webhooks", {"event": event})
        paying.hear(process.ledger, _word(said), known=known, request=event, row=row).result()
    if said.status != "paid":
        return
    assert said.paid_at is not None
    decided = paying.buy_back(
        process.ledger,
        entry=said.entry,
        week=said.week,
        payment_id=payment_id,
        paid_at=said.paid_at,
        request=str(payment_id),
    )
    if isinstance(decided.event, PaymentRefused):
        process.chaos.step()
        provider.refund(payment_id)


def _word(said: Session) -> Word:
    return Word(
        payment_id=said.payment_id,
        kind=BUY_BACK,
        week=said.week,
        status=said.status,
        amount_cents=PRICE_CENTS,
        currency=CURRENCY,
        paid_at=said.paid_at,
        refunded_cents=PRICE_CENTS * said.refunds,
    )
