"""Payments: what was paid for is given beside its payment, and each payment gives once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from ledger.auditing.findings import Check, Finding
from ledger.events import BoughtBack, EntryEnrolled, Event, PaymentAccepted
from ledger.facts import Fact


class _Half(NamedTuple):
    """A payment that is accepted, or what it gives, and where: the other stands right beside it."""

    payment_id: str
    position: int
    token: str
    is_accepted: bool


class Payments(Check):
    """Pairs `payment.accepted` with the buy-back or enrolment of the same append, whichever of the two comes first."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (EntryEnrolled, BoughtBack, PaymentAccepted)

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._half: _Half | None = None

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        assert isinstance(fact.event, EntryEnrolled | BoughtBack | PaymentAccepted)
        payment_id = fact.event.payment_id
        if payment_id is None:
            return
        half = _Half(payment_id, fact.position, fact.token, isinstance(fact.event, PaymentAccepted))
        if half.is_accepted:
            if payment_id in self._given:
                yield Finding("books", fact.token, f"accepts payment {payment_id} a second time")
            self._given.add(payment_id)
        first, self._half = self._half, half
        if first is not None and _match(first, half):
            self._half = None
        elif first is not None:
            yield _alone(first)

    def end(self) -> Iterator[Finding]:
        """Return what is left without its other half."""
        if self._half is not None:
            yield _alone(self._half)


def _match(first: _Half, second: _Half) -> bool:
    is_pair = first.is_accepted is not second.is_accepted and first.payment_id == second.payment_id
    return is_pair and first.position + 1 == second.position


def _alone(half: _Half) -> Finding:
    text = "is accepted, and gives nothing" if half.is_accepted else "gives something, and is not accepted"
    return Finding("books", half.token, f"payment {half.payment_id} {text}")
