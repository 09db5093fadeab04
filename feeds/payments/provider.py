"""The port to whoever moves money: what we ask of a provider, and the provider's word on it. Stripe is one adapter.

Amounts are whole cents of a currency (ISO 4217, lower case). `ref` is always the provider's own id of something. What a
provider says of a payment is its present state, never a change: hearing it twice, late or out of order does no harm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol
from uuid import UUID

from ledger.aggregate import LedgerError

Kind = Literal["weekly_pass", "buy_back", "subscription"]
About = Literal["checkout", "payment_intent", "invoice", "subscription", "account", "identity", "transfer"]


class ProviderUnavailable(LedgerError):
    """The provider did not answer, or only after our patience: whether it acted is found out by asking again."""

    code: ClassVar[str] = "payments_unavailable"


class ProviderRefused(LedgerError):
    """The provider answered that it will not do this: the same request again would be refused again.

    `reason` is the provider's own code, such as `balance_insufficient`; it names nobody and no account.
    """

    code: ClassVar[str] = "payment_refused"

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


class SignatureInvalid(LedgerError):
    """The message does not bear the provider's signature, or an old one: it may be anybody's."""

    code: ClassVar[str] = "signature_invalid"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be paid, and until when. `week` is None for a subscription, whose amount is due every week."""

    payment_id: UUID
    kind: Kind
    week: str | None
    amount_cents: int
    currency: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Checkout:
    """A page of the provider's on which an order is paid."""

    ref: str
    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ProviderPayment:
    """The provider's word on one payment: `ref` names its checkout, or the invoice of a subscription's renewal.

    `status` is `open` as long as it may still be paid, also while a slow method is under way. `paid_at` is when the
    provider has taken the money. `refunded_cents` is the sum of all refunds that did not fail. `dispute` is how a
    chargeback stands. `intent_ref` names what a refund refers to, None until there is one.
    """

    payment_id: UUID
    kind: Kind
    week: str | None
    ref: str
    status: Literal["open", "paid", "expired", "failed"]
    amount_cents: int
    currency: str
    paid_at: datetime | None = None
    refunded_cents: int = 0
    dispute: Literal["open", "won", "lost"] | None = None
    intent_ref: str | None = None
    subscription_ref: str | None = None
    receipt_url: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderSubscription:
    """A subscription at the provider. `payment_id` is that of the checkout that began it.

    `status` is the provider's: `active` and `trialing` make eligible; others, as `past_due` or `canceled`, do not.
    """

    ref: str
    payment_id: UUID
    status: str
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class PayoutAccount:
    """A winner's account at the provider: `is_active` once the provider lets us pay into it."""

    ref: str
    is_active: bool


@dataclass(frozen=True, slots=True)
class IdentityCheck:
    """A check of a person's identity: `status` is `open`, `verified` or `failed`; the provider's page is at `url`."""

    ref: str
    status: Literal["open", "verified", "failed"]
    url: str | None


@dataclass(frozen=True, slots=True)
class Transfer:
    """A prize on its way: `prize_id` names it for ever, `group` the prize's week, pool and entry, `to` the account."""

    prize_id: UUID
    group: str
    attempt: int
    amount_cents: int
    currency: str
    to: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """The provider's word on a transfer. `is_reversed`: all of it came back."""

    ref: str
    prize_id: UUID
    group: str
    amount_cents: int
    currency: str
    created_at: datetime
    is_reversed: bool


@dataclass(frozen=True, slots=True)
class News:
    """A message of the provider's: something has happened to `ref`, so ask how it stands.

    `event_id` is the provider's, the same however often it is delivered. `about` is None for what concerns us not.
    """

    event_id: str
    topic: str
    created_at: datetime
    about: About | None
    ref: str


class Provider(Protocol):
    """Moves money. Every method may raise ProviderUnavailable or ProviderRefused.

    What creates something is safe to repeat: the same payment, prize, player or refund is never made twice.
    """

    async def open_checkout(self, order: Order) -> Checkout:
        """Make a page on which the order is paid; the same order again is the same page."""
        ...

    async def expire_checkout(self, ref: str) -> None:
        """Have a checkout paid no longer. One that is paid or expired already stays as it is."""
        ...

    async def payment(self, about: About, ref: str) -> ProviderPayment | None:
        """Return how the payment behind a checkout, payment intent or invoice stands; None where it is none of ours."""
        ...

    def payments(self, *, since: datetime, until: datetime) -> AsyncIterator[ProviderPayment]:
        """Yield every payment whose checkout, or renewal, was made in a span of time, in any order."""
        ...

    async def refund(self, payment: ProviderPayment) -> ProviderPayment:
        """Give back all that is left of a paid payment, and return how it stands now."""
        ...

    async def subscription(self, ref: str) -> ProviderSubscription | None:
        """Return how a subscription stands; None where it is none of ours."""
        ...

    async def cancel_subscription(self, ref: str, *, at_period_end: bool) -> ProviderSubscription | None:
        """End a subscription, at once or when what was paid for is over. One that has ended stays as it is."""
        ...

    def news_of(self, body: bytes, signature: str) -> News:
        """Read a message that came over HTTP; raises SignatureInvalid. It waits for nothing."""
        ...

    def news(self, *, since: datetime) -> AsyncIterator[News]:
        """Yield the messages of a span of time up to now, oldest first: what may have failed to come over HTTP."""
        ...

    async def open_account(self, player_id: UUID) -> PayoutAccount:
        """Make an account into which the player can be paid; again, the same one."""
        ...

    async def account(self, ref: str) -> PayoutAccount:
        """Return how an account stands."""
        ...

    async def account_page(self, ref: str, *, return_url: str) -> str:
        """Return a short-lived page on which the player tells the provider what it must know to pay."""
        ...

    async def open_identity_check(self, player_id: UUID, *, number: int, return_url: str) -> IdentityCheck:
        """Begin the player's check of that number; again, the same one."""
        ...

    async def identity_check(self, ref: str) -> IdentityCheck:
        """Return how a check stands."""
        ...

    async def transfer(self, transfer: Transfer) -> Transferred:
        """Pay a prize; one that was paid before, and did not come back, is not paid again."""
        ...

    def transfers(self, *, since: datetime, until: datetime) -> AsyncIterator[Transferred]:
        """Yield every transfer that was made in a span of time, in any order."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...
