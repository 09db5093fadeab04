"""The list of events: all that happened, whether or not an endpoint heard of it.

As at Stripe, what happened on a connected account is in that account's list (header `Stripe-Account`), not in ours.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from stripe import params as shapes

from fairpool.sandbox.errors import invalid, missing
from fairpool.sandbox.lists import PAGING, Match, matching, page, within
from fairpool.sandbox.objects import Object
from fairpool.sandbox.routes import Route
from fairpool.sandbox.store import Store

PATH = "/v1/events"
TYPES_MAX = 20


def routes() -> tuple[Route, ...]:
    """Return the paths of this part of the API."""
    return (
        Route("GET", PATH + "/{id}", shapes.EventRetrieveParams, _retrieve),
        Route("GET", PATH, shapes.EventListParams, _list, PAGING | filters().keys()),
    )


def filters() -> dict[str, Match]:
    """Return what the list can be narrowed by."""
    return {
        "created": lambda event, span: within(event["created"], span),
        "type": lambda event, pattern: fnmatchcase(event["type"], pattern),
        "types": lambda event, types: event["type"] in types,
    }


def _list(store: Store, _: str, params: Object) -> Object:
    if params.keys() >= {"type", "types"}:
        raise invalid("You may pass either `type` or `types`, but not both.", param="types")
    if len(params.get("types", ())) > TYPES_MAX:
        raise invalid(f"You may pass up to {TYPES_MAX} types.", param="types")
    return page(matching(_visible(store), params, filters()), params, url=PATH)


def _retrieve(store: Store, ref: str, params: Object) -> Object:
    for event in _visible(store):
        if event["id"] == ref:
            return event
    raise missing("event", ref)


def _visible(store: Store) -> list[Object]:
    """Return the events of the account that is asked: those of a connected account are told to none but its name."""
    return [event for event in store.all("event") if event.get("account") == store.on_account]
