"""Where a path leads: the shape of its parameters, what it acts on of them, and the function that does it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from fairpool.sandbox.errors import invalid
from fairpool.sandbox.lists import PAGING, Match, matching, page
from fairpool.sandbox.objects import Object
from fairpool.sandbox.store import Store

Handler = Callable[[Store, str, Object], Object]


@dataclass(frozen=True)
class Route:
    """A path of the API; `{id}` in it is given to the handler, empty where there is none.

    `shape` is a TypedDict of `stripe.params`. Of what it documents, `acts_on` names what the handler regards: the rest
    is refused, for it would change nothing here and something at Stripe.
    """

    method: str
    path: str
    shape: type
    handle: Handler
    acts_on: frozenset[str] = frozenset()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The path as an expression."""
        return re.compile(self.path.replace("{id}", r"(?P<id>[^/]+)"))

    def check(self, params: Object) -> None:
        """Raise StripeFault for a parameter that Stripe knows and the sandbox does not act on."""
        for name in params.keys() - self.acts_on - {"expand"}:
            raise invalid(f"The sandbox does not act on {name} at {self.method} {self.path}.", param=name)


def retrieving(path: str, shape: type, kind: str) -> Route:
    """Return the route to one object."""
    return Route("GET", path + "/{id}", shape, lambda store, ref, params: store.get(kind, ref))


def listing(path: str, shape: type, kind: str, filters: dict[str, Match]) -> Route:
    """Return the route to the objects of a kind."""

    def handle(store: Store, ref: str, params: Object) -> Object:
        return page(matching(store.all(kind), params, filters), params, url=path)

    return Route("GET", path, shape, handle, PAGING | filters.keys())


def same(*fields: str) -> dict[str, Match]:
    """Return filters that compare fields of the same names."""
    return {name: _same(name) for name in fields}


def _same(name: str) -> Match:
    return lambda item, wanted: bool(item[name] == wanted)
