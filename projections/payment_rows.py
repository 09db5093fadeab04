"""The rows of the payments projection: those of the office's log, and those of each week's."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from projections.rows import Row


class Payment(Row, frozen=True):
    """A payment in the office's log, in cents. `status`: open, paid, expired or failed; `dispute`: open, won or lost.

    `week` is null for a subscription, `entry` where the payer had none yet. `paid_at` is the provider's time, all
    others are when it was recorded; `refunded_cents` is what went back and did reach the payer. `position` is that of
    the last change.
    """

    TABLE: ClassVar[str] = "payments"
    KEY: ClassVar[str] = "payment_id"

    log: str
    payment_id: UUID
    kind: str
    week: str | None
    entry: UUID | None
    amount_cents: int
    currency: str
    opened_at: datetime
    position: int
    status: str = "open"
    paid_at: datetime | None = None
    refunded_cents: int = 0
    refunded_at: datetime | None = None
    dispute: str | None = None
    disputed_at: datetime | None = None


class Purchase(Row, frozen=True):
    """What became of a paid payment in a week's log. `verdict`: accepted, or refused for a `reason`.

    A pass whose player withdrew is accepted and then refused; `decided_at` and `position` are those of the last
    verdict. `entry` is null where nothing was ever given.
    """

    TABLE: ClassVar[str] = "purchases"
    KEY: ClassVar[str] = "payment_id"

    log: str
    payment_id: UUID
    week: str
    kind: str
    entry: UUID | None
    verdict: str
    reason: str | None
    decided_at: datetime
    position: int


class PurchaseCount(Row, frozen=True):
    """How many payments for a week were paid, by the office's log, and how many were decided, by the week's."""

    TABLE: ClassVar[str] = "purchase_counts"
    KEY: ClassVar[str] = "week"

    log: str
    week: str
    paid: int = 0
    decided: int = 0


class UsedPass(Row, frozen=True):
    """The payment by which an entry takes part, remembered because a withdrawal does not repeat it."""

    TABLE: ClassVar[str] = "used_passes"
    KEY: ClassVar[str] = "registration"

    log: str
    registration: UUID
    payment_id: UUID


class WithdrawnPass(Row, frozen=True):
    """An accepted pass whose player withdrew, until it is refused."""

    TABLE: ClassVar[str] = "withdrawn_passes"
    KEY: ClassVar[str] = "payment_id"

    log: str
    payment_id: UUID


class AwardedPrize(Row, frozen=True):
    """A prize that an entry won, in cents, by the week's log."""

    TABLE: ClassVar[str] = "prizes"
    KEY: ClassVar[str] = "entry"

    log: str
    entry: UUID
    week: str
    rank: int
    amount_cents: int
    currency: str
    awarded_at: datetime
    position: int


class PrizePayment(Row, frozen=True):
    """How the payment of a prize stands, by the office's log. `state`: owed, held, failed or paid.

    `reason` is what holds it or made it fail, `why` an operator's words; `attempt` counts failures.
    """

    TABLE: ClassVar[str] = "prize_payments"
    KEY: ClassVar[str] = "prize_id"

    log: str
    prize_id: UUID
    entry: UUID
    week: str
    amount_cents: int
    currency: str
    changed_at: datetime
    position: int
    state: str = "owed"
    reason: str | None = None
    why: str | None = None
    attempt: int = 0
    paid_at: datetime | None = None
