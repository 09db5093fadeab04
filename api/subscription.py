"""The player's subscription: how it stands, and ending it."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.http.moments import Moment
from api.http.reading import Shown
from api.identity.principal import AsPlayer
from api.refusal import Refusal
from api.services import Services, ServicesDep
from feeds.payments.subscribers import Subscription
from feeds.payments.till import PaymentsOff

router = APIRouter(prefix="/me/subscription", tags=["payments"])

_OVER = ("canceled", "incomplete_expired")


class SubscriptionShown(Shown):
    """A subscription. `status` is the provider's: active and trialing enrol in each week, past_due waits for a payment.

    `renews` until it is ended; then it goes on until `ends_at`, when what was paid for is over.
    """

    status: str = Field(examples=["active"])
    ends_at: Moment | None
    renews: bool


@router.get("")
def get_my_subscription(player: AsPlayer, services: ServicesDep) -> SubscriptionShown | None:
    """Return the player's subscription, null where there is none (any more)."""
    found = _running(services, player.id)
    return _shown(found) if found is not None else None


@router.delete("")
async def end_my_subscription(player: AsPlayer, services: ServicesDep) -> SubscriptionShown:
    """End the subscription when what was paid for is over; again, the same answer.

    Refused with `unknown_subscription` where there is none, and with `payments_off` where none is looked after here.
    With `payments_unavailable` and `payment_moved` ask again.
    """
    found = await run_in_threadpool(_running, services, player.id)
    provider, observer = services.money.provider, services.money.observer
    if found is None:
        raise Refusal("unknown_subscription", "You have no subscription.")
    if provider is None or observer is None:
        raise PaymentsOff("subscriptions are not looked after here")
    await provider.cancel_subscription(found.ref, at_period_end=True)
    await observer.observe_subscription(found.ref)
    return _shown(await run_in_threadpool(_known, services, found))


def _running(services: Services, player_id: UUID) -> Subscription | None:
    subscriptions = services.money.subscribers.of_player(player_id)
    return next((each for each in subscriptions if each.status not in _OVER), None)


def _known(services: Services, subscription: Subscription) -> Subscription:
    return services.money.subscribers.subscription(subscription.ref) or subscription


def _shown(subscription: Subscription) -> SubscriptionShown:
    is_over = subscription.status in _OVER
    return SubscriptionShown.of(subscription, renews=subscription.ends_at is None and not is_over)
