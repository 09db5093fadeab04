"""The cashier: what was paid for is given, or the money goes back. A step that is cut short is done again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from feeds.payments.admission import Admission, NotAdmitted
from feeds.payments.observing import Observer
from feeds.payments.provider import Provider, ProviderRefused
from feeds.payments.records import Records
from feeds.payments.setbacks import Setbacks
from ledger import paying
from ledger.aggregate import LedgerError
from ledger.entry import AlreadyEnrolled
from ledger.ledger import Ledger
from ledger.payment import PurchaseRefused
from ledger.week import BettingClosed, RegistrationClosed
from projections.payment_rows import Payment
from projections.payments import PaymentsView

_A_PAGE: Final = 200
# Why a pass that was paid enrols nobody, as the log says it: nothing of it says who somebody is.
_REASONS: Final[dict[type[LedgerError], str]] = {
    AlreadyEnrolled: "second",
    BettingClosed: "late",
    NotAdmitted: "not_admitted",
    PurchaseRefused: "withdrawn",
    RegistrationClosed: "late",
}
_log = logging.getLogger(__name__)


class Cashier:
    """Fulfils payments, in the order in which they were paid, and refunds those that were refused."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        provider: Provider,
        observer: Observer,
        records: Records,
        payments: PaymentsView,
        admission: Admission,
    ) -> None:
        self._ledger = ledger
        self._provider = provider
        self._observer = observer
        self._records = records
        self._payments = payments
        self._admission = admission
        # A refund that is refused, or that fails later, is an operator's to look at: it is tried once by each process,
        # and again when a dispute has ended.
        self._tried: set[tuple[UUID, str | None]] = set()

    async def step(self) -> int:
        """Give and refund what is due now, and return how much that was.

        Raises ProviderUnavailable, or what else keeps a payment waiting, when all others had their turn.
        """
        done, setbacks = 0, Setbacks()
        async for payment in _each(self._payments.to_fulfil):
            with setbacks.borne():
                await asyncio.to_thread(self._fulfil, payment)
                done += 1
        async for payment in _each(self._payments.withdrawn_passes):
            with setbacks.borne():
                await asyncio.to_thread(self._refuse, payment, "withdrawn")
                done += 1
        async for payment in _each(self._payments.to_refund):
            with setbacks.borne():
                done += await self._refund(payment)
        setbacks.tell()
        return done

    def _fulfil(self, payment: Payment) -> None:
        payer = self._records.payer(payment.payment_id)
        if payer is None:
            self._refuse(payment, "erased")
            return
        assert payment.week is not None
        request = f"{payment.week}/{payment.payment_id}"
        try:
            if payment.kind == "weekly_pass":
                self._admission.enrol(
                    player_id=payer.player_id,
                    week=payment.week,
                    via="week_pass",
                    request=request,
                    payment_id=payment.payment_id,
                )
                return
            self._admission.require_admitted(player_id=payer.player_id, week=payment.week)
        except tuple(_REASONS) as refusal:
            self._refuse(payment, _REASONS[type(refusal)])
            return
        assert payment.entry is not None
        assert payment.paid_at is not None
        paying.buy_back(
            self._ledger,
            entry=payment.entry,
            week=payment.week,
            payment_id=payment.payment_id,
            paid_at=payment.paid_at,
            request=request,
        )

    def _refuse(self, payment: Payment, reason: str) -> None:
        assert payment.week is not None
        paying.refuse(
            self._ledger,
            week=payment.week,
            payment_id=payment.payment_id,
            kind=payment.kind,
            reason=reason,
            request=f"{payment.week}/{payment.payment_id}",
        )

    async def _refund(self, payment: Payment) -> bool:
        if (payment.payment_id, payment.dispute) in self._tried:
            return False
        try:
            await self._give_back(payment.payment_id)
        except ProviderRefused as error:
            _log.error("payment %s is to be refunded, and cannot be: %s", payment.payment_id, error)
        self._tried.add((payment.payment_id, payment.dispute))
        return True

    async def _give_back(self, payment_id: UUID) -> None:
        ref = await asyncio.to_thread(self._records.ref_of, payment_id)
        said = await self._observer.observe(payment_id, ref) if ref is not None else None
        if ref is None or said is None:
            raise ProviderRefused("the provider does not know it", reason="unknown")
        await self._provider.refund(said)
        said = await self._observer.observe(payment_id, ref)
        if said is None or said.refunded_cents < said.amount_cents:
            raise ProviderRefused("the refund did not go through", reason="refund_failed")


async def _each(query: Callable[..., list[Payment]]) -> AsyncIterator[Payment]:
    """Yield what a query finds, a page at a time: what cannot be done keeps nothing else from being done."""
    after: tuple[datetime, UUID] | None = None
    while page := await asyncio.to_thread(query, after=after, limit=_A_PAGE):
        for payment in page:
            yield payment
        assert page[-1].paid_at is not None
        after = page[-1].paid_at, page[-1].payment_id
