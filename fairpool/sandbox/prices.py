"""What is bought: line items with prices of their own (`price_data`), and what Stripe's limits say of them."""

from __future__ import annotations

import stripe

from fairpool.sandbox.errors import invalid, missing
from fairpool.sandbox.objects import Object, documented
from fairpool.sandbox.store import Store

LINE_ITEMS_MAX = 100
AMOUNT_MAX = 99_999_999
# The least that can be charged, in the currency's smallest unit, as Stripe's documentation of currencies lists it.
AMOUNT_MIN = {
    currency: least
    for least, currencies in {
        30: "gbp",
        50: "usd aud brl cad chf eur inr jpy nzd sgd",
        100: "bgn",
        200: "aed myr pln ron",
        250: "dkk",
        300: "nok sek",
        400: "hkd",
        1000: "mxn thb",
        1500: "czk",
        17500: "huf",
    }.items()
    for currency in currencies.split()
}


def line_items(store: Store, given: list[Object], *, mode: str) -> list[Object]:
    """Return the items of a session; raises StripeFault for what cannot be sold."""
    if not 1 <= len(given) <= LINE_ITEMS_MAX:
        raise invalid("Missing required param: line_items.", param="line_items", code="parameter_missing")
    items = [_item(store, item, f"line_items[{index}]", mode=mode) for index, item in enumerate(given)]
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        raise invalid("The prices of a session must all have the same currency.", param="line_items")
    total, least = sum(item["amount_total"] for item in items), AMOUNT_MIN[currencies.pop()]
    if total < least:
        said = f"The Checkout Session's total amount must be at least {least}, in the smallest unit of its currency."
        raise invalid(said, code="amount_too_small", param="line_items")
    if total > AMOUNT_MAX:
        raise invalid(f"Amount must be no more than {AMOUNT_MAX}", code="amount_too_large", param="line_items")
    return items


def currency_of(items: list[Object]) -> str:
    """Return the currency of a session's items."""
    return str(items[0]["currency"])


def check_currency(currency: str, *, param: str) -> None:
    """Raise StripeFault for a currency that Stripe does not know."""
    if currency not in AMOUNT_MIN:
        raise invalid(f"Invalid currency: {currency}.", param=param)


def _item(store: Store, given: Object, path: str, *, mode: str) -> Object:
    if "price" in given:
        raise missing("price", given["price"], param=f"{path}[price]", status=400)
    for name in given.keys() - {"price_data", "quantity"}:
        raise invalid(f"The sandbox does not act on {name}.", param=f"{path}[{name}]")
    if "price_data" not in given:
        raise invalid(f"Missing required param: {path}[price].", param=f"{path}[price]", code="parameter_missing")
    quantity = given.get("quantity", 0)
    if quantity < 1:
        raise invalid("Quantity must be at least 1.", param=f"{path}[quantity]", code="parameter_invalid_integer")
    price = _price(store, given["price_data"], f"{path}[price_data]", mode=mode)
    amount = price["unit_amount"] * quantity
    return store.add(
        documented(
            stripe.LineItem,
            id=store.new_id("li"),
            amount_discount=0,
            amount_subtotal=amount,
            amount_tax=0,
            amount_total=amount,
            currency=price["currency"],
            description=given["price_data"].get("product_data", {}).get("name"),
            price=price,
            quantity=quantity,
        )
    )


def _price(store: Store, given: Object, path: str, *, mode: str) -> Object:
    for name in given.keys() - {"currency", "product_data", "unit_amount", "recurring"}:
        raise invalid(f"The sandbox does not act on {name}.", param=f"{path}[{name}]")
    for name in ("unit_amount", "product_data"):
        if name not in given:
            raise invalid(f"Missing required param: {path}[{name}].", param=f"{path}[{name}]", code="parameter_missing")
    check_currency(given["currency"], param=f"{path}[currency]")
    if given["unit_amount"] < 0:
        raise invalid("Invalid non-negative integer", param=f"{path}[unit_amount]", code="parameter_invalid_integer")
    if mode == "subscription" and "recurring" not in given:
        raise invalid("You must provide at least one recurring price in `subscription` mode.", param=path)
    if mode == "payment" and "recurring" in given:
        raise invalid("You specified `payment` mode but passed a recurring price.", param=path)
    return store.add(
        documented(
            stripe.Price,
            id=store.new_id("price"),
            active=False,
            billing_scheme="per_unit",
            created=store.now,
            currency=given["currency"],
            product=store.new_id("prod"),
            recurring=_recurring(given),
            type="recurring" if "recurring" in given else "one_time",
            unit_amount=given["unit_amount"],
            unit_amount_decimal=str(given["unit_amount"]),
        )
    )


def _recurring(given: Object) -> Object | None:
    if "recurring" not in given:
        return None
    return documented(
        stripe.Price.Recurring,
        interval=given["recurring"]["interval"],
        interval_count=given["recurring"].get("interval_count", 1),
        usage_type="licensed",
    )
