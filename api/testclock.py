"""The test clock of a development service: an app's developer sees a whole week pass in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, model_validator

from api.http.moments import Moment
from api.identity.principal import PUBLIC, SignedIn
from api.refusal import Refusal
from api.services import ServicesDep, TestClock
from ledger import weeks

router = APIRouter(prefix="/test-clock", tags=["development"])

FURTHEST_SECONDS: Final = 366 * 24 * 3600
_EITHER: Final[dict[str, Any]] = {
    "oneOf": [
        {"required": ["to"], "properties": {"to": {"type": "string"}, "by": {"type": "null"}}},
        {"required": ["by"], "properties": {"by": {"type": "integer"}, "to": {"type": "null"}}},
    ]
}


class MoveClock(BaseModel):
    """Where to move the clock: `to` an instant, or `by` some seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_EITHER)

    to: Annotated[AwareDatetime, Field(examples=["2026-11-20T06:00:00Z"])] | None = None
    by: Annotated[StrictInt, Field(ge=0, le=FURTHEST_SECONDS, examples=[3600])] | None = None

    @model_validator(mode="after")
    def _say_one(self) -> Self:
        if (self.to is None) == (self.by is None):
            raise ValueError("say either `to` or `by`")
        return self


class ClockShown(BaseModel):
    """The time by the service's clock, and the week that holds it."""

    now: Moment
    week: str


def clock_of(services: ServicesDep) -> TestClock:
    """Return the service's test clock; an app without one does not have these routes."""
    assert services.test_clock is not None
    return services.test_clock


ClockDep = Annotated[TestClock, Depends(clock_of)]


@router.get("", openapi_extra=PUBLIC)
async def get_clock(clock: ClockDep) -> ClockShown:
    """Return the time by the service's clock."""
    return _shown(clock)


@router.post("")
async def move_clock(body: MoveClock, principal: SignedIn, clock: ClockDep) -> ClockShown:
    """Move the clock forward, and answer when all that is due until then has been done.

    Refused with `clock_backwards`, and with `clock_too_far` beyond a year at a time.
    """
    now = clock.now()
    to = body.to if body.to is not None else now + timedelta(seconds=body.by or 0)
    if to < now:
        raise Refusal("clock_backwards", f"It is {now.isoformat()} already: choose a later instant.")
    if to - now > timedelta(seconds=FURTHEST_SECONDS):
        raise Refusal("clock_too_far", "The clock moves by at most a year at a time.")
    await clock.advance(to)
    return _shown(clock)


def _shown(clock: TestClock) -> ClockShown:
    now: datetime = clock.now()
    return ClockShown(now=now, week=weeks.week_at(now))
