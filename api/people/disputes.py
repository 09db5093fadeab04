"""Disputes: a payment that its player charged back keeps them from the next enrolment and the next checkout."""

from __future__ import annotations

from uuid import UUID

from api.refusal import Refusal
from feeds.payments.records import Records
from ledger.datastore import Datastore
from projections.payments import PaymentsView


class Disputes:
    """Knows whose payments are disputed."""

    def __init__(self, datastore: Datastore) -> None:
        self._records = Records(datastore)
        self._payments = PaymentsView(datastore)

    def require_none(self, player_id: UUID) -> None:
        """Refuse a player one of whose payments is disputed, or was so with success; raises Refusal `dispute_open`."""
        paid = self._records.payments_of(player_id)
        disputed = self._payments.open_disputes(paid) if paid else []
        if disputed:
            raise Refusal(
                "dispute_open",
                f"Your payment {disputed[0].payment_id} is disputed: settle that with your bank and with us first.",
            )
