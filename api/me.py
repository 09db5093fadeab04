"""The player who asks: credits, pool and standing in the current week, and the way to the next one."""

from __future__ import annotations

import math
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import AsPerson
from api.identity.tokens import Principal
from api.my_weeks import MyPool, MyStanding
from api.refusal import Refusal
from api.services import Services, ServicesDep
from api.weeks import is_enrolled
from ledger import weeks

router = APIRouter(prefix="/me", tags=["me"])


class User(Shown):
    """Who is logged in: `name` is what other players see, `role` player, operator or auditor."""

    id: UUID
    email: str = Field(examples=["ann@example.org"])
    name: str = Field(examples=["Ann"])
    role: str = Field(examples=["player"])
    email_verified: bool
    created_at: Moment


class MyWeek(Shown):
    """The current week, once it is open. `state`: registering, grouped, closed, settled or final."""

    week: str
    state: str
    starts_at: Moment
    ends_at: Moment


class Credits(Shown):
    """Credits in the current week: `available` for stakes, `at_stake` in open bets, `potential` if all were won."""

    available: int
    at_stake: int
    potential: int
    open_bets: int


class InForce(Shown):
    """What bars the player from enrolling and betting: cool_off, self_exclusion or suspension.

    Without `ends_at` it lasts for good, or until an operator lifts it.
    """

    kind: str = Field(examples=["cool_off"])
    starts_at: Moment
    ends_at: Moment | None


class Me(BaseModel):
    """Everything that an app's first screen needs, at `now` of the service's clock.

    `entry` and `credits` are null for a week that the player does not take part in, `pool` and `credits` until the
    draw. The next cycle begins with the next week, which takes enrolments once `next_week_is_open`. While
    `restrictions` has any, the player can neither enrol nor bet.
    """

    user: User
    now: Moment
    week: MyWeek | None
    entry: UUID | None
    pool: MyPool | None
    credits: Credits | None
    next_week: str = Field(examples=["2026-W48"])
    next_week_is_open: bool
    next_cycle_at: Moment
    next_cycle_in_seconds: int = Field(examples=[86_400])
    registered_for_next: bool
    restrictions: list[InForce]


class PoolAndStanding(BaseModel):
    """The player's pool of the current week."""

    week: str
    pool: MyPool
    standing: MyStanding


@router.get("", dependencies=[CAUGHT_UP])
def get_me(principal: AsPerson, services: ServicesDep) -> Me:
    """Return the player and their current week."""
    user = services.players.player(principal.id)
    if user is None:
        raise Refusal("unauthenticated", "This account was erased.")
    now = services.clock()
    current, ends_at = weeks.week_at(now), weeks.ends_at(weeks.week_at(now))
    following = weeks.following(current)
    restrictions = services.restrictions.of_player(principal.id)
    week = services.views.weeks.week(current)
    entry = _entry(services, principal, current)
    account = services.views.accounts.account(entry) if entry is not None else None
    return Me(
        user=User.of(user, email_verified=user.email_verified_at is not None),
        now=now,
        week=MyWeek.of(week) if week is not None else None,
        entry=entry,
        pool=_pool(services, account.pool_id) if account is not None else None,
        credits=Credits.of(account) if account is not None else None,
        next_week=following,
        next_week_is_open=services.views.weeks.week(following) is not None,
        next_cycle_at=ends_at,
        next_cycle_in_seconds=math.ceil((ends_at - now).total_seconds()),
        registered_for_next=_entry(services, principal, following) is not None,
        restrictions=[InForce.of(each) for each in restrictions if each.is_in_force(now)],
    )


@router.get("/pool", dependencies=[CAUGHT_UP])
def get_my_pool(principal: AsPerson, services: ServicesDep) -> PoolAndStanding:
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
