"""A purchase is accepted or refused, once; only what is withdrawn is refused after it was accepted."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from ledger.events import PaymentAccepted, PaymentRefused
from ledger.facts import Fact
from ledger.payment import Purchase, PurchaseRefused
from tests.examples import ENTRY
from tests.given import given

PAYMENT = UUID(int=0xA)
ACCEPTED = PaymentAccepted(entry=ENTRY, kind="buy_back", payment_id=str(PAYMENT))
REFUSED = PaymentRefused(kind="buy_back", payment_id=str(PAYMENT), reason="late")


def accepting(purchase: Purchase) -> Fact:
    return purchase.accept(payment_id=PAYMENT, kind="buy_back", entry=ENTRY)


def refusing(reason: str = "late") -> Callable[[Purchase], Fact]:
    return lambda purchase: purchase.refuse(payment_id=PAYMENT, kind="buy_back", reason=reason)


def test_purchase_is_accepted_once() -> None:
    """Asked again, it was accepted the first time."""
    given(Purchase).when(accepting).then(ACCEPTED)
    again = given(Purchase, ACCEPTED).when(accepting).then()
    assert accepting(again) is again.accepted


def test_purchase_is_refused_once() -> None:
    """For the first reason, whatever is found later."""
    given(Purchase).when(refusing()).then(REFUSED)
    again = given(Purchase, REFUSED).when(refusing("second")).then()
    assert refusing("second")(again) is again.refused


def test_refused_purchase_is_never_accepted() -> None:
    """The money is on its way back; the refusal says why."""
    given(Purchase, REFUSED).when(accepting).raises(PurchaseRefused, f"{PAYMENT} was refused before: late")


def test_withdrawn_purchase_is_refused_for_good() -> None:
    """What was given and given back buys nothing any more."""
    given(Purchase, ACCEPTED).when(refusing()).then(REFUSED)
    given(Purchase, ACCEPTED, REFUSED).when(accepting).raises(PurchaseRefused)
