"""Lists in pages, with cursors both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Self, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from api.http.places import Cursor, Paging

T = TypeVar("T")
R = TypeVar("R")


class Page(BaseModel, Generic[T]):
    """Part of a list. Repeat the request with `?cursor=` one of the cursors, and the other parameters as they were.

    `next_cursor` asks for what follows in the list's order, `previous_cursor` for what comes before; null where there
    is nothing. `has_more` says whether anything follows.
    """

    data: list[T]
    has_more: bool
    next_cursor: str | None = Field(examples=["bmV4dCAyMDI2LVc0Nzo1MTIz"])
    previous_cursor: str | None = Field(examples=[None])

    @classmethod
    def of(
        cls, found: Sequence[R], paging: Paging, *, show: Callable[[R], T], place: Callable[[R], str], **more: Any
    ) -> Self:
        """Show what was found: up to `paging.fetch` rows from the cursor on, backwards where `paging.is_back`.

        `place` is what a cursor says of a row, to be read again with `paging.place`: unique and lasting. `more` are
        the fields that a subclass has beside the list.
        """
        is_cut = len(found) > paging.limit
        rows = found[: paging.limit][:: -1 if paging.is_back else 1]
        has_more = bool(rows) and (paging.is_back or is_cut)
        has_previous = bool(rows) and (is_cut if paging.is_back else paging.cursor is not None)
        return cls(
            data=[show(row) for row in rows],
            has_more=has_more,
            next_cursor=str(Cursor(False, place(rows[-1]))) if has_more else None,
            previous_cursor=str(Cursor(True, place(rows[0]))) if has_previous else None,
            **more,
        )


def paging(
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=400, description="A cursor of a page of this list.")] = None,
) -> Paging:
    """Return the page that a request asks for; raises Refusal `invalid_cursor`."""
    return Paging(limit, Cursor.read(cursor) if cursor is not None else None)


PagingDep = Annotated[Paging, Depends(paging)]
