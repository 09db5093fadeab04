"""Money, from settings: the provider, what is sold, and who may take part. Without a key there is no money."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import get_args

from api.people.gates import Gates
from api.people.pseudonyms import Pseudonyms
from api.people.registry import People
from api.people.restrictions import Restrictions
from api.people.taking_part import PayersAdmission, TakingPart
from fairpool.secrets_file import people_key
from fairpool.settings import Settings
from feeds.payments.money import Money, Terms, compose
from feeds.payments.prizes import PrizePolicy
from feeds.payments.provider import Kind, Provider
from feeds.payments.till import Prices
from ledger.ledger import Ledger
from ledger.mendable import Mendable
from projections.runner import Runner


class MoneyMisconfigured(Mendable):
    """Something is to be sold, and there is no provider to take the payments or no way for it to tell of them."""


def money(
    settings: Settings,
    ledger: Ledger,
    projections: Runner,
    *,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
) -> Money:
    """Return the parts that handle money; raises MoneyMisconfigured."""
    provider, terms = _provider(settings), _terms(settings)
    if provider is None:
        return compose(ledger, projections, provider=None, terms=terms, admission=None, clock=clock)
    store = ledger.datastore
    taking_part = TakingPart(
        ledger,
        people=People(store, pseudonyms=Pseudonyms(people_key(settings)), now=clock),
        restrictions=Restrictions(store, clock=clock, new_id=ledger.new_id, monotonic=monotonic),
        gates=gates(settings),
        clock=clock,
    )
    return compose(
        ledger,
        projections,
        provider=provider,
        terms=terms,
        admission=PayersAdmission(taking_part),
        clock=clock,
    )


def gates(settings: Settings) -> Gates:
    """Return who may take part at all."""
    return Gates(minimum_age=settings.minimum_age, jurisdictions=settings.jurisdictions)


def _provider(settings: Settings) -> Provider | None:
    key = settings.stripe_key.get_secret_value() if settings.stripe_key is not None else ""
    if not key:
        if settings.payments_on:
            raise MoneyMisconfigured(
                f"FAIRPOOL_PAYMENTS_ON names {', '.join(sorted(settings.payments_on))}: set FAIRPOOL_STRIPE_KEY too"
            )
        return None
    secrets = [each for each in settings.stripe_webhook_secrets.get_secret_value().replace(",", " ").split() if each]
    if not secrets:
        raise MoneyMisconfigured("set FAIRPOOL_STRIPE_WEBHOOK_SECRETS: without it nobody can tell who was paid")
    # Stripe's client takes long to import: only who has a key waits for it.
    from feeds.payments.stripe_provider import StripeProvider

    return StripeProvider(
        key,
        webhook_secrets=secrets,
        success_url=settings.payment_return_url,
        cancel_url=settings.payment_return_url,
        base_url=settings.stripe_url,
    )


def _terms(settings: Settings) -> Terms:
    prices: dict[Kind, int] = {
        "weekly_pass": settings.price_weekly_pass_cents,
        "buy_back": settings.price_buy_back_cents,
        "subscription": settings.price_subscription_cents,
    }
    return Terms(
        prices=Prices(
            currency=settings.currency.lower(),
            cents={kind: prices[kind] for kind in get_args(Kind) if kind in settings.payments_on},
        ),
        pays_prizes="prizes" in settings.payments_on,
        policy=PrizePolicy(
            identity_required=settings.prize_identity_required,
            tax_threshold_cents=settings.prize_tax_threshold_cents,
        ),
    )
