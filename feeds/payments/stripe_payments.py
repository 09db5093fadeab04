"""How payments stand at Stripe: what a checkout, a payment intent or an invoice comes to, read anew every time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import stripe

from feeds.payments import stripe_objects as objects
from feeds.payments.provider import About, Order, ProviderPayment
from feeds.payments.stripe_requests import first_second, second_after

PAGE: Final = 100
_OPEN_MAX: Final = timedelta(hours=24)
_CHARGE: Final = "payment_intent.latest_charge"
_SLOW_SUCCEEDED: Final = "checkout.session.async_payment_succeeded"


class StripePayments:
    """Reads payments. Its methods raise Stripe's own errors: the adapter turns them into the port's."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1
        # When the money of slow payments came, by checkout: it never changes, and many are learnt at once.
        self._arrivals: dict[str, datetime] = {}

    async def payment(self, about: About, ref: str) -> ProviderPayment | None:
        """Return the payment behind an object of Stripe's; None where it is none of ours."""
        match about:
            case "checkout":
                return await self._of_session(
                    await self._v1.checkout.sessions.retrieve_async(ref, {"expand": [_CHARGE]})
                )
            case "payment_intent":
                return await self._of_intent(ref)
            case "invoice":
                return await self._of_invoice(await self._v1.invoices.retrieve_async(ref))
            case _:
                return None

    async def payments(self, *, since: datetime, until: datetime) -> AsyncIterator[ProviderPayment]:
        """Yield the payments of the checkouts made in a span, then of the renewals that were paid."""
        sessions = await self._v1.checkout.sessions.list_async(
            {
                "created": {"gte": first_second(since), "lt": second_after(until)},
                "expand": [f"data.{_CHARGE}"],
                "limit": PAGE,
            }
        )
        async for session in sessions.auto_paging_iter():
            if (payment := await self._of_session(session)) is not None:
                yield payment
        invoices = await self._v1.invoices.list_async(
            {"created": {"gte": first_second(since), "lt": second_after(until)}, "status": "paid", "limit": PAGE}
        )
        async for invoice in invoices.auto_paging_iter():
            if not objects.is_first(invoice) and (payment := await self._of_invoice(invoice)) is not None:
                yield payment

    async def session_of(self, order: Order) -> stripe.checkout.Session | None:
        """Return the checkout of an order that Stripe made without telling us so."""
        sessions = await self._v1.checkout.sessions.list_async(
            {"created": {"gte": first_second(order.expires_at - _OPEN_MAX)}, "limit": PAGE}
        )
        wanted = str(order.payment_id)
        async for session in sessions.auto_paging_iter():
            if session.client_reference_id == wanted:
                return session
        return None

    async def refunds(self, intent_ref: str) -> tuple[stripe.Refund, ...]:
        """Return all refunds of a payment, those that failed too."""
        listed = await self._v1.refunds.list_async({"payment_intent": intent_ref, "limit": PAGE})
        return tuple([refund async for refund in listed.auto_paging_iter()])

    async def _of_intent(self, ref: str) -> ProviderPayment | None:
        sessions = await self._v1.checkout.sessions.list_async(
            {"payment_intent": ref, "expand": [f"data.{_CHARGE}"], "limit": 1}
        )
        if sessions.data:
            return await self._of_session(sessions.data[0])
        paid = await self._v1.invoice_payments.list_async(
            {"payment": {"type": "payment_intent", "payment_intent": ref}, "expand": ["data.invoice"], "limit": 1}
        )
        invoice = paid.data[0].invoice if paid.data else None
        return await self._of_invoice(invoice) if isinstance(invoice, stripe.Invoice) else None

    async def _of_session(self, session: stripe.checkout.Session) -> ProviderPayment | None:
        label = objects.label_of(session.metadata)
        if label is None:
            return None
        intent = session.payment_intent
        if intent is None and (invoice := objects.ref_of(session.invoice)) is not None:
            intent = await self._intent_of(invoice)
        money = await self._money(intent)
        payment = objects.session_payment(session, label, money)
        if payment.status == "paid" and money.charge is not None and money.is_slow:
            return replace(payment, paid_at=await self._arrived_at(session, money.charge) or payment.paid_at)
        return payment

    async def _arrived_at(self, session: stripe.checkout.Session, charge: stripe.Charge) -> datetime | None:
        """Return when the money of a slow method came; None where it was not slow after all, or 30 days ago.

        The charge is dated by when the payer was done, and its balance transaction too: only the event tells.
        """
        if session.id not in self._arrivals:
            events = await self._v1.events.list_async(
                {"type": _SLOW_SUCCEEDED, "created": {"gte": charge.created}, "limit": PAGE}
            )
            async for event in events.auto_paging_iter():
                self._arrivals[event.data.object.to_dict()["id"]] = objects.instant(event.created)
        return self._arrivals.get(session.id)

    async def _of_invoice(self, invoice: stripe.Invoice) -> ProviderPayment | None:
        label, subscription = objects.invoice_label(invoice), objects.subscription_of(invoice)
        if label is None or subscription is None:
            return None
        if objects.is_first(invoice):
            sessions = await self._v1.checkout.sessions.list_async({"subscription": subscription, "limit": 1})
            return await self._of_session(sessions.data[0]) if sessions.data else None
        return objects.renewal_payment(invoice, label, await self._money(await self._intent_of(invoice.id)))

    async def _intent_of(self, invoice: str) -> stripe.PaymentIntent | None:
        """Return the intent by which an invoice is paid: the one that was, or else the last that was tried."""
        payments = await self._v1.invoice_payments.list_async(
            {"invoice": invoice, "expand": [f"data.payment.{_CHARGE}"], "limit": PAGE}
        )
        for payment in sorted(payments.data, key=lambda payment: payment.status != "paid"):
            if isinstance(payment.payment.payment_intent, stripe.PaymentIntent):
                return payment.payment.payment_intent
        return None

    async def _money(self, intent: str | stripe.PaymentIntent | None) -> objects.Money:
        if not isinstance(intent, stripe.PaymentIntent):
            return objects.Money()
        money = objects.Money(intent)
        if money.charge is None:
            return money
        refunds = await self.refunds(intent.id) if money.charge.amount_refunded else ()
        disputes: list[stripe.Dispute] = []
        if money.charge.disputed:
            disputes = (await self._v1.disputes.list_async({"payment_intent": intent.id, "limit": PAGE})).data
        return objects.Money(intent, refunds, tuple(disputes))
