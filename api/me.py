"""The player who asks: credits, pool and standing in the current week, and the way to the next one."""

from __future__ import annotations

import math
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import Refusal
from api.principal import SignedIn
from api.quotes import Moment
from api.reading import CAUGHT_UP, Shown
from api.services import Services, ServicesDep
from api.tokens import Principal
from api.weeks import is_enrolled
from ledger import weeks

router = APIRouter(prefix="/me", tags=["me"])


class User(Shown):
    """Who is logged in."""

    id: UUID
    email: str
    name: str
    role: str


class MyWeek(Shown):
    """The current week, once it is open. `state`: registering, grouped, closed, settled or final."""

    week: str
    state: str
    starts_at: Moment
    ends_at: Moment


class MyPool(Shown):
    """A pool and how many are in it."""

    pool_id: UUID
    name: str
    size: int


class Credits(Shown):
    """Credits in the current week: `available` for stakes, `at_stake` in open bets, `potential` if all were won."""

    available: int
    at_stake: int
    potential: int
    open_bets: int


class Me(BaseModel):
    """Everything that an app's first screen needs.

    `entry` and `credits` are null for a week that the player does not take part in, `pool` and `credits` until the
    draw. The next cycle begins with the next week.
    """

    user: User
    week: MyWeek | None
    entry: UUID | None
    pool: MyPool | None
    credits: Credits | None
    next_week: str
    next_cycle_at: Moment
    next_cycle_in_seconds: int
    registered_for_next: bool


class MyStanding(Shown):
    """Where the player stands in the pool; equal credits share a rank."""

    rank: int
    credits: int
    at_stake: int
    won: int
    lost: int
    returned: int


class PoolAndStanding(BaseModel):
    """The player's pool of the current week."""

    week: str
    pool: MyPool
    standing: MyStanding


@router.get("", dependencies=[CAUGHT_UP])
def get_me(principal: SignedIn, services: ServicesDep) -> Me:
    """Return the player and their current week."""
    user = services.players.player(principal.id)
    if user is None:
        raise Refusal("unauthenticated", "This account was erased.")
    now = services.clock()
    current, ends_at = weeks.week_at(now), weeks.ends_at(weeks.week_at(now))
    following = weeks.following(current)
    week = services.views.weeks.week(current)
    entry = _entry(services, principal, current)
    account = services.views.accounts.account(entry) if entry is not None else None
    return Me(
        user=User.of(user),
        week=MyWeek.of(week) if week is not None else None,
        entry=entry,
        pool=_pool(services, account.pool_id) if account is not None else None,
        credits=Credits.of(account) if account is not None else None,
        next_week=following,
        next_cycle_at=ends_at,
        next_cycle_in_seconds=math.ceil((ends_at - now).total_seconds()),
        registered_for_next=_entry(services, principal, following) is not None,
    )


@router.get("/pool", dependencies=[CAUGHT_UP])
def get_my_pool(principal: SignedIn, services: ServicesDep) -> PoolAndStanding:
    """Return the player's pool of the current week and their standing in it. `unknown_pool` until the draw."""
    current = weeks.week_at(services.clock())
    entry = services.ledger.entries.entry_of(player_id=principal.id, week=current)
    standing = services.views.leaderboard.standing(entry) if entry is not None else None
    pool = _pool(services, standing.pool_id) if standing is not None else None
    if standing is None or pool is None:
        raise Refusal("unknown_pool", f"You have no pool in week {current}.")
    return PoolAndStanding(week=current, pool=pool, standing=MyStanding.of(standing))


def _entry(services: Services, principal: Principal, week: str) -> UUID | None:
    """Return the player's entry in a week that it takes part in."""
    entry = services.ledger.entries.entry_of(player_id=principal.id, week=week)
    return entry if entry is not None and is_enrolled(services, week=week, entry=entry) else None


def _pool(services: Services, pool_id: UUID) -> MyPool | None:
    pool = services.views.pools.pool(pool_id)
    return MyPool.of(pool) if pool is not None else None
