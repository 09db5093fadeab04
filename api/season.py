"""The season: how players did across the weeks of a year."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Path
from psycopg.rows import class_row
from pydantic import Field

from api.http.cursors import Page, PagingDep
from api.http.places import Paging
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import SignedIn
from api.identity.tokens import Principal
from api.services import Services, ServicesDep
from ledger.datastore import cursor_on
from ledger.sql import queries

router = APIRouter(prefix="/season", tags=["season"])

_PLACE: Final = re.compile(r"[1-9]\d{0,9}")

Year = Annotated[int, Path(ge=1000, le=2999, description="The ISO year of the weeks: that of `2026-W53` is 2026.")]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A player's line of a season's table."""

    place: int
    rank: int
    name: str
    is_me: bool
    weeks: int
    pools_won: int
    credits: int


class SeasonLine(Shown):
    """A line of the season's table.

    `weeks` counts the final weeks played, `pools_won` those of them that ended at rank 1, which who shares it has won
    too; `credits` is the sum of the final credits. Players who are equal in all three share a `rank` (1, 2, 2, 4);
    `place` counts the lines.
    """

    place: int = Field(examples=[3])
    rank: int = Field(examples=[2])
    name: str = Field(examples=["Ann"])
    is_me: bool
    weeks: int = Field(examples=[12])
    pools_won: int = Field(examples=[2])
    credits: int = Field(examples=[13_870])


class Season(Page[SeasonLine]):
    """Part of the table of a year, best first: by pools won, then by credits, then by fewer weeks.

    `weeks` are those that count, which are final; the table changes when one becomes so. `me` is the line of the
    player who asks, on whichever page it stands. Players who were erased are not in the table: nothing links them
    with what they played any more. The places that they took in their pools stay taken.
    """

    year: int = Field(examples=[2026])
    weeks: list[str] = Field(examples=[["2026-W46", "2026-W47"]])
    me: SeasonLine | None


@router.get("/{year}", dependencies=[CAUGHT_UP])
def get_season(principal: SignedIn, year: Year, services: ServicesDep, paging: PagingDep) -> Season:
    """Return the season's table of a year, which is empty until one of its weeks is final."""
    first, last = _places(paging)
    ranked = _ranked(services, principal, year=year, first=first, last=last)
    found = [line for line in ranked if first <= line.place <= last]
    page = Page[SeasonLine].of(
        found[::-1] if paging.is_back else found, paging, show=SeasonLine.of, place=lambda line: str(line.place)
    )
    mine = next((SeasonLine.of(line) for line in ranked if line.is_me), None)
    return Season(year=year, weeks=_final_weeks(services, year), me=mine, **dict(page))


def _places(paging: Paging) -> tuple[int, int]:
    """Return the first and the last place to read for a page."""
    seen = int(paging.place(_PLACE) or 0)
    return (seen - paging.fetch, seen - 1) if paging.is_back else (seen + 1, seen + paging.fetch)


def _ranked(services: Services, principal: Principal, *, year: int, first: int, last: int) -> list[_Ranked]:
    parameters = {"year": str(year), "player_id": principal.id, "first": first, "last": last}
    with services.ledger.datastore.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(_Ranked))
        return cursor.execute(queries("api", "season.sql")["season"], parameters).fetchall()


def _final_weeks(services: Services, year: int) -> list[str]:
    with services.ledger.datastore.connection() as connection:
        query = queries("api", "season.sql")["final_weeks"]
        return [week for (week,) in cursor_on(connection).execute(query, {"year": str(year)})]
