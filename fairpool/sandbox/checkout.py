"""Checkout sessions: a page on which something is paid, once or every so often, until it expires."""

from __future__ import annotations

from typing import Any

import stripe
from stripe import params as shapes

from fairpool.sandbox.errors import invalid, refused
from fairpool.sandbox.lists import within
from fairpool.sandbox.objects import Object, documented
from fairpool.sandbox.prices import currency_of, line_items
from fairpool.sandbox.routes import Route, listing, retrieving, same
from fairpool.sandbox.store import DAY, HOUR, Store, pick

LIFETIME_MIN = HOUR // 2
REFERENCE_CHARACTERS_MAX = 200
# These are shown to the payer or told back; they change neither what is paid nor how.
TOLD_BACK = (
    *("cancel_url", "client_reference_id", "customer_creation", "customer_email", "locale", "metadata"),
    *("submit_type", "success_url", "billing_address_collection", "payment_method_collection"),
)
ACTS_ON = frozenset(
    {
        *TOLD_BACK,
        *("mode", "line_items", "expires_at", "payment_method_types", "ui_mode"),
        *("payment_intent_data", "subscription_data"),
    }
)


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    path = "/v1/checkout/sessions"
    filters = same("payment_intent", "subscription", "customer", "status") | {
        "created": lambda item, span: within(item["created"], span)
    }
    return (
        Route("POST", path, shapes.checkout.SessionCreateParams, create, ACTS_ON),
        retrieving(path, shapes.checkout.SessionRetrieveParams, "checkout.session"),
        listing(path, shapes.checkout.SessionListParams, "checkout.session", filters),
        Route("POST", path + "/{id}/expire", shapes.checkout.SessionExpireParams, expire),
    )


def create(store: Store, _: str, params: Object) -> Object:
    """Open a session."""
    mode = _mode(params)
    _check(params)
    items = line_items(store, params.get("line_items", []), mode=mode)
    total, ref = sum(item["amount_total"] for item in items), store.new_id("cs_test")
    session = documented(
        stripe.checkout.Session,
        id=ref,
        amount_subtotal=total,
        amount_total=total,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        created=store.now,
        currency=currency_of(items),
        expires_at=_expiry(store, params),
        mode=mode,
        payment_method_types=params.get("payment_method_types", ["card"]),
        payment_status="unpaid",
        status="open",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{store.base_url}/c/pay/{ref}",
        **{"metadata": {}} | pick(params, *TOLD_BACK),
    )
    store.line_items[ref] = items
    store.orders[ref] = pick(params, "payment_intent_data", "subscription_data")
    return store.add(session)


def expire(store: Store, ref: str, params: Object) -> Object:
    """End a session that is open."""
    session = store.get("checkout.session", ref)
    if session["status"] != "open":
        said = f"This Checkout Session cannot be expired: its status is {session['status']}, only `open` ones can."
        raise refused(said)
    close(store, session, at=store.now)
    return session


def expire_old(store: Store) -> None:
    """End the sessions whose time has come, each in its second."""
    sessions = (session for session in store.all("checkout.session") if session["status"] == "open")
    for session in sorted(sessions, key=lambda session: int(session["expires_at"])):
        if session["expires_at"] <= store.now:
            close(store, session, at=session["expires_at"])


def close(store: Store, session: Object, *, at: int) -> None:
    """Have a session be paid no longer."""
    session |= {"status": "expired", "url": None}
    store.emit("checkout.session.expired", session, at=at)


def _mode(params: Object) -> str:
    mode = params.get("mode")
    if mode not in ("payment", "subscription"):
        raise invalid("The sandbox knows the modes payment and subscription.", param="mode")
    data = {"payment": "subscription_data", "subscription": "payment_intent_data"}[mode]
    if data in params:
        raise invalid(f"You can not pass `{data}` in `{mode}` mode.", param=data)
    understood = {"metadata", "description", "transfer_group"} if mode == "payment" else {"metadata", "description"}
    given: dict[str, Any] = params.get("payment_intent_data") or params.get("subscription_data") or {}
    for name in given.keys() - understood:
        raise invalid(f"The sandbox does not act on {name}.", param=name)
    return str(mode)


def _check(params: Object) -> None:
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("The sandbox knows hosted pages only.", param="ui_mode")
    if "success_url" not in params:
        raise invalid("Missing required param: success_url.", param="success_url", code="parameter_missing")
    for name in ("success_url", "cancel_url"):
        if not params.get(name, "https://").startswith(("https://", "http://")):
            raise invalid("Not a valid URL", param=name, code="url_invalid")
    if len(params.get("client_reference_id", "")) > REFERENCE_CHARACTERS_MAX:
        said = f"Invalid string: must be at most {REFERENCE_CHARACTERS_MAX} characters"
        raise invalid(said, param="client_reference_id", code="parameter_invalid_string_too_long")


def _expiry(store: Store, params: Object) -> int:
    expires_at = int(params.get("expires_at", store.now + DAY))
    if expires_at < store.now + LIFETIME_MIN:
        said = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise invalid(said, param="expires_at")
    # A session that says when it expires must do so in less than a day; one that does not lasts a whole one.
    if "expires_at" in params and expires_at >= store.now + DAY:
        said = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise invalid(said, param="expires_at")
    return expires_at
