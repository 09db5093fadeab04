"""Lists of what was created at one time or another, newest first: from where a page of such a list goes on."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from api.http.places import Paging, invalid_cursor

_PLACE: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?\+00:00) ([0-9a-f-]{36})")


class Place(NamedTuple):
    """A place in such a list: when something was created, and its id among what was created at once."""

    created_at: datetime
    id: UUID

    def __str__(self) -> str:
        """Return what a cursor says of the place."""
        return f"{self.created_at.isoformat()} {self.id}"

    @classmethod
    def of(cls, row: Any) -> Self:
        """Return the place of a row with `created_at` and `id`."""
        return cls(row.created_at, row.id)

    @classmethod
    def wanted(cls, paging: Paging) -> Self | None:
        """Return the place that a page goes on from, None for the list's beginning; raises Refusal."""
        text = paging.place(_PLACE)
        if text is None:
            return None
        created_at, _, id = text.partition(" ")
        try:
            return cls(datetime.fromisoformat(created_at), UUID(id))
        except ValueError as error:
            raise invalid_cursor() from error


def page_parameters(paging: Paging) -> dict[str, object]:
    """Return the parameters of a query that reads one page: `created_at` and `id` to go on from, `is_back`, `limit`."""
    place = Place.wanted(paging)
    return {
        "created_at": place.created_at if place is not None else None,
        "id": place.id if place is not None else None,
        "is_back": paging.is_back,
        "limit": paging.fetch,
    }
