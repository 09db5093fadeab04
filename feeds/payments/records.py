"""What is known of payments outside the ledger: who pays, where, and what the provider calls it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import class_row

from feeds.payments.provider import Kind, Order, ProviderPayment
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays a payment, for which request of theirs. A renewal of a subscription has neither request nor checkout."""

    payment_id: UUID
    player_id: UUID
    request: str | None
    kind: Kind
    week: str | None
    amount_cents: int
    currency: str
    created_at: datetime
    expires_at: datetime | None
    checkout_url: str | None

    @property
    def order(self) -> Order:
        """What the provider is asked to be paid."""
        assert self.expires_at is not None
        return Order(self.payment_id, self.kind, self.week, self.amount_cents, self.currency, self.expires_at)


@dataclass(frozen=True, slots=True)
class PlayersPayment:
    """A payment as its player sees it: the office's facts where there are any yet, beside what was asked for.

    `verdict` is accepted once it was credited, or refused, for a `reason`, when the money goes back.
    """

    payment_id: UUID
    kind: Kind
    week: str | None
    status: str | None
    amount_cents: int
    currency: str
    created_at: datetime
    expires_at: datetime | None
    paid_at: datetime | None
    refunded_at: datetime | None
    refunded_cents: int
    dispute: str | None
    verdict: str | None
    reason: str | None
    checkout_url: str | None
    receipt_url: str | None


class Records:
    """Reads and writes the tables of payments that are no projections."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds.payments", "records.sql")

    def payer(self, payment_id: UUID) -> Payer | None:
        """Return who pays a payment; None where the person was erased, or nobody ever did."""
        return self._one("payer", Payer, payment_id=payment_id)

    def payer_of_request(self, *, player_id: UUID, request: str) -> Payer | None:
        """Return what a player's request came to."""
        return self._one("payer_of_request", Payer, player_id=player_id, request=request)

    def open_checkout(
        self, *, player_id: UUID, kind: Kind, week: str | None, now: datetime, soonest_end: datetime
    ) -> Payer | None:
        """Return a checkout of the same kind and week that the player can still pay.

        It may have no page yet, unless it ends before `soonest_end`: then the provider would make none any more.
        """
        parameters = {"player_id": player_id, "kind": kind, "week": week, "now": now, "soonest_end": soonest_end}
        return self._one("open_checkout", Payer, **parameters)

    @contextmanager
    def one_at_a_time(self, player_id: UUID) -> Iterator[None]:
        """Let one checkout of a player be opened at a time, in all processes, so that limits hold."""
        with self._datastore.connection() as connection, connection.transaction():
            cursor_on(connection).execute(self._sql["lock_player"], {"player_id": player_id})
            yield

    def spent_cents(self, *, player_id: UUID, since: datetime, until: datetime) -> int:
        """Return what a player has spent in a span of time and not got back, open checkouts included."""
        [(cents,)] = self._rows("spent_cents", player_id=player_id, since=since, until=until)
        return int(cents)

    def note_checkout(self, payment_id: UUID, *, ref: str, url: str) -> None:
        """Keep what the provider calls a checkout, and where it is paid."""
        self._note_ref(payment_id, ref)
        self._run("note_checkout", payment_id=payment_id, url=url)

    def note(self, said: ProviderPayment) -> None:
        """Keep the provider's names of a payment, and whose a renewal is that was paid."""
        if said.subscription_ref is not None and said.paid_at is not None:
            self._add_renewal(said)
        self._note_ref(said.payment_id, said.ref)
        if said.intent_ref is not None:
            self._note_intent(said.payment_id, said.intent_ref)
        if said.receipt_url is not None:
            self._note_receipt(said.payment_id, said.receipt_url)

    def named(self, ref: str) -> tuple[UUID, str] | None:
        """Return the payment that the provider calls so, or whose payment intent it does, and its own ref."""
        rows = self._rows("named", ref=ref)
        return (rows[0][0], rows[0][1]) if rows else None

    def ref_of(self, payment_id: UUID) -> str | None:
        """Return what the provider calls a payment; None where it may never have heard of it."""
        rows = self._rows("ref_of", payment_id=payment_id)
        return str(rows[0][0]) if rows else None

    def payment(self, payment_id: UUID, *, player_id: UUID) -> PlayersPayment | None:
        """Return a payment of a player."""
        return self._one("payment", PlayersPayment, payment_id=payment_id, player_id=player_id)

    def payments(
        self, *, player_id: UUID, before: UUID | None = None, is_back: bool = False, limit: int = 50
    ) -> Sequence[PlayersPayment]:
        """Return a player's payments, newest first: from behind one on. With `is_back` those that are newer than it.

        Read back, the nearest comes first. One that is none of the player's is as if there were nothing.
        """
        parameters = {"player_id": player_id, "before": before, "is_back": is_back, "limit": limit}
        return self._all("payments", PlayersPayment, **parameters)

    def payments_of(self, player_id: UUID) -> list[UUID]:
        """Return the ids of all payments of a player."""
        return [payment_id for (payment_id,) in self._rows("payments_of", player_id=player_id)]

    def _add_renewal(self, said: ProviderPayment) -> None:
        self._run(
            "add_renewal",
            payment_id=said.payment_id,
            amount_cents=said.amount_cents,
            currency=said.currency,
            created_at=said.paid_at,
            subscription_ref=said.subscription_ref,
        )

    def _note_ref(self, payment_id: UUID, ref: str) -> None:
        self._run("note_ref", payment_id=payment_id, ref=ref)

    def _note_intent(self, payment_id: UUID, intent_ref: str) -> None:
        self._run("note_intent", payment_id=payment_id, intent_ref=intent_ref)

    def _note_receipt(self, payment_id: UUID, receipt_url: str) -> None:
        self._run("note_receipt", payment_id=payment_id, receipt_url=receipt_url)

    def _all(self, query: str, row_type: type[T], **parameters: Any) -> list[T]:
        with self._datastore.connection() as connection:
            return connection.cursor(row_factory=class_row(row_type)).execute(self._sql[query], parameters).fetchall()

    def _one(self, query: str, row_type: type[T], **parameters: Any) -> T | None:
        rows = self._all(query, row_type, **parameters)
        return rows[0] if rows else None

    def _rows(self, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
        with self._datastore.connection() as connection:
            return cursor_on(connection).execute(self._sql[query], parameters).fetchall()

    def _run(self, query: str, **parameters: Any) -> None:
        with self._datastore.connection() as connection:
            cursor_on(connection).execute(self._sql[query], parameters)
