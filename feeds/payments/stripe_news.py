"""Stripe's events as news: whether they are Stripe's, and what each makes us ask about. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
import stripe

from feeds.payments.provider import About, News, SignatureInvalid
from feeds.payments.stripe_objects import instant

# Stripe's own tolerance between its clock and ours, against messages that were recorded and are sent again.
_TOLERANCE_SECONDS: Final = 300
# The first that begins the event's type says what it is about.
_ABOUT: Final[tuple[tuple[str, About], ...]] = (
    ("checkout.session.", "checkout"),
    ("payment_intent.", "payment_intent"),
    ("charge.", "payment_intent"),
    ("refund.", "payment_intent"),
    ("invoice.", "invoice"),
    ("customer.subscription.", "subscription"),
    ("account.updated", "account"),
    ("identity.verification_session.", "identity"),
    ("transfer.", "transfer"),
)
# These carry an object that a payment intent was for, and name the intent.
_NAMES_INTENT: Final = ("charge.", "refund.")
# There is no invoice yet, or none any more, that could be asked about.
_NO_INVOICE: Final = ("invoice.upcoming", "invoice.deleted")


class _Data(msgspec.Struct):
    object: dict[str, Any]


class _Event(msgspec.Struct):
    id: str
    type: str
    created: int
    data: _Data
    account: str | None = None


def verified_news(body: bytes, signature: str, *, secrets: Iterable[str]) -> News:
    """Read an event that bears a signature by one of the secrets; raises SignatureInvalid.

    While a secret is rotated, Stripe signs with the old and the new one, and either may be ours. See
    docs.stripe.com/webhooks/signature: HMAC-SHA256 of time and body, not older than five minutes by the real clock.
    """
    if not any(_is_signed(body, signature, secret) for secret in secrets):
        raise SignatureInvalid("the message bears no signature of Stripe's by a secret of ours, or an old one")
    try:
        event = msgspec.json.decode(body, type=_Event)
        return news(event.id, event.type, event.created, event.data.object, account=event.account)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        # A date may be in no year that there is, and a text no text.
        raise SignatureInvalid(f"the message is signed, but is no event as Stripe sends them: {error}") from error


def _is_signed(body: bytes, signature: str, secret: str) -> bool:
    if not signature.isascii():
        return False
    try:
        stripe.WebhookSignature.verify_header(body, signature, secret, _TOLERANCE_SECONDS)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def news_of_event(event: stripe.Event) -> News:
    """Read an event that Stripe's API listed."""
    return news(
        event.id, event.type, event.created, event.data.object.to_dict(), account=getattr(event, "account", None)
    )


def news(event_id: str, topic: str, created: int, about: dict[str, Any], *, account: str | None) -> News:
    """Return what to ask about after an event on the object `about`, of which only its id and links are believed.

    What happens inside a connected account (`account`) is its owner's business, but for how the account stands.
    """
    subject = next((subject for prefix, subject in _ABOUT if topic.startswith(prefix)), None)
    ref = about.get("payment_intent" if topic.startswith(_NAMES_INTENT) else "id")
    is_elsewhere = account is not None and subject != "account"
    if subject is None or not isinstance(ref, str) or topic in _NO_INVOICE or is_elsewhere:
        subject, ref = None, ""
    return News(event_id=event_id, topic=topic, created_at=instant(created), about=subject, ref=ref)
