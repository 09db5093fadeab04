"""Money from the platform's balance to connected accounts, and back."""

from __future__ import annotations

import stripe
from stripe import params as shapes

from fairpool.sandbox.errors import invalid, refused
from fairpool.sandbox.lists import Match, within
from fairpool.sandbox.objects import Object, documented, list_of
from fairpool.sandbox.prices import check_currency
from fairpool.sandbox.routes import Route, listing, retrieving, same
from fairpool.sandbox.store import Store

ACTS_ON = frozenset({"amount", "currency", "destination", "transfer_group", "metadata", "description"})


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    path = "/v1/transfers"
    created: dict[str, Match] = {"created": lambda item, span: within(item["created"], span)}
    reversal_acts_on = frozenset({"amount", "metadata", "description"})
    return (
        Route("POST", path, shapes.TransferCreateParams, create, ACTS_ON),
        retrieving(path, shapes.TransferRetrieveParams, "transfer"),
        listing(path, shapes.TransferListParams, "transfer", same("destination", "transfer_group") | created),
        Route("POST", path + "/{id}/reversals", shapes.TransferReversalCreateParams, reverse, reversal_acts_on),
        Route("GET", "/v1/balance", shapes.BalanceRetrieveParams, balance),
    )


def create(store: Store, _: str, params: Object) -> Object:
    """Move money to an account that may take transfers, as far as the balance goes."""
    if "amount" not in params:
        raise invalid("Missing required param: amount.", param="amount", code="parameter_missing")
    amount, currency = params["amount"], params["currency"]
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    check_currency(currency, param="currency")
    account = store.get("account", params["destination"], param="destination")
    if account["capabilities"].get("transfers") != "active":
        said = (
            "Your destination account needs to have at least one of the following capabilities enabled: "
            "transfers, crypto_transfers, legacy_payments"
        )
        raise refused(said, code="insufficient_capabilities_for_transfer")
    if store.balance[currency] < amount:
        said = f"You have insufficient available funds in your Stripe account: {store.balance[currency]} {currency}."
        raise refused(said, code="balance_insufficient")
    return _transfer(store, params)


def _transfer(store: Store, params: Object) -> Object:
    ref = store.new_id("tr")
    store.balance[params["currency"]] -= params["amount"]
    transfer = documented(
        stripe.Transfer,
        id=ref,
        amount=params["amount"],
        amount_reversed=0,
        created=store.now,
        currency=params["currency"],
        description=params.get("description"),
        destination=params["destination"],
        destination_payment=store.new_id("py"),
        metadata=params.get("metadata", {}),
        reversals=list_of([], url=f"/v1/transfers/{ref}/reversals"),
        reversed=False,
        source_type="card",
        transfer_group=params.get("transfer_group"),
    )
    store.emit("transfer.created", store.add(transfer))
    return transfer


def reverse(store: Store, ref: str, params: Object) -> Object:
    """Take a transfer back, or part of it; returns the reversal."""
    transfer = store.get("transfer", ref)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = params.get("amount", left)
    if left == 0:
        raise refused(f"Transfer {ref} is already fully reversed.")
    if not 1 <= amount <= left:
        raise refused(f"Reversal amount ({amount}) is greater than unreversed amount ({left})", param="amount")
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    store.balance[transfer["currency"]] += amount
    reversal = documented(
        stripe.TransferReversal,
        id=store.new_id("trr"),
        amount=amount,
        created=store.now,
        currency=transfer["currency"],
        metadata=params.get("metadata") or {},
        transfer=ref,
    )
    transfer["reversals"]["data"].insert(0, store.add(reversal))
    store.emit("transfer.reversed", transfer)
    return reversal


def balance(store: Store, _: str, params: Object) -> Object:
    """Return what the platform has."""
    available = [
        {"amount": amount, "currency": currency, "source_types": {"card": amount}}
        for currency, amount in sorted(store.balance.items())
    ]
    pending = [{"amount": 0, "currency": each["currency"], "source_types": {"card": 0}} for each in available]
    return documented(stripe.Balance, available=available, pending=pending)
