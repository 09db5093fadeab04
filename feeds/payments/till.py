"""The till: what is sold, and the checkouts on which it is paid. Whether it may be bought, the ledger says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Final
from uuid import UUID

import psycopg

from feeds.payments.provider import Kind, Order, Provider, ProviderRefused
from feeds.payments.records import Payer, PlayersPayment, Records
from feeds.payments.subscribers import Subscribers
from ledger import paying, weeks
from ledger.account import AccountNotOpen, KeyReused
from ledger.aggregate import LedgerError
from ledger.deciding import RowThere
from ledger.instants import Instant
from ledger.ledger import Ledger
from ledger.payment import PaymentMoved, Word
from ledger.recorder import Row
from projections.payments import Payment

# Within the provider's limits: a checkout may be open for 30 minutes to 24 hours.
LONGEST: Final = timedelta(hours=24) - timedelta(minutes=1)
SHORTEST: Final = timedelta(minutes=30)
_AT_ONCE: Final = 4
Admit = Callable[[int], None]


class PaymentsOff(LedgerError):
    """What is asked for is not sold here."""

    code: ClassVar[str] = "payments_off"


class CheckoutExpired(LedgerError):
    """The checkout of this request can be paid no longer."""

    code: ClassVar[str] = "checkout_expired"


class PayerGone(LedgerError):
    """The player was erased meanwhile."""

    code: ClassVar[str] = "unknown_player"


class AlreadySubscribed(LedgerError):
    """The player has a subscription already."""

    code: ClassVar[str] = "already_subscribed"


@dataclass(frozen=True, slots=True)
class Prices:
    """What is sold, in whole cents of a currency (ISO 4217, lower case). A kind without a price is not."""

    currency: str = "usd"
    cents: Mapping[Kind, int] = field(default_factory=dict)


class Till:
    """Opens checkouts at a provider. Without one nothing is sold, and the game is free."""

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        subscribers: Subscribers,
        *,
        provider: Provider | None,
        prices: Prices,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._records = records
        self._subscribers = subscribers
        self._provider = provider
        self._prices = prices
        self._clock = clock
        # Each holds a connection while the ledger needs another.
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    @property
    def prices(self) -> Prices:
        """What is sold here; without a provider that is nothing."""
        return self._prices if self._provider is not None else Prices(self._prices.currency)

    def sells(self, kind: Kind) -> bool:
        """Say whether something is sold here."""
        return kind in self.prices.cents

    @property
    def sells_entries(self) -> bool:
        """Whether taking part costs something: a pass or a subscription."""
        return self.sells("weekly_pass") or self.sells("subscription")

    async def checkout(
        self, *, player_id: UUID, kind: Kind, week: str | None, key: str, admit: Admit
    ) -> PlayersPayment:
        """Open a checkout and return it; for the same key, or while one of the kind is open, that one.

        `admit` is told the amount in cents and raises what keeps the player from paying it. Raises PaymentsOff,
        KeyReused, CheckoutExpired, AlreadySubscribed, what the ledger says of who may buy, ProviderUnavailable (then
        the same key goes on where it stopped) and ProviderRefused.
        """
        provider = self._provider
        if provider is None or not self.sells(kind):
            raise PaymentsOff(f"nothing of the kind {kind} is sold here: the game goes on without it")
        async with self._at_once:
            payer = await asyncio.to_thread(self._ordered, player_id, kind, week, key, admit)
        if payer.checkout_url is None:
            await self._open(provider, payer)
        payment = await asyncio.to_thread(self._records.payment, payer.payment_id, player_id=player_id)
        assert payment is not None
        return payment

    def payment(self, payment_id: UUID, *, player_id: UUID) -> PlayersPayment | None:
        """Return a payment of a player."""
        return self._records.payment(payment_id, player_id=player_id)

    def payments(
        self, *, player_id: UUID, before: UUID | None = None, is_back: bool = False, limit: int = 50
    ) -> Sequence[PlayersPayment]:
        """Return a player's payments, newest first (see `Records.payments`)."""
        return self._records.payments(player_id=player_id, before=before, is_back=is_back, limit=limit)

    def _ordered(self, player_id: UUID, kind: Kind, week: str | None, key: str, admit: Admit) -> Payer:
        """Return what the request came to before, or record it now."""
        with self._records.one_at_a_time(player_id):
            first = self._first(player_id, kind, week, key)
            if first is not None:
                return first
            until = self._require_for_sale(player_id, kind, week)
            admit(self._prices.cents[kind])
            return self._order(player_id, kind, week, key, until)

    def _first(self, player_id: UUID, kind: Kind, week: str | None, key: str) -> Payer | None:
        first = self._records.payer_of_request(player_id=player_id, request=key)
        if first is not None and (first.kind, first.week) != (kind, week):
            raise KeyReused(f"the key {key!r} was used for another payment: send a new request with a new key")
        now = self._clock()
        return first or self._records.open_checkout(
            player_id=player_id, kind=kind, week=week, now=now, soonest_end=now + SHORTEST
        )

    def _require_for_sale(self, player_id: UUID, kind: Kind, week: str | None) -> datetime:
        """Refuse what would be refunded, and return when it is too late to pay for it."""
        now = self._clock()
        if kind == "subscription" or week is None:
            if self._subscribers.is_subscribed(player_id):
                raise AlreadySubscribed(f"player {player_id} has a subscription: it renews by itself")
            return now + LONGEST
        entry = self._ledger.entries.entry_of(player_id=player_id, week=week)
        if kind == "weekly_pass":
            until = weeks.starts_at(week)
            paying.require_pass(self._ledger, week=week, entry=entry, until=until - SHORTEST)
            return until
        if entry is None:
            raise AccountNotOpen(f"player {player_id} has no account in week {week}: there is nothing to buy back")
        paying.require_buy_back(self._ledger, week=week, entry=entry)
        return weeks.buy_back_cutoff(week)

    def _order(self, player_id: UUID, kind: Kind, week: str | None, key: str, until: datetime) -> Payer:
        now, entry = self._clock(), None
        if kind == "buy_back" and week is not None:
            entry = self._ledger.entries.entry_of(player_id=player_id, week=week)
        payer = Payer(
            payment_id=self._ledger.new_id(),
            player_id=player_id,
            request=key,
            kind=kind,
            week=week,
            amount_cents=self._prices.cents[kind],
            currency=self._prices.currency,
            created_at=Instant.of(now),
            expires_at=Instant.of(min(now + LONGEST, until).replace(microsecond=0)),
            checkout_url=None,
        )
        try:
            paying.open_payment(
                self._ledger,
                payment_id=payer.payment_id,
                kind=kind,
                week=week,
                entry=entry,
                amount_cents=payer.amount_cents,
                currency=payer.currency,
                # The key is the player's own, and the office's log is public.
                request=f"checkout/{payer.payment_id}",
                row=Row("payers", {name: getattr(payer, name) for name in payer.__slots__}),
            ).result()
        except psycopg.errors.ForeignKeyViolation as error:
            raise PayerGone(f"there is no player {player_id} (any more)") from error
        except RowThere:
            # An append in doubt was decided again under the same key: it had come through.
            found = self._records.payer_of_request(player_id=player_id, request=key)
            assert found is not None
            return found
        return payer

    async def _open(self, provider: Provider, payer: Payer) -> None:
        """Have the provider make the page, or find the one it made; what it will not make is recorded as failed."""
        order = payer.order
        expired = CheckoutExpired(
            f"payment {order.payment_id} can be paid no longer: send a new request with a new key"
        )
        if await asyncio.wrap_future(paying.version_of(self._ledger, order.payment_id)) > 1:
            raise expired
        try:
            checkout = await provider.open_checkout(order)
        except ProviderRefused as refusal:
            await give_up(self._ledger, order)
            if order.expires_at - self._clock() < SHORTEST:
                raise expired from refusal
            raise
        await asyncio.to_thread(self._records.note_checkout, payer.payment_id, ref=checkout.ref, url=checkout.url)


async def give_up(ledger: Ledger, order: Order | Payment) -> None:
    """Record that the provider makes no page for an order, so that it can never be paid."""
    word = Word(
        payment_id=order.payment_id,
        kind=order.kind,
        week=order.week,
        status="failed",
        amount_cents=order.amount_cents,
        currency=order.currency,
    )
    with suppress(PaymentMoved):
        await asyncio.wrap_future(paying.hear(ledger, word, known=1, request=str(order.payment_id)))
