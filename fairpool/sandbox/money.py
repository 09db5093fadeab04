"""Money that comes and goes back: payment intents, charges, refunds, disputes. Amounts are cents."""

from __future__ import annotations

from typing import Any

import stripe
from stripe import params as shapes

from fairpool.sandbox.errors import NotPossible, invalid, refused
from fairpool.sandbox.lists import within
from fairpool.sandbox.objects import Object, documented
from fairpool.sandbox.routes import Route, listing, retrieving, same
from fairpool.sandbox.store import DAY, Store

CARD = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2099, "funding": "credit", "country": "US"}


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    created = {"created": lambda item, span: within(item["created"], span)}
    of_payment = same("payment_intent", "charge") | created
    refund_acts_on = frozenset({"payment_intent", "charge", "amount", "reason", "metadata"})
    return (
        retrieving("/v1/payment_intents", shapes.PaymentIntentRetrieveParams, "payment_intent"),
        listing("/v1/payment_intents", shapes.PaymentIntentListParams, "payment_intent", same("customer") | created),
        retrieving("/v1/charges", shapes.ChargeRetrieveParams, "charge"),
        listing(
            "/v1/charges",
            shapes.ChargeListParams,
            "charge",
            same("payment_intent", "customer", "transfer_group") | created,
        ),
        Route("POST", "/v1/refunds", shapes.RefundCreateParams, create_refund, refund_acts_on),
        retrieving("/v1/refunds", shapes.RefundRetrieveParams, "refund"),
        listing("/v1/refunds", shapes.RefundListParams, "refund", of_payment),
        retrieving("/v1/disputes", shapes.DisputeRetrieveParams, "dispute"),
        listing("/v1/disputes", shapes.DisputeListParams, "dispute", of_payment),
    )


def new_intent(store: Store, *, amount: int, currency: str, slow: bool = False, **more: Any) -> Object:
    """Make a payment intent with its charge, both under way: a card's then succeeds or fails at once."""
    intent = store.add(
        documented(
            stripe.PaymentIntent,
            id=store.new_id("pi"),
            amount=amount,
            amount_capturable=0,
            amount_received=0,
            capture_method="automatic_async",
            confirmation_method="automatic",
            created=store.now,
            currency=currency,
            payment_method_types=["us_bank_account" if slow else "card"],
            status="processing",
            **more,
        )
    )
    attempt(store, intent)
    return intent


def attempt(store: Store, intent: Object) -> None:
    """Begin an attempt to take the money of an intent: a charge, which is its latest from then on."""
    intent |= {"status": "processing", "latest_charge": _new_charge(store, intent)["id"]}


def _new_charge(store: Store, intent: Object) -> Object:
    method = intent["payment_method_types"][0]
    return store.add(
        documented(
            stripe.Charge,
            id=store.new_id("ch"),
            amount=intent["amount"],
            amount_captured=0,
            amount_refunded=0,
            captured=True,
            created=store.now,
            currency=intent["currency"],
            customer=intent["customer"],
            description=intent["description"],
            disputed=False,
            metadata=intent["metadata"],
            paid=False,
            payment_intent=intent["id"],
            payment_method_details={"type": method, method: dict(CARD) if method == "card" else {}},
            refunded=False,
            status="pending",
            transfer_group=intent["transfer_group"],
        )
    )


def settle(store: Store, intent: Object) -> None:
    """Have a payment that is under way succeed. The money is the platform's at once."""
    charge = store.get("charge", intent["latest_charge"])
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    url = f"{store.base_url}/sandbox/receipts/{charge['id']}"
    charge |= {"status": "succeeded", "paid": True, "amount_captured": charge["amount"], "receipt_url": url}
    store.balance[intent["currency"]] += intent["amount"]


def decline(store: Store, intent: Object) -> None:
    """Have a payment that is under way fail."""
    charge = store.get("charge", intent["latest_charge"])
    error = {"type": "card_error", "code": "payment_intent_payment_attempt_failed", "message": "The payment failed."}
    intent |= {"status": "requires_payment_method", "last_payment_error": error}
    charge |= {"status": "failed", "failure_code": "generic_decline", "failure_message": "The payment failed."}


