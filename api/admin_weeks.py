"""What operators do with weeks. Each act is idempotent: again, the first answer."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final, Self

import msgspec
from fastapi import APIRouter, Body, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from api.http.moments import Moment
from api.http.reading import WeekNamed, WeekOpened
from api.identity.principal import AsOperator, request_key
from api.identity.tokens import Principal
from api.services import ServicesDep
from ledger import closing, drawing
from ledger.facts import Fact, canonical, read_as
from ledger.rules import Rules

router = APIRouter(prefix="/admin/weeks/{week}", tags=["admin"])
_log = logging.getLogger(__name__)


class OpenWeek(BaseModel):
    """Where a week's rules differ from the defaults: names and values as in `GET /api/weeks/{week}/rules`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: dict[str, Any] = Field(default_factory=dict, examples=[{"late_entry": True}])


_OVERRIDES_HAVE_REASONS: Final[dict[str, Any]] = {
    "if": {"required": ["override"], "properties": {"override": {"const": True}}},
    "then": {"required": ["reason"], "properties": {"reason": {"pattern": r"\S"}}},
}


class FinaliseWeek(BaseModel):
    """`override` ends the correction window early, for a reason, which is kept in the ledger and public with it."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_OVERRIDES_HAVE_REASONS)

    override: StrictBool = False
    reason: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _give_a_reason(self) -> Self:
        if self.override and not self.reason.strip():
            raise ValueError("an override needs a reason")
        return self


class Done(BaseModel):
    """What an act came to in the ledger; `position` is a token to read the result with (`?after=`)."""

    week: str
    event: str
    position: str
    recorded_at: Moment


@router.post("/open")
def open_week(
    operator: AsOperator,
    week: WeekNamed,
    request: Request,
    services: ServicesDep,
    body: Annotated[OpenWeek | None, Body()] = None,
) -> Done:
    """Open a week for enrolments.

    Refused with `too_early` until the week before is drawn, and where a later one is open already; with
    `unsound_rules` where nobody could play by the rules.
    """
    rules = _rules(body.rules if body is not None else {})
    return _done(
        drawing.open_week(services.ledger, week=week, rules=rules, actor=_actor(operator), request=request_key(request))
    )


@router.post("/draw")
def draw_week(operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep) -> Done:
    """Draw the pools and open betting; after a crash it goes on where it stopped.

    Refused with `too_early` before the week's start.
    """
    return _done(drawing.draw(services.ledger, week=week, actor=_actor(operator), request=request_key(request)))


@router.post("/group")
def group_week(operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep) -> Done:
    """Draw the pools: another name for `draw`. Refused with `too_early` before the week's start."""
    return draw_week(operator, week, request, services)


@router.post("/close")
def close_week(operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep) -> Done:
    """Stop stakes. Refused with `too_early` before the week's end."""
    closed = closing.close_week(services.ledger, week=week, actor=_actor(operator), request=request_key(request))
    return _done(closed.result())


@router.post("/settle")
def settle_week(operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep) -> Done:
    """Declare everything resolved. Refused with `week_not_resolved` while something waits."""
    return _done(closing.settle_week(services.ledger, week=week, actor=_actor(operator), request=request_key(request)))


@router.post("/finalise")
def finalise_week(
    operator: AsOperator,
    week: WeekOpened,
    request: Request,
    services: ServicesDep,
    body: Annotated[FinaliseWeek | None, Body()] = None,
) -> Done:
    """End the correction window for good.

    Refused with `week_not_resolved` until the week is settled, and with `too_early` while the window runs, unless
    overridden.
    """
    override = body is not None and body.override
    key = closing.override_request(body.reason) if body is not None and override else request_key(request)
    return _done(
        closing.finalise_week(services.ledger, week=week, actor=_actor(operator), request=key, override=override)
    )


def _rules(overrides: dict[str, Any]) -> Rules:
    unknown = set(overrides) - set(Rules.__struct_fields__)
    try:
        if unknown:
            raise msgspec.ValidationError(f"there is no rule {', '.join(sorted(unknown))}")
        return read_as(Rules, canonical(overrides))
    except msgspec.ValidationError as error:
        reason = {"loc": ("body", "rules"), "type": "rules", "msg": str(error)}
        raise RequestValidationError([reason]) from error


def _actor(operator: Principal) -> str:
    return f"operator:{operator.id}"


def _done(fact: Fact) -> Done:
    _log.info("%s by %s: %s", fact.event.TOPIC, fact.actor, fact.token)
    return Done(week=fact.log, event=fact.event.TOPIC, position=fact.token, recorded_at=fact.at)
