"""Stripe as the provider: Checkout for passes, Connect for prizes, Identity for winners, and its webhooks' events.

Idempotency keys live about 24 hours at Stripe. What may be asked again after that is first looked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

import stripe

from feeds.payments import stripe_objects as objects
from feeds.payments import stripe_requests as requests
from feeds.payments.provider import (
    About,
    Checkout,
    IdentityCheck,
    News,
    Order,
    PayoutAccount,
    ProviderPayment,
    ProviderRefused,
    ProviderSubscription,
    Transfer,
    Transferred,
)
from feeds.payments.stripe_http import Connections, asking, client
from feeds.payments.stripe_news import news_of_event, verified_news
from feeds.payments.stripe_payments import PAGE, StripePayments


class StripeProvider:
    """The adapter to Stripe's API; see `Provider` for what each method promises.

    `webhook_secrets` are those of the endpoint, more than one while a secret is rotated. Stripe returns players to
    `success_url` and `cancel_url`, with the payment's id as the query's `payment`. `base_url` is another server than
    Stripe's that speaks the same. `wait` is given the seconds before a request that failed is tried again.
    """

    def __init__(
        self,
        api_key: str,
        *,
        webhook_secrets: Sequence[str],
        success_url: str,
        cancel_url: str,
        base_url: str | None = None,
        timeout_seconds: float = 10.0,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connections = Connections(base_url=base_url, timeout_seconds=timeout_seconds, wait=wait)
        stripe_client = client(api_key, self._connections, base_url=base_url)
        self._v1 = stripe_client.v1
        self._payments = StripePayments(stripe_client)
        self._webhook_secrets = tuple(webhook_secrets)
        self._success_url = success_url
        self._cancel_url = cancel_url

    async def close(self) -> None:
        """Give the connections back."""
        await self._connections.close_async()

    async def open_checkout(self, order: Order) -> Checkout:
        """Make the order's checkout; Stripe wants it to expire between 30 minutes and 24 hours from now."""
        params = requests.checkout(order, success_url=self._success_url, cancel_url=self._cancel_url)
        with asking(f"open the checkout of payment {order.payment_id}"):
            try:
                session = await self._v1.checkout.sessions.create_async(params, _once(f"checkout/{order.payment_id}"))
            except stripe.APIError:
                # Stripe repeats an internal error for as long as it knows the key, even if the checkout was made.
                found = await self._payments.session_of(order)
                if found is None:
                    raise
                session = found
            return objects.checkout(session)

    async def expire_checkout(self, ref: str) -> None:
        """Have a checkout paid no longer; Stripe expires only what is open."""
        with asking(f"expire checkout {ref}"):
            try:
                await self._v1.checkout.sessions.expire_async(ref)
            except stripe.InvalidRequestError:
                if (await self._v1.checkout.sessions.retrieve_async(ref)).status == "open":
                    raise

    async def payment(self, about: About, ref: str) -> ProviderPayment | None:
        """Return how the payment behind a checkout, payment intent or invoice stands; None where it is none of ours."""
        with asking(f"say how the payment of {about} {ref} stands"):
            return await self._payments.payment(about, ref)

    async def payments(self, *, since: datetime, until: datetime) -> AsyncIterator[ProviderPayment]:
        """Yield the payments whose checkout was made in a span of time, and the renewals that were paid."""
        with asking("list payments"):
            async for payment in self._payments.payments(since=since, until=until):
                yield payment

    async def refund(self, payment: ProviderPayment) -> ProviderPayment:
        """Give back what is left, as read right before.

        How many refunds there were is in the key: two at once make one, and after one that failed there is another.
        """
        with asking(f"refund payment {payment.payment_id}"):
            present, intent_ref = await self._refundable(payment)
            if present.refunded_cents >= present.amount_cents:
                return present
            key = f"refund/{present.payment_id}/{len(await self._payments.refunds(intent_ref))}"
            try:
                await self._v1.refunds.create_async(requests.refund(present, intent_ref=intent_ref), _once(key))
            except stripe.InvalidRequestError as error:
                if error.code != "charge_already_refunded":
                    raise
            return (await self._refundable(payment))[0]

    async def _refundable(self, payment: ProviderPayment) -> tuple[ProviderPayment, str]:
        about: About = "checkout" if payment.ref.startswith("cs_") else "invoice"
        present = await self._payments.payment(about, payment.ref)
        if present is None or present.status != "paid" or present.intent_ref is None:
            raise ProviderRefused(
                f"payment {payment.payment_id} cannot be refunded: Stripe has taken no money for it", reason="not_paid"
            )
        return present, present.intent_ref

    async def subscription(self, ref: str) -> ProviderSubscription | None:
        """Return how a subscription stands; None where it is none of ours."""
        with asking(f"say how subscription {ref} stands"):
            return objects.subscription(await self._v1.subscriptions.retrieve_async(ref))

    async def cancel_subscription(self, ref: str, *, at_period_end: bool) -> ProviderSubscription | None:
        """End a subscription of ours, at once or when what was paid for is over; one that has ended stays so."""
        present = await self.subscription(ref)
        if present is None or present.status in ("canceled", "incomplete_expired"):
            return present
        with asking(f"cancel subscription {ref}"):
            if at_period_end:
                return objects.subscription(
                    await self._v1.subscriptions.update_async(ref, {"cancel_at_period_end": True})
                )
            return objects.subscription(await self._v1.subscriptions.cancel_async(ref))

    def news_of(self, body: bytes, signature: str) -> News:
        """Read a webhook's body by its `Stripe-Signature` header; raises SignatureInvalid."""
        return verified_news(body, signature, secrets=self._webhook_secrets)

    async def news(self, *, since: datetime) -> AsyncIterator[News]:
        """Yield the events since an instant, oldest first. Stripe keeps them for 30 days and gives the newest first."""
        with asking("list events"):
            events = await self._v1.events.list_async({"created": {"gte": requests.first_second(since)}, "limit": PAGE})
            newest_first = [news_of_event(event) async for event in events.auto_paging_iter()]
        for news in reversed(newest_first):
            yield news

    async def open_account(self, player_id: UUID) -> PayoutAccount:
        """Make the player's account. Keep its ref: asked again after a day, Stripe would make another, empty one."""
        key = f"account/{requests.payee(player_id)}"
        with asking(f"open the account of player {player_id}"):
            return objects.payout_account(await self._v1.accounts.create_async(requests.account(player_id), _once(key)))

    async def account(self, ref: str) -> PayoutAccount:
        """Return how an account stands."""
        with asking(f"say how account {ref} stands"):
            return objects.payout_account(await self._v1.accounts.retrieve_async(ref))

    async def account_page(self, ref: str, *, return_url: str) -> str:
        """Return a page that lives some minutes, and leads to `return_url` when done or too old."""
        with asking(f"make a page for account {ref}"):
            return (await self._v1.account_links.create_async(requests.account_page(ref, return_url=return_url))).url

    async def open_identity_check(self, player_id: UUID, *, number: int, return_url: str) -> IdentityCheck:
        """Begin the check of a document, or return the one of that number."""
        person = requests.checked_person(player_id)
        with asking(f"check the identity of player {player_id}"):
            checks = await self._v1.identity.verification_sessions.list_async(
                {"client_reference_id": person, "limit": PAGE}
            )
            async for check in checks.auto_paging_iter():
                if check.metadata.to_dict().get("number") == str(number):
                    return objects.identity_check(check)
            params = requests.identity_check(player_id, number=number, return_url=return_url)
            return objects.identity_check(
                await self._v1.identity.verification_sessions.create_async(params, _once(f"identity/{person}/{number}"))
            )

    async def identity_check(self, ref: str) -> IdentityCheck:
        """Return how a check stands."""
        with asking(f"say how identity check {ref} stands"):
            return objects.identity_check(await self._v1.identity.verification_sessions.retrieve_async(ref))

    async def transfer(self, transfer: Transfer) -> Transferred:
        """Pay a prize out of the balance; `attempt` is raised by the caller after Stripe refused or gave it back."""
        with asking(f"pay prize {transfer.prize_id}"):
            made = await self._v1.transfers.list_async({"transfer_group": transfer.group, "limit": PAGE})
            async for known in made.auto_paging_iter():
                paid = objects.transferred(known)
                if paid is not None and paid.prize_id == transfer.prize_id and not paid.is_reversed:
                    return paid
            key = f"prize/{transfer.prize_id}/{transfer.attempt}"
            created = objects.transferred(
                await self._v1.transfers.create_async(requests.transfer(transfer), _once(key))
            )
        if created is None:
            raise ProviderRefused(
                f"Stripe's transfer for prize {transfer.prize_id} does not name the prize", reason="metadata_missing"
            )
        return created

    async def transfers(self, *, since: datetime, until: datetime) -> AsyncIterator[Transferred]:
        """Yield the prizes' transfers that were made in a span of time."""
        with asking("list transfers"):
            made = await self._v1.transfers.list_async(
                {"created": {"gte": requests.first_second(since), "lt": requests.second_after(until)}, "limit": PAGE}
            )
            async for transfer in made.auto_paging_iter():
                if (paid := objects.transferred(transfer)) is not None:
                    yield paid


def _once(key: str) -> stripe.RequestOptions:
    return {"idempotency_key": key}
