"""Pools: who is in them, and who stands where. Names are joined here; the ledger knows none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from api.http.cursors import Page, PagingDep
from api.http.reading import CAUGHT_UP, Shown, WeekNamed
from api.identity.players import Named
from api.identity.principal import SignedIn
from api.identity.tokens import Principal
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger.ids import position_token
from projections.pools import Pool

router = APIRouter(prefix="/weeks/{week}/pools", tags=["pools"])

FORMER_PLAYER: Final = "former player"
_POOL_NAME: Final = re.compile(r"W\d{4}-\d{2}-[A-Z]{1,8}")


class PoolShown(Shown):
    """A pool of a week: `size` entries compete in it."""

    pool_id: UUID
    week: str = Field(examples=["2026-W47"])
    name: str = Field(examples=["W2026-47-A"])
    size: int = Field(examples=[84])


class PoolPage(Page[PoolShown]):
    """Some of a week's pools, A to Z before AA."""


class Line(Shown):
    """A line of the leaderboard, by available credits; equal credits share a rank (1, 2, 2, 4).

    `place` counts the lines. `entry`, under which the public ledger keeps the bets, is told to the player, operators
    and auditors only. `won`, `lost` and `returned` count settled bets.
    """

    place: int = Field(examples=[3])
    rank: int = Field(examples=[2])
    name: str = Field(examples=["Ann"])
    is_me: bool
    entry: UUID | None
    credits: int = Field(examples=[1090])
    at_stake: int
    open_bets: int
    won: int
    lost: int
    returned: int


class LeaderboardShown(BaseModel):
    """A pool's standings, best first: all of them, as a pool is no larger than the week's rules allow.

    `as_of` is the position of the last movement that they show. Of two answers for one pool, the one with the greater
    number behind the colon is the later. They are final once the week's `state` is.
    """

    pool: PoolShown
    as_of: str = Field(examples=["2026-W47:5123"])
    data: list[Line]


class Member(BaseModel):
    """Somebody in a pool, by the name that others see."""

    name: str
    is_me: bool


class Members(BaseModel):
    """Who is in a pool, in order of name."""

    pool: PoolShown
    data: list[Member]


def visible_pool(principal: SignedIn, week: WeekNamed, pool: str, services: ServicesDep) -> Pool:
    """Return the pool that a path names by id or name, for those who may see it: the week's players, and staff.

    Raises Refusal `unknown_pool`, for others too.
    """
    is_in_week = services.ledger.entries.entry_of(player_id=principal.id, week=week) is not None
    if is_in_week or "audit" in principal.scopes:
        found = services.views.pools.pool_called(week, pool)
        if found is not None:
            return found
    raise Refusal("unknown_pool", f"Week {week} has no pool {pool} that you can see.")


VisiblePool = Annotated[Pool, Depends(visible_pool)]


@router.get("", dependencies=[CAUGHT_UP])
def list_pools(principal: SignedIn, week: WeekNamed, services: ServicesDep, paging: PagingDep) -> PoolPage:
    """Return a week's pools, none before its draw."""
    found = services.views.pools.pools_of_week(
        week, name=paging.place(_POOL_NAME), is_back=paging.is_back, limit=paging.fetch
    )
    return PoolPage.of(found, paging, show=PoolShown.of, place=lambda pool: pool.name)


@router.get("/{pool}/leaderboard", dependencies=[CAUGHT_UP])
def get_leaderboard(principal: SignedIn, pool: VisiblePool, services: ServicesDep) -> LeaderboardShown:
    """Return a pool's standings; `pool` is its id or its name, such as W2026-47-A.

    Refused with `unknown_pool` where there is none, or none that the asker may see: the week's players see its pools.
    """
    return shown_leaderboard(services, pool=pool, principal=principal)


@router.get("/{pool}/members", dependencies=[CAUGHT_UP])
def list_members(principal: SignedIn, pool: VisiblePool, services: ServicesDep) -> Members:
    """Return who is in a pool. Refused with `unknown_pool`, as its leaderboard is."""
    entries = [account.entry for account in services.views.accounts.members(pool.pool_id)]
    names = services.players.names_of(entries)
    shown = sorted(_shown_as(names, entry, principal) for entry in entries)
    return Members(pool=PoolShown.of(pool), data=[Member(name=name, is_me=is_me) for name, is_me in shown])


def shown_leaderboard(services: Services, *, pool: Pool, principal: Principal) -> LeaderboardShown:
    """Return a pool's standings as somebody may see them."""
    standings = services.views.leaderboard.leaderboard(pool.pool_id)
    names = services.players.names_of(standing.entry for standing in standings)
    lines = []
    for place, standing in enumerate(standings, start=1):
        name, is_me = _shown_as(names, standing.entry, principal)
        entry = standing.entry if is_me or "audit" in principal.scopes else None
        lines.append(Line.of(standing, place=place, name=name, is_me=is_me, entry=entry))
    last = max((standing.position for standing in standings), default=pool.position)
    return LeaderboardShown(pool=PoolShown.of(pool), as_of=position_token(pool.log, last), data=lines)


def _shown_as(names: Mapping[UUID, Named], entry: UUID, principal: Principal) -> tuple[str, bool]:
    """Return the name of the player behind an entry, and whether it is the one who asks."""
    named = names.get(entry)
    return (named.name, named.player_id == principal.id) if named is not None else (FORMER_PLAYER, False)
