"""Lists as Stripe gives them: newest first, filtered, a page at a time; and `expand`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from fairpool.sandbox.errors import invalid, missing
from fairpool.sandbox.objects import ONLY_IF_EXPANDED, Object, list_of
from fairpool.sandbox.store import Store

PAGE_DEFAULT = 10
PAGE_MAX = 100
EXPAND_DEPTH_MAX = 4
PAGING = frozenset({"limit", "starting_after", "ending_before"})
Match = Callable[[Object, Any], bool]


def within(moment: int, span: int | dict[str, int]) -> bool:
    """Tell whether a moment is in a span: `created=1` or `created[gte]=1&created[lt]=2`."""
    if isinstance(span, int):
        return moment == span
    holds = {
        "gt": lambda bound: moment > bound,
        "gte": lambda bound: moment >= bound,
        "lt": lambda bound: moment < bound,
        "lte": lambda bound: moment <= bound,
    }
    return all(holds[name](bound) for name, bound in span.items())


def matching(items: Iterable[Object], params: Object, filters: dict[str, Match]) -> list[Object]:
    """Return the items that pass every filter that was asked for."""
    asked = {name: match for name, match in filters.items() if name in params}
    return [item for item in items if all(match(item, params[name]) for name, match in asked.items())]


def page(items: list[Object], params: Object, *, url: str) -> Object:
    """Return a page of items, which come oldest first, as a list that begins with the newest."""
    limit = params.get("limit", PAGE_DEFAULT)
    if not 1 <= limit <= PAGE_MAX:
        raise invalid(f"This value must be between 1 and {PAGE_MAX}.", param="limit", code="parameter_invalid_integer")
    if params.keys() >= {"starting_after", "ending_before"}:
        raise invalid("You cannot pass both starting_after and ending_before.", param="ending_before")
    newest = items[::-1]
    if "ending_before" in params:
        before = newest[: _place(newest, params["ending_before"], "ending_before")]
        return list_of(before[-limit:], url=url, has_more=len(before) > limit)
    if "starting_after" in params:
        newest = newest[_place(newest, params["starting_after"], "starting_after") + 1 :]
    return list_of(newest[:limit], url=url, has_more=len(newest) > limit)


def expanded(store: Store, answer: Object, paths: list[str]) -> Object:
    """Return a copy of an answer with objects in place of the ids that `paths` lead to."""
    copied = copy.deepcopy(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > EXPAND_DEPTH_MAX:
            raise invalid(f"You cannot expand more than {EXPAND_DEPTH_MAX} levels of a property", param="expand")
        _expand(store, copied, steps, path)
    return copied


def _expand(store: Store, node: Object, steps: list[str], path: str) -> None:
    step, *rest = steps
    if step not in node and (node.get("object"), step) in ONLY_IF_EXPANDED:
        node[step] = _included(store, node, step)
    found = node.get(step, "")
    if isinstance(found, str):
        found = copy.deepcopy(store.find(found)) or found
    if not isinstance(found, dict | list | None):
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    node[step] = found
    for item in found if isinstance(found, list) else [found]:
        if rest and isinstance(item, dict):
            _expand(store, item, rest, path)


def _included(store: Store, node: Object, step: str) -> Object:
    owners = {"payments": ("invoice_payment", "invoice"), "refunds": ("refund", "charge"), "line_items": ("item", None)}
    if step not in owners:
        raise invalid(f"The sandbox does not keep {step}.", param="expand")
    kind, owner = owners[step]
    if owner is None:
        return list_of(store.line_items[node["id"]], url=f"/v1/checkout/sessions/{node['id']}/line_items")
    return list_of([made for made in store.all(kind)[::-1] if made[owner] == node["id"]], url=f"/v1/{kind}s")


def _place(items: list[Object], ref: str, param: str) -> int:
    for place, item in enumerate(items):
        if item["id"] == ref:
            return place
    raise missing("object", ref, param=param, status=400)
