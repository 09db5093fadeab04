"""The weeks that a player took part in, and how each one ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from psycopg.rows import class_row
from pydantic import Field

from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import AsPerson
from api.services import ServicesDep
from ledger.sql import queries

router = APIRouter(prefix="/me", tags=["me"])


@dataclass(frozen=True, slots=True)
class _Played:
    """A week of a player: the enrolment, and once the pools are drawn the pool and the standing in it."""

    week: str
    entry: UUID
    state: str
    starts_at: datetime
    ends_at: datetime
    via: str
    rules_hash: str
    enrolled_at: datetime
    withdrawn_at: datetime | None
    pool_id: UUID | None
    name: str | None
    size: int | None
    rank: int | None
    credits: int | None
    at_stake: int | None
    open_bets: int | None
    won: int | None
    lost: int | None
    returned: int | None


class MyPool(Shown):
    """A pool and how many are in it."""

    pool_id: UUID
    name: str = Field(examples=["W2026-47-A"])
    size: int = Field(examples=[84])


class MyStanding(Shown):
    """Where the player stands in the pool, by available credits; equal credits share a rank (1, 2, 2, 4).

    `at_stake` is in open bets, as many as `open_bets`; `won`, `lost` and `returned` count settled ones.
    """

    rank: int = Field(examples=[2])
    credits: int = Field(examples=[1090])
    at_stake: int
    open_bets: int
    won: int
    lost: int
    returned: int


class MyEntry(Shown):
    """A player's part in a week. `state` is the week's: registering, grouped, closed, settled or final.

    `rules_hash` is that of the rules accepted at the enrolment; `withdrawn_at` is null for who takes part. `pool` and
    `standing` are null until the draw. The standing is the result once `is_final`.
    """

    week: str = Field(examples=["2026-W47"])
    entry: UUID
    state: str = Field(examples=["final"])
    starts_at: Moment
    ends_at: Moment
    via: str = Field(examples=["free"])
    rules_hash: str
    enrolled_at: Moment
    withdrawn_at: Moment | None
    pool: MyPool | None
    standing: MyStanding | None
    is_final: bool


class MyEntryPage(Page[MyEntry]):
    """Some of the player's weeks, newest first."""


@router.get("/weeks", dependencies=[CAUGHT_UP])
def list_my_weeks(principal: AsPerson, services: ServicesDep, paging: PagingDep) -> MyEntryPage:
    """Return the weeks that the player enrolled in, the next one among them, newest first."""
    parameters = {
        "player_id": principal.id,
        "week": paging.week(),
        "is_back": paging.is_back,
        "limit": paging.fetch,
    }
    with services.ledger.datastore.connection() as connection:
        cursor = connection.cursor(row_factory=class_row(_Played))
        found = cursor.execute(queries("api", "my_weeks.sql")["weeks_of_player"], parameters).fetchall()
    return MyEntryPage.of(found, paging, show=_shown, place=lambda played: played.week)


def _shown(played: _Played) -> MyEntry:
    return MyEntry.of(
        played,
        pool=MyPool.of(played) if played.pool_id is not None else None,
        standing=MyStanding.of(played) if played.rank is not None else None,
        is_final=played.state == "final",
    )