def create_refund(store: Store, _: str, params: Object) -> Object:
    """Give back what is left of a charge, or part of it: never more."""
    charge = _charge_to_refund(store, params)
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if amount < 1 and left > 0:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if left == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    disputes = [each for each in store.all("dispute") if each["charge"] == charge["id"]]
    if any(each["status"] != "won" for each in disputes):
        raise refused(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if amount > left:
        said = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise refused(said, param="amount")
    return _refund(store, charge, amount, reason=params.get("reason"), metadata=params.get("metadata") or {})


def _charge_to_refund(store: Store, params: Object) -> Object:
    if "charge" not in params and "payment_intent" not in params:
        raise invalid("One of the following params should be provided: payment_intent or charge.", param="charge")
    if "charge" in params:
        charge = store.get("charge", params["charge"], param="charge")
    else:
        intent = store.get("payment_intent", params["payment_intent"], param="payment_intent")
        charge = store.get("charge", intent["latest_charge"])
    if charge["status"] != "succeeded":
        said = f"This PaymentIntent ({charge['payment_intent']}) does not have a successful charge to refund."
        raise refused(said, param="payment_intent")
    return charge


def _refund(store: Store, charge: Object, amount: int, **more: Any) -> Object:
    refund = store.add(
        documented(
            stripe.Refund,
            id=store.new_id("re"),
            amount=amount,
            charge=charge["id"],
            created=store.now,
            currency=charge["currency"],
            payment_intent=charge["payment_intent"],
            status="succeeded",
            **more,
        )
    )
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    store.balance[charge["currency"]] -= amount
    store.emit("refund.created", refund)
    store.emit("charge.refunded", charge)
    return refund


def fail_refund(store: Store, ref: str) -> Object:
    """Have a refund come back from the payer's bank: the charge counts as not refunded by it."""
    refund = store.get("refund", ref)
    if refund["status"] == "failed":
        raise NotPossible(f"Refund {ref} has failed already")
    refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
    charge = store.get("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    store.balance[refund["currency"]] += refund["amount"]
    store.emit("refund.updated", refund)
    store.emit("refund.failed", refund)
    return refund


def dispute(store: Store, payment: str) -> Object:
    """Have the payer charge back what is left of a payment: the bank takes it until the dispute is closed."""
    charge = charge_of(store, payment)
    left = charge["amount"] - charge["amount_refunded"]
    if charge["status"] != "succeeded" or charge["disputed"] or left == 0:
        raise NotPossible(f"Charge {charge['id']} is not paid, disputed already, or refunded")
    charge["disputed"] = True
    store.balance[charge["currency"]] -= left
    made = store.add(
        documented(
            stripe.Dispute,
            id=store.new_id("du"),
            amount=left,
            charge=charge["id"],
            created=store.now,
            currency=charge["currency"],
            evidence_details=_no_evidence(store),
            is_charge_refundable=False,
            payment_intent=charge["payment_intent"],
            reason="fraudulent",
            status="needs_response",
        )
    )
    store.emit("charge.dispute.created", made)
    return made


def _no_evidence(store: Store) -> Object:
    return documented(
        stripe.Dispute.EvidenceDetails,
        due_by=store.now + 7 * DAY,
        enhanced_eligibility={},
        has_evidence=False,
        past_due=False,
        submission_count=0,
        submission_method="manual",
    )


def close_dispute(store: Store, ref: str, *, won: bool) -> Object:
    """Have the bank decide: won, the money comes back."""
    found = store.get("dispute", ref)
    if found["status"] in ("won", "lost"):
        raise NotPossible(f"Dispute {ref} is {found['status']} already")
    found["status"] = "won" if won else "lost"
    if won:
        store.balance[found["currency"]] += found["amount"]
    store.emit("charge.dispute.closed", found)
    return found


def charge_of(store: Store, payment: str) -> Object:
    """Return the charge that a payment intent, or a charge's own id, leads to."""
    found = store.find(payment)
    ref = found["latest_charge"] if found is not None and found["object"] == "payment_intent" else payment
    return store.get("charge", ref)
