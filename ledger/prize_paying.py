"""Use cases: the payment of a prize is held, released, noted as failed or as done. They append to the office's log."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from ledger.book import Decision
from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.prize_payment import OPERATOR, PrizePayment, PrizeTerms

T = TypeVar("T")
PROVIDER = "provider"


class PrizeStanding(NamedTuple):
    """How the payment of a prize stands. `state`: owed, held, failed or paid."""

    state: str
    reason: str | None
    released: frozenset[str]
    attempt: int
    waits_for_operator: bool


def standing(ledger: Ledger, *, entry: UUID) -> Future[PrizeStanding]:
    """Return how the payment of an entry's prize stands."""

    def decide(prize: PrizePayment) -> PrizeStanding:
        return PrizeStanding(prize.state, prize.reason, prize.released, prize.attempt, prize.waits_for_operator)

    return _ask(ledger, entry, decide, actor=PROVIDER, request="standing")


def hold_prize(
    ledger: Ledger, terms: PrizeTerms, *, reason: str = OPERATOR, why: str = "", actor: str, request: str
) -> Future[Fact | None]:
    """Keep a prize back, for an operator unless told; raises PrizePaidAlready. None where it changes nothing."""
    return _ask(
        ledger, terms.entry, lambda prize: prize.hold(terms, reason=reason, why=why), actor=actor, request=request
    )


def release_prize(ledger: Ledger, terms: PrizeTerms, *, why: str, actor: str, request: str) -> Future[Fact]:
    """Have what holds a prize count no longer, or a failed one tried again; again, the first time.

    Raises PrizeNotReleasable or PrizePaidAlready.
    """
    return _ask(ledger, terms.entry, lambda prize: prize.release(terms, why=why), actor=actor, request=request)


def fail_prize(ledger: Ledger, terms: PrizeTerms, *, reason: str, attempt: int, request: str) -> Future[Fact | None]:
    """Note that an attempt (0, 1, 2 …) to pay a prize failed, or that it came back."""

    def decide(prize: PrizePayment) -> Fact | None:
        return prize.fail(terms, reason=reason, attempt=attempt)

    return _ask(ledger, terms.entry, decide, actor=PROVIDER, request=request)


def pay_prize(
    ledger: Ledger, terms: PrizeTerms, *, paid_at: datetime, attempt: int, request: str
) -> Future[Fact | None]:
    """Note that an attempt (0, 1, 2 …) paid a prize; None where it is known to have failed since."""

    def decide(prize: PrizePayment) -> Fact | None:
        return prize.pay(terms, paid_at=paid_at, attempt=attempt)

    return _ask(ledger, terms.entry, decide, actor=PROVIDER, request=request)


def _ask(ledger: Ledger, entry: UUID, decide: Callable[[PrizePayment], T], *, actor: str, request: str) -> Future[T]:
    def on_prize(on: Decision) -> T:
        return decide(on.prize(entry))

    return ledger.desk(OFFICE).ask(on_prize, actor=actor, request=request)
