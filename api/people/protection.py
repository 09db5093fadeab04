"""What players decide to protect themselves: pauses, self-exclusion, spend limits."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt

from api.http.moments import Moment
from api.http.reading import Shown
from api.identity.principal import AsPlayer, request_key
from api.people.device_header import SEEN_DEVICE
from api.people.registry import Kind
from api.people.spending import SpendLimits
from api.services import Services, ServicesDep

router = APIRouter(prefix="/me", tags=["me"], dependencies=[SEEN_DEVICE])

CENTS_MAX: Final = 10**9
Cents = Annotated[StrictInt, Field(ge=0, le=CENTS_MAX, examples=[2_000])]


class CoolOff(BaseModel):
    """A pause of some days. It cannot be taken back, so `confirm` says that the player was asked twice."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: Annotated[StrictInt, Field(ge=1, le=42, examples=[7])]
    confirm: Literal[True]


class SelfExclusion(BaseModel):
    """An exclusion of some months, or for good (null). It cannot be taken back, hence `confirm`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    months: Annotated[StrictInt, Field(ge=6, le=60, examples=[6])] | None
    confirm: Literal[True]


class RestrictionShown(Shown):
    """What bars a player from enrolling and betting. `kind`: cool_off, self_exclusion or suspension.

    Without `ends_at` it lasts for good, or, a suspension, until it is lifted. Only suspensions are ever lifted.
    """

    id: UUID
    kind: Kind
    starts_at: Moment
    ends_at: Moment | None
    reason: str
    lifted_at: Moment | None
    is_in_force: bool


class PlacedRestriction(RestrictionShown):
    """A new restriction, and the weeks to come that it withdrew the player from."""

    withdrawn: list[str] = Field(examples=[["2026-W48"]])


class RestrictionList(BaseModel):
    """All restrictions that a player ever had, newest first."""

    data: list[RestrictionShown]


class AskedLimits(BaseModel):
    """The most that the player wants to spend, in cents; null is no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weekly_cents: Cents | None
    monthly_cents: Cents | None


class LimitShown(Shown):
    """The most that may be spent in a period, in cents; null is no limit. From `next_from` on it is `next_cents`."""

    cents: int | None = Field(examples=[2_000])
    next_cents: int | None = Field(examples=[5_000])
    next_from: Moment | None


class LimitsShown(BaseModel):
    """Spend limits: `weekly` for a week of the game, `monthly` for a calendar month in New York."""

    currency: str = Field(examples=["USD"])
    weekly: LimitShown
    monthly: LimitShown


@router.post("/cool-off", status_code=201)
def cool_off(player: AsPlayer, body: CoolOff, request: Request, services: ServicesDep) -> PlacedRestriction:
    """Take a pause from enrolling and betting, at once. It cannot be lifted or shortened; a longer one may follow.

    Enrolments in weeks that start before its end are withdrawn. What is staked already is played to its end and paid.
    """
    return _restrict(services, player.id, "cool_off", lambda now: now + timedelta(days=body.days), request)


@router.post("/self-exclusion", status_code=201)
def self_exclude(player: AsPlayer, body: SelfExclusion, request: Request, services: ServicesDep) -> PlacedRestriction:
    """Exclude oneself from enrolling and betting, at once, for months or for good.

    It cannot be lifted or shortened; a longer one may follow. Enrolments in weeks that start before its end are
    withdrawn. What is staked already is played to its end and paid.
    """
    months = body.months

    def ends(now: datetime) -> datetime | None:
        return months_later(now, months) if months is not None else None

    return _restrict(services, player.id, "self_exclusion", ends, request)


@router.get("/restrictions")
def list_my_restrictions(player: AsPlayer, services: ServicesDep) -> RestrictionList:
    """Return the player's restrictions, past ones too."""
    return restriction_list(services, player.id)


@router.get("/limits")
def get_my_limits(player: AsPlayer, services: ServicesDep) -> LimitsShown:
    """Return the player's spend limits, and what follows them."""
    return _limits(services, services.spending.limits_in_force(player.id, services.clock()))


@router.put("/limits")
def set_my_limits(player: AsPlayer, body: AskedLimits, services: ServicesDep) -> LimitsShown:
    """Set the player's spend limits. A lower one is in force at once, a higher one or none 24 hours later."""
    return _limits(
        services,
        services.spending.ask(
            player_id=player.id,
            weekly_cents=body.weekly_cents,
            monthly_cents=body.monthly_cents,
            at=services.clock(),
        ),
    )


def months_later(instant: datetime, months: int) -> datetime:
    """Return the same day and time some months later, on the last day of a month that has no such day."""
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    day = min(instant.day, calendar.monthrange(year, month + 1)[1])
    return instant.replace(year=year, month=month + 1, day=day)


def restriction_list(services: Services, player_id: UUID) -> RestrictionList:
    """Return a player's restrictions as they stand."""
    now = services.clock()
    return RestrictionList(
        data=[
            RestrictionShown.of(each, is_in_force=each.is_in_force(now))
            for each in services.restrictions.of_player(player_id)
        ]
    )


def _restrict(
    services: Services,
    player_id: UUID,
    kind: Kind,
    ends: Callable[[datetime], datetime | None],
    request: Request,
) -> PlacedRestriction:
    key = request_key(request)
    placed = services.restrictions.place(
        player_id=player_id, kind=kind, ends=ends, reason="the player's own choice", placed_by="player", request=key
    )
    withdrawn = services.taking_part.withdraw_from_coming_weeks(player_id=player_id, until=placed.ends_at, request=key)
    return PlacedRestriction.of(placed, is_in_force=placed.is_in_force(services.clock()), withdrawn=withdrawn)


def _limits(services: Services, limits: SpendLimits) -> LimitsShown:
    return LimitsShown(
        currency=services.spending.currency,
        weekly=LimitShown.of(limits.weekly),
        monthly=LimitShown.of(limits.monthly),
    )
