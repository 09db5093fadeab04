"""Payments: what was paid, what came of it in the week it was for, and how prizes are paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from projections.payment_rows import Payment, Purchase
from projections.view import View

__all__ = ["Payment", "PaymentsView", "Place", "Prize", "PrizeTotal", "Purchase", "Verdict"]

T = TypeVar("T")
Place = tuple[datetime, UUID]

_BEGINNING: Final = (datetime.min.replace(tzinfo=UTC), UUID(int=0))


@dataclass(frozen=True, slots=True)
class Prize:
    """A prize and how its payment stands: `state` is owed, held, failed or paid.

    `reason` is what holds it or made it fail, `why` an operator's words; `attempt` counts failures. `changed_at` is
    null as long as nothing has come of it.
    """

    entry: UUID
    week: str
    pool_id: UUID
    pool_name: str
    rank: int
    amount_cents: int
    currency: str
    awarded_at: datetime
    state: str
    reason: str | None
    why: str | None
    attempt: int
    paid_at: datetime | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A payment, and what became of it in its week: `verdict` is accepted, refused for a `reason`, or None."""

    payment_id: UUID
    kind: str
    week: str | None
    entry: UUID | None
    amount_cents: int
    currency: str
    opened_at: datetime
    status: str
    paid_at: datetime | None
    refunded_cents: int
    refunded_at: datetime | None
    dispute: str | None
    verdict: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class PrizeTotal:
    """How many prizes are in a state, and how much they are together."""

    state: str
    currency: str
    number: int
    amount_cents: int


class PaymentsView(View):
    """What readers, the cashier and the payer ask of payments and prizes.

    Lists of what is to be done are in order of time and id. They may be read on from behind a place: what cannot be
    done then keeps nothing else from being done.
    """

    NAME = "payments"

    def payment(self, payment_id: UUID) -> Payment | None:
        """Return a payment by id."""
        return self._one("payment", Payment, payment_id=payment_id)

    def payments(self, payment_ids: Sequence[UUID]) -> list[Payment]:
        """Return those of some payments that there are, in order of id."""
        return self._all("payments", Payment, payment_ids=list(payment_ids))

    def payments_of_week(self, week: str) -> list[Payment]:
        """Return all payments for a week, in order of id."""
        return self._all("payments_of_week", Payment, week=week)

    def payments_page(
        self,
        *,
        week: str | None = None,
        is_owed: bool = False,
        place: Place | None = None,
        is_back: bool = False,
        limit: int = 50,
    ) -> list[Verdict]:
        """Return some payments: from behind a place (`opened_at` and id) on, newest first.

        With `is_back` those before it, the nearest first. `is_owed`: only those that were refused and are not given
        back.
        """
        opened_at, payment_id = place or (None, None)
        return self._all(
            "payments_page",
            Verdict,
            week=week,
            is_owed=is_owed,
            opened_at=opened_at,
            payment_id=payment_id,
            is_back=is_back,
            limit=limit,
        )

    def open_disputes(self, payment_ids: Sequence[UUID]) -> list[Payment]:
        """Return those of some payments whose dispute is open or was lost."""
        return self._all("open_disputes", Payment, payment_ids=list(payment_ids))

    def to_fulfil(self, *, after: Place | None = None, limit: int) -> list[Payment]:
        """Return paid passes and buy-backs that are neither decided nor all refunded, by `paid_at`."""
        return self._work("to_fulfil", Payment, after, limit=limit)

    def to_refund(self, *, after: Place | None = None, limit: int) -> list[Payment]:
        """Return paid payments that were refused and are not all refunded, by `paid_at`.

        Without those whose dispute is open or was lost: the provider has taken that money already.
        """
        return self._work("to_refund", Payment, after, limit=limit)

    def withdrawn_passes(self, *, after: Place | None = None, limit: int) -> list[Payment]:
        """Return the payments for accepted passes whose player withdrew, and that are not refused, by `paid_at`."""
        return self._work("withdrawn_passes", Payment, after, limit=limit)

    def still_open(self, *, before: datetime, after: Place | None = None, limit: int) -> list[Payment]:
        """Return open payments that were opened before a time, by `opened_at`."""
        return self._work("still_open", Payment, after, before=before, limit=limit)

    def purchases_of_week(self, week: str) -> list[Purchase]:
        """Return what became of a week's paid payments, in order of the payment's id."""
        return self._all("purchases_of_week", Purchase, week=week)

    def prize(self, entry: UUID) -> Prize | None:
        """Return the prize of an entry, if it won one."""
        return self._one("prize", Prize, entry=entry)

    def prizes_of(self, entries: Sequence[UUID]) -> list[Prize]:
        """Return the prizes of some entries, oldest first."""
        return self._all("prizes_of", Prize, entries=list(entries))

    def prizes_of_week(self, week: str) -> list[Prize]:
        """Return all prizes of a week."""
        return self._all("prizes_of_week", Prize, week=week)

    def open_prizes(self, *, after: Place | None = None, limit: int) -> list[Prize]:
        """Return prizes that are owed, held or failed, by `awarded_at` and entry."""
        return self._work("open_prizes", Prize, after, limit=limit)

    def prizes_page(
        self,
        *,
        week: str | None = None,
        state: str | None = None,
        place: Place | None = None,
        is_back: bool = False,
        limit: int = 50,
    ) -> list[Prize]:
        """Return some prizes: from behind a place (`awarded_at` and entry) on, newest first.

        With `is_back` those before it, the nearest first.
        """
        awarded_at, entry = place or (None, None)
        return self._all(
            "prizes_page",
            Prize,
            week=week,
            state=state,
            awarded_at=awarded_at,
            entry=entry,
            is_back=is_back,
            limit=limit,
        )

    def prize_totals(self, week: str) -> list[PrizeTotal]:
        """Return the sums of a week's prizes by state."""
        return self._all("prize_totals", PrizeTotal, week=week)

    def paid_cents(self, entries: Sequence[UUID], *, since: datetime, until: datetime) -> int:
        """Return what some entries were paid in prizes from `since` on, before `until`."""
        return self._number("paid_cents", entries=list(entries), since=since, until=until)

    def _work(self, query: str, row_type: type[T], after: Place | None, **parameters: Any) -> list[T]:
        time, id = after or _BEGINNING
        return self._all(query, row_type, after_time=time, after_id=id, **parameters)
