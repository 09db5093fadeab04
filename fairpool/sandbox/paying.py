"""The payer at a checkout: pays at once, or begins a slow payment that succeeds or fails later."""

from __future__ import annotations

import stripe

from fairpool.sandbox import money, subscriptions
from fairpool.sandbox.errors import NotPossible
from fairpool.sandbox.objects import Object, documented
from fairpool.sandbox.store import Store


def pay(store: Store, ref: str) -> Object:
    """Pay an open session by card."""
    session = _open_session(store, ref)
    _complete(store, session)
    if session["mode"] == "subscription":
        subscriptions.begin(store, session)
    else:
        intent = _intent(store, session)
        money.settle(store, intent)
    session["payment_status"] = "paid"
    store.emit("checkout.session.completed", session)
    return session


def begin_slow_payment(store: Store, ref: str) -> Object:
    """Complete an open session with a payment that takes days: the money is not there yet."""
    session = _open_session(store, ref)
    if session["mode"] == "subscription":
        raise NotPossible("The sandbox's subscriptions are paid by card: pay them")
    _complete(store, session)
    _intent(store, session, slow=True)
    store.emit("checkout.session.completed", session)
    return session


def end_slow_payment(store: Store, ref: str, *, succeeds: bool) -> Object:
    """Have a slow payment arrive, or fail."""
    session = store.get("checkout.session", ref)
    intent = store.find(session["payment_intent"] or "")
    if intent is None or intent["status"] != "processing":
        raise NotPossible(f"Session {ref} has no payment under way")
    if succeeds:
        money.settle(store, intent)
        session["payment_status"] = "paid"
        store.emit("checkout.session.async_payment_succeeded", session)
    else:
        money.decline(store, intent)
        store.emit("checkout.session.async_payment_failed", session)
    return session


def _open_session(store: Store, ref: str) -> Object:
    session = store.get("checkout.session", ref)
    if session["status"] != "open":
        raise NotPossible(f"Session {ref} is {session['status']}: only an open one can be paid")
    return session


def _complete(store: Store, session: Object) -> None:
    payer = {"email": session["customer_email"] or "payer@example.com"}
    details = documented(stripe.checkout.Session.CustomerDetails, **payer)
    session |= {"status": "complete", "url": None, "customer_details": details}


def _intent(store: Store, session: Object, *, slow: bool = False) -> Object:
    data = store.orders[session["id"]].get("payment_intent_data") or {}
    intent = money.new_intent(
        store, amount=session["amount_total"], currency=session["currency"], slow=slow, **{"metadata": {}} | data
    )
    session["payment_intent"] = intent["id"]
    return intent
