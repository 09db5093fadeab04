"""Payments as the routes see them: one interface, behind which money is, or none at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from api.errors import Refusal

Kind = Literal["weekly_pass", "buy_back", "subscription"]
Status = Literal["open", "paid", "expired", "failed", "refunded", "disputed"]


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment of a player. Amounts are whole cents of `currency`; a subscription's payment has no week.

    An open one is paid at `checkout_url` before `expires_at`. `receipt_url` is the provider's own receipt.
    """

    payment_id: UUID
    player_id: UUID
    kind: Kind
    week: str | None
    status: Status
    amount_cents: int
    currency: str
    created_at: datetime
    checkout_url: str | None = None
    expires_at: datetime | None = None
    paid_at: datetime | None = None
    refunded_at: datetime | None = None
    refunded_cents: int = 0
    receipt_url: str | None = None


class Payments(Protocol):
    """Takes payments and remembers them. All of it is one player's own."""

    async def checkout(self, *, player_id: UUID, kind: Kind, week: str | None, key: str) -> Payment:
        """Open a checkout, and for the same key again return the first; raises Refusal, such as `payments_off`."""
        ...

    def payment(self, payment_id: UUID, *, player_id: UUID) -> Payment | None:
        """Return a payment of a player."""
        ...

    def payments(
        self, *, player_id: UUID, before: UUID | None = None, is_back: bool = False, limit: int = 50
    ) -> Sequence[Payment]:
        """Return a player's payments, newest first: from behind one on. With `is_back` those that are newer than it.

        Read back, the nearest comes first. One that is none of the player's is as if there were nothing.
        """
        ...


class PaymentsOff:
    """No provider: nothing can be paid, nothing was, and everything is free."""

    async def checkout(self, *, player_id: UUID, kind: Kind, week: str | None, key: str) -> Payment:
        """Refuse."""
        raise Refusal("payments_off", "Payments are switched off here: the game is free.")

    def payment(self, payment_id: UUID, *, player_id: UUID) -> Payment | None:
        """Return None."""
        return None

    def payments(
        self, *, player_id: UUID, before: UUID | None = None, is_back: bool = False, limit: int = 50
    ) -> Sequence[Payment]:
        """Return nothing."""
        return ()
