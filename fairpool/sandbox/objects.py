"""Objects as the stripe package documents them: every documented field is there, none else."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from stripe import ListObject, StripeObject

Object = dict[str, Any]
ONLY_IF_EXPANDED = (
    ("checkout.session", "line_items"),
    ("charge", "refunds"),
    ("customer", "sources"),
    ("customer", "subscriptions"),
    ("customer", "tax_ids"),
    ("invoice", "payments"),
)


def documented(shape: type[StripeObject], /, **given: Any) -> Object:
    """Return an object with all fields of its class: those given, else what says nothing (null, empty, not live).

    Raises TypeError for a field that the class does not document, and for one that must be given and is not.
    """
    kind = getattr(shape, "OBJECT_NAME", None)
    fields = {name: hint for name, hint in shape.__annotations__.items() if name != "OBJECT_NAME"}
    if unknown := given.keys() - fields.keys():
        raise TypeError(f"{shape.__name__} documents no {', '.join(sorted(unknown))}")
    silent = {name for owner, name in ONLY_IF_EXPANDED if owner == kind} | {"deleted"}
    return {
        name: given[name] if name in given else _nothing(shape, name, hint)
        for name, hint in fields.items()
        if name in given or name not in silent
    }


def list_of(items: list[Object], *, url: str, has_more: bool = False) -> Object:
    """Return Stripe's list of objects."""
    return {"object": "list", "data": items, "has_more": has_more, "url": url}


def _nothing(shape: type[StripeObject], name: str, hint: Any) -> Any:
    origin = get_origin(hint)
    if type(None) in get_args(hint):
        return None
    if name == "livemode":
        return False
    if name == "object" and origin is Literal:
        return get_args(hint)[0]
    if origin is list:
        return []
    if origin is not ListObject and isinstance(origin, type) and issubclass(origin, StripeObject):
        return {}
    if isinstance(hint, type) and issubclass(hint, StripeObject):
        return documented(hint)
    raise TypeError(f"{shape.__name__} must be given {name}")
