"""Everything that the sandbox answers has the shape that the stripe package documents, down to the last field."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from types import UnionType
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

import pytest
import stripe

from fairpool.sandbox.objects import documented
from tests.fairpool.sandbox.playing import HTTPX_GRUMBLES, Play

pytestmark = HTTPX_GRUMBLES
CLASSES: dict[str, Any] = {
    "account": stripe.Account,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "customer": stripe.Customer,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "identity.verification_session": stripe.identity.VerificationSession,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "item": stripe.LineItem,
    "payment_intent": stripe.PaymentIntent,
    "price": stripe.Price,
    "refund": stripe.Refund,
    "subscription": stripe.Subscription,
    "transfer": stripe.Transfer,
    "transfer_reversal": stripe.TransferReversal,
}


class _Unknown:
    """What the package names by an alias: the sandbox has ids for it at most."""


@pytest.fixture(scope="module")
def busy(shared: Play) -> Play:
    """A sandbox in which everything has happened once."""
    sandbox = shared.sandbox
    sandbox.fail_refund(sandbox.refund(shared.paid())["id"])
    sandbox.close_dispute(sandbox.dispute(shared.paid())["id"], won=False)
    sandbox.end_slow_payment(sandbox.begin_slow_payment(shared.session().id)["id"], succeeds=False)
    shared.v1.checkout.sessions.expire(shared.session().id)
    subscription = shared.subscription()
    sandbox.fail_renewal(subscription)
    sandbox.renew(subscription)
    sandbox.cancel_subscription(subscription)
    transfer = shared.v1.transfers.create({"amount": 1, "currency": "usd", "destination": shared.account()})
    sandbox.reverse_transfer(transfer.id)
    check = shared.v1.identity.verification_sessions.create({"type": "document"})
    sandbox.fail_verification(check.id)
    return shared


@pytest.mark.parametrize("kind", CLASSES)
def test_objects_are_as_documented(busy: Play, kind: str) -> None:
    """No field that is not documented, none missing, each of its type."""
    found = busy.sandbox.objects(kind)
    assert found
    assert [complaint for each in found for complaint in complaints(each, CLASSES[kind], kind)] == []


def test_an_object_with_a_wrong_field_is_not_made() -> None:
    """A field too many, and a required one that is missing, are errors of the sandbox's own."""
    with pytest.raises(TypeError, match="documents no colour"):
        documented(stripe.Refund, id="re_1", amount=1, created=1, currency="usd", colour="red")
    with pytest.raises(TypeError, match="must be given amount"):
        documented(stripe.Refund, id="re_1", created=1, currency="usd")


def complaints(value: Any, hint: Any, path: str) -> Iterator[str]:
    """Yield where a value differs from what an annotation says."""
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, ForwardRef | str):
        name = hint if isinstance(hint, str) else hint.__forward_arg__
        yield from complaints(value, getattr(stripe, name, _Unknown), path)
    elif origin in (Union, UnionType):
        told = [list(complaints(value, choice, path)) for choice in arguments]
        if all(told):
            yield from max(told, key=lambda each: len(each[0]))
    elif origin is list:
        items = value if isinstance(value, list) else [f"no list, but {value!r}"]
        for item in items:
            yield from complaints(item, arguments[0], f"{path}[]")
    elif origin is stripe.ListObject:
        for item in value["data"]:
            yield from complaints(item, arguments[0], f"{path}.data[]")
    elif origin is Literal:
        if value not in arguments:
            yield f"{path} is {value!r}, not one of {arguments}"
    elif isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        yield from field_complaints(value, hint, path)
    elif hint is Decimal:
        if not isinstance(value, str) or not Decimal(value).is_finite():
            yield f"{path} is {value!r}, no decimal as text"
    elif isinstance(hint, type) and type(value) is not hint:
        yield f"{path} is {value!r}, no {hint.__name__}"


def field_complaints(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Yield where a mapping differs from a class of Stripe's."""
    if not isinstance(value, dict):
        yield f"{path} is {value!r}, no {shape.__name__}"
        return
    fields = {name: hint for name, hint in shape.__annotations__.items() if get_origin(hint) is not ClassVar}
    for name in value.keys() - fields.keys():
        yield f"{path}.{name} is not documented"
    for name, hint in fields.items():
        if name in value:
            yield from complaints(value[name], hint, f"{path}.{name}")
        elif type(None) not in get_args(hint):
            yield f"{path}.{name} is missing"
