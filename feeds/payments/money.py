"""Money, composed: the parts that sell and pay, and the worker that follows up. Without a provider there is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from feeds.payments.admission import Admission
from feeds.payments.cashier import Cashier
from feeds.payments.observing import Observer
from feeds.payments.payees import Payees, PayoutDesk
from feeds.payments.prizes import PrizePayer, PrizePolicy
from feeds.payments.provider import Provider
from feeds.payments.records import Records
from feeds.payments.setbacks import Setbacks
from feeds.payments.subscribers import Subscribers, SubscriptionKeeper
from feeds.payments.till import Prices, Till
from feeds.settler import ProjectionBehind
from ledger.aggregate import LedgerError
from ledger.datastore import OUTAGES
from ledger.ledger import Ledger
from projections.payments import PaymentsView
from projections.runner import Runner

_SWEEP_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 5.0
_TRIED_AGAIN: Final = (LedgerError, ProjectionBehind, *OUTAGES)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What money is for here: what is sold at which price, and whether prizes are paid, to whom."""

    prices: Prices = field(default_factory=Prices)
    pays_prizes: bool = False
    policy: PrizePolicy = field(default_factory=PrizePolicy)


class Worker:
    """Follows up: gives what was paid for, refunds, enrols subscribers, pays prizes, and sweeps now and then."""

    def __init__(
        self, *, observer: Observer, cashier: Cashier, keeper: SubscriptionKeeper, payer: PrizePayer | None
    ) -> None:
        self._observer = observer
        self._cashier = cashier
        self._keeper = keeper
        self._payer = payer

    async def step(self) -> int:
        """Do what is due now, and return how much that was; raises ProviderUnavailable, ProjectionBehind."""
        done, failures = 0, []
        for part in (self._cashier, self._keeper, self._payer):
            try:
                done += await part.step() if part is not None else 0
            except _TRIED_AGAIN as failure:
                # What one part waits for keeps none of the others from their work.
                failures.append(failure)
        if failures:
            raise failures[0]
        return done

    async def sweep(self) -> int:
        """Look for what the provider's messages missed, and return how much that was."""
        missed, setbacks = 0, Setbacks()
        with setbacks.borne():
            missed += await self._observer.sweep()
        if self._payer is not None:
            with setbacks.borne():
                missed += await self._payer.look_for_reversed()
        setbacks.tell()
        return missed

    async def run(self, *, poll_seconds: float = 0.5) -> None:
        """Step and sweep until cancelled; what fails is tried again."""
        swept = -_SWEEP_SECONDS
        now = asyncio.get_running_loop().time
        while True:
            try:
                if now() - swept >= _SWEEP_SECONDS:
                    swept = now()
                    await self.sweep()
                await self.step()
                await asyncio.sleep(poll_seconds)
            except _TRIED_AGAIN as error:
                _log.warning("payments wait: %s", error)
                await asyncio.sleep(_PAUSE_SECONDS)


@dataclass(frozen=True, slots=True)
class Money:
    """All that handles money. `provider`, `observer` and `worker` are None where nothing is sold or paid."""

    till: Till
    records: Records
    subscribers: Subscribers
    payees: Payees
    payout_desk: PayoutDesk
    view: PaymentsView
    provider: Provider | None
    observer: Observer | None
    worker: Worker | None

    async def close(self) -> None:
        """Give the provider's connections back."""
        if self.provider is not None:
            await self.provider.close()


def compose(
    ledger: Ledger,
    projections: Runner,
    *,
    provider: Provider | None,
    terms: Terms,
    admission: Admission | None,
    clock: Callable[[], datetime],
) -> Money:
    """Return the parts that handle money, on one provider or none; with one, `admission` says who may take part."""
    store = ledger.datastore
    records, subscribers, payees, view = Records(store), Subscribers(store), Payees(store), PaymentsView(store)
    observer = worker = None
    if provider is not None:
        assert admission is not None
        observer = Observer(
            ledger,
            store,
            provider=provider,
            records=records,
            subscribers=subscribers,
            payees=payees,
            payments=view,
            clock=clock,
        )
        worker = Worker(
            observer=observer,
            cashier=Cashier(
                ledger, provider=provider, observer=observer, records=records, payments=view, admission=admission
            ),
            keeper=SubscriptionKeeper(ledger, subscribers, provider=provider, admission=admission, clock=clock),
            payer=PrizePayer(ledger, store, projections, provider=provider, policy=terms.policy, clock=clock)
            if terms.pays_prizes
            else None,
        )
    return Money(
        till=Till(ledger, records, subscribers, provider=provider, prices=terms.prices, clock=clock),
        records=records,
        subscribers=subscribers,
        payees=payees,
        payout_desk=PayoutDesk(payees, provider=provider, is_on=terms.pays_prizes),
        view=view,
        provider=provider,
        observer=observer,
        worker=worker,
    )
