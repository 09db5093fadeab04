"""Observing the provider: its messages, and a sweep for those that did not come, say only that something happened.

What it is, the provider is asked then and there, so messages may come twice, late, out of order or never. A message is
taken in the transaction that records its effect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from feeds.payments.messages import Messages
from feeds.payments.payees import Payees
from feeds.payments.provider import About, News, Provider, ProviderPayment, ProviderRefused, ProviderSubscription
from feeds.payments.records import Records
from feeds.payments.setbacks import Setbacks
from feeds.payments.subscribers import ENDED, Subscribers
from feeds.payments.till import LONGEST, give_up
from feeds.payments.until_still import until_still
from ledger import paying
from ledger.datastore import Datastore
from ledger.deciding import RowThere
from ledger.events import RefundFailed
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.payment import Word
from ledger.recorder import Row
from projections.payments import Payment, PaymentsView, Place

# Messages are asked for again from a while before the last time: some are shown late.
OVERLAP: Final = timedelta(minutes=10)
# A checkout that is past its end for so long, and of which no message came, is asked about.
PATIENCE: Final = timedelta(minutes=5)
_A_PAGE: Final = 200
_log = logging.getLogger(__name__)


class Observer:
    """Takes the provider's messages, and looks for what they missed."""

    def __init__(
        self,
        ledger: Ledger,
        datastore: Datastore,
        *,
        provider: Provider,
        records: Records,
        subscribers: Subscribers,
        payees: Payees,
        payments: PaymentsView,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._messages = Messages(datastore, clock=clock)
        self._provider = provider
        self._records = records
        self._subscribers = subscribers
        self._payees = payees
        self._payments = payments
        self._clock = clock

    async def take_http(self, body: bytes, signature: str) -> None:
        """Take a message that came over HTTP; raises SignatureInvalid, or ProviderUnavailable: then it comes again."""
        await self.take(self._provider.news_of(body, signature))

    async def take(self, news: News) -> None:
        """Record what has happened to that of which a message speaks. One that was taken before changes nothing."""
        known = await asyncio.to_thread(self._messages.known, [news.event_id])
        if news.about is None or known:
            return
        try:
            await self._look_into(news, news.about)
        except ProviderRefused as error:
            # Asked again, it would be refused again, and no message may keep others from being taken.
            _log.error("message %s of %s %s comes to nothing: %s", news.event_id, news.about, news.ref, error)
            await asyncio.to_thread(self._messages.take, news)

    async def observe(self, payment_id: UUID, ref: str) -> ProviderPayment | None:
        """Ask the provider how a payment stands, record what is news, and return its word."""
        about: About = "checkout" if await self._has_checkout(payment_id) else "invoice"
        return await until_still(lambda: self._hear(payment_id, about, ref, None))

    async def observe_subscription(self, ref: str) -> ProviderSubscription | None:
        """Ask the provider how a subscription stands, keep it, and return its word."""
        return await until_still(lambda: self._observe_subscription(ref))

    async def sweep(self) -> int:
        """Take the messages that did not come, and ask about what they would have told; returns how much that was.

        That is, about checkouts that should have ended, and winners who wait for their account or identity. Raises
        ProviderUnavailable or PaymentMoved when all had their turn: then the same messages are asked for again.
        """
        began, setbacks = self._clock(), Setbacks()
        since = await asyncio.to_thread(self._messages.swept_to) - OVERLAP
        heard = [news async for news in self._provider.news(since=since) if news.about is not None]
        known = await asyncio.to_thread(self._messages.known, [news.event_id for news in heard])
        missed = [news for news in heard if news.event_id not in known]
        for news in missed:
            with setbacks.borne():
                await self.take(news)
        done = len(missed) + await self._ask_about_overdue(setbacks, before=began - LONGEST - PATIENCE)
        done += await self._ask_about_winners(setbacks)
        setbacks.tell()
        await asyncio.to_thread(self._messages.swept, began)
        return done

    async def _ask_about_overdue(self, setbacks: Setbacks, *, before: datetime) -> int:
        done, after = 0, None
        while page := await asyncio.to_thread(self._payments.still_open, before=before, after=after, limit=_A_PAGE):
            for payment in page:
                with setbacks.borne():
                    await self._ask_about(payment)
            done += len(page)
            after = _place(page[-1])
        return done

    async def _ask_about(self, payment: Payment) -> None:
        """Ask about a checkout that should have ended; what the provider refuses to say is an operator's to look at."""
        try:
            await self._ask_or_give_up(payment)
        except ProviderRefused as error:
            _log.error("payment %s is overdue, and cannot be asked about: %s", payment.payment_id, error)

    async def _ask_or_give_up(self, payment: Payment) -> None:
        """Ask about a checkout. One whose name is not known is asked for once more."""
        ref = await asyncio.to_thread(self._records.ref_of, payment.payment_id)
        if ref is None:
            payer = await asyncio.to_thread(self._records.payer, payment.payment_id)
            try:
                if payer is None:
                    raise ProviderRefused("its player is erased, and never saw a page to pay on", reason="erased")
                checkout = await self._provider.open_checkout(payer.order)
            except ProviderRefused:
                await give_up(self._ledger, payment)
                return
            ref = checkout.ref
            await asyncio.to_thread(self._records.note_checkout, payment.payment_id, ref=ref, url=checkout.url)
        await self.observe(payment.payment_id, ref)

    async def _ask_about_winners(self, setbacks: Setbacks) -> int:
        """Ask about accounts and checks for which prizes wait: an account's messages are in no list of ours."""
        awaited = await asyncio.to_thread(self._payees.awaited)
        for about, ref in awaited:
            with setbacks.borne():
                await self._ask_about_winner(about, ref)
        return len(awaited)

    async def _ask_about_winner(self, about: About, ref: str) -> None:
        try:
            await until_still(partial(self._observe_payee, about, ref))
        except ProviderRefused as error:
            _log.error("%s %s is awaited, and cannot be asked about: %s", about, ref, error)

    async def _look_into(self, news: News, about: About) -> None:
        """Ask about what a message speaks of, record what is news, and take the message."""
        match about:
            case "checkout" | "payment_intent" | "invoice":
                payment_id = await self._payment_behind(about, news.ref)
                row = self._messages.row(news)
                if payment_id is not None:
                    said = await until_still(lambda: self._hear(payment_id, about, news.ref, row))
                    if said is not None:
                        return
            case "subscription":
                await self.observe_subscription(news.ref)
            case "account" | "identity":
                await until_still(lambda: self._observe_payee(about, news.ref))
            case "transfer":
                # Prizes are looked after where they are paid: see `feeds.payments.prizes`.
                pass
        await asyncio.to_thread(self._messages.take, news)

    async def _hear(self, payment_id: UUID, about: About, ref: str, row: Row | None) -> ProviderPayment | None:
        known = await asyncio.wrap_future(paying.version_of(self._ledger, payment_id))
        said = await self._provider.payment(about, ref)
        if said is None or not await self._is_ours(said, known):
            return None
        await asyncio.to_thread(self._records.note, said)
        if said.kind == "subscription" and said.status == "paid" and known <= 1:
            await self._refuse_if_nobodys(said)
        request = str(row.values["event_id"]) if row is not None else f"asked/{payment_id}"
        with suppress(RowThere):
            heard = paying.hear(self._ledger, _word(said), known=known, request=request, row=row)
            for fact in await asyncio.wrap_future(heard):
                if isinstance(fact.event, RefundFailed):
                    _log.error("a refund of payment %s failed: pay it back in another way", payment_id)
        return said

    async def _refuse_if_nobodys(self, said: ProviderPayment) -> None:
        """Have a subscription's payment go back that was made when its player was erased.

        Before it is recorded as paid: cut short in between, it is done again. The cashier gives the money back.
        """
        if await asyncio.to_thread(self._records.payer, said.payment_id) is None:
            await asyncio.to_thread(
                paying.refuse,
                self._ledger,
                week=OFFICE,
                payment_id=said.payment_id,
                kind="subscription",
                reason="erased",
                request=str(said.payment_id),
            )

    async def _payment_behind(self, about: About, ref: str) -> UUID | None:
        named = await asyncio.to_thread(self._records.named, ref)
        if named is not None:
            return named[0]
        said = await self._provider.payment(about, ref)
        return said.payment_id if said is not None else None

    async def _has_checkout(self, payment_id: UUID) -> bool:
        """Say whether a payment was made on a checkout of ours: if not, it is the renewal of a subscription."""
        asked = self._ledger.desk(OFFICE).ask(
            lambda on: on.payment(payment_id).opened is not None, actor="provider", request="checkout"
        )
        return await asyncio.wrap_future(asked)

    async def _is_ours(self, said: ProviderPayment, version: int) -> bool:
        """Say whether the payment began here: others, such as a test system, may sell with the same account."""
        if version > 0:
            return True
        if said.subscription_ref is None:
            return False
        renewed = await self.observe_subscription(said.subscription_ref)
        return renewed is not None and await self._has_checkout(renewed.payment_id)

    async def _observe_subscription(self, ref: str) -> ProviderSubscription | None:
        stands = await asyncio.to_thread(self._subscribers.subscription, ref)
        said = await self._provider.subscription(ref)
        if said is None:
            return None
        known = stands.version if stands is not None else 0
        is_somebodys = await asyncio.to_thread(self._subscribers.keep, said, known=known)
        # One that began elsewhere is not ours to end.
        if not is_somebodys and said.status not in ENDED and await self._has_checkout(said.payment_id):
            await asyncio.to_thread(self._subscribers.cancel_later, said.ref)
        return said

    async def _observe_payee(self, about: str, ref: str) -> None:
        payee = await asyncio.to_thread(self._payees.called, ref)
        if payee is None:
            return
        if about == "account":
            account = await self._provider.account(ref)
            await asyncio.to_thread(self._payees.keep_account, payee, account)
        elif ref == payee.identity_ref:
            check = await self._provider.identity_check(ref)
            await asyncio.to_thread(self._payees.keep_identity, payee, check, number=payee.identity_number)


def _place(payment: Payment) -> Place:
    return payment.opened_at, payment.payment_id


def _word(said: ProviderPayment) -> Word:
    return Word(
        payment_id=said.payment_id,
        kind=said.kind,
        week=said.week,
        status=said.status,
        amount_cents=said.amount_cents,
        currency=said.currency,
        paid_at=said.paid_at,
        refunded_cents=said.refunded_cents,
        dispute=said.dispute,
    )
