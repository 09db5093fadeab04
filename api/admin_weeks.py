"""What operators do with weeks. Each act is idempotent: again, the first answer."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final, Literal, Self, TypedDict
from uuid import UUID

import msgspec
from fastapi import APIRouter, Body, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from api.http.moments import Moment
from api.http.reading import Shown, WeekNamed, WeekOpened
from api.identity.actors import actor_of
from api.identity.principal import AsOperator, request_key
from api.identity.tokens import Principal
from api.services import ServicesDep
from ledger import closing, drawing
from ledger.facts import Fact, canonical, read_as
from ledger.outlook import outlook
from ledger.rules import Rules

router = APIRouter(prefix="/admin/weeks/{week}", tags=["admin"])
_log = logging.getLogger(__name__)


BY_HAND: Final = "by hand"
Reason = Annotated[
    str,
    Field(min_length=1, max_length=200, pattern=r"\S", description="Why: kept in the ledger as a case, and public."),
]


class ByHand(BaseModel):
    """What an operator does in place of the clock, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason = BY_HAND


class OpenWeek(ByHand):
    """Where a week's rules differ from the defaults: names and values as in `GET /api/weeks/{week}/rules`."""

    rules: dict[str, Any] = Field(default_factory=dict, examples=[{"late_entry": True}])


_OVERRIDES_HAVE_REASONS: Final[dict[str, Any]] = {
    "if": {"required": ["override"], "properties": {"override": {"const": True}}},
    "then": {"required": ["reason"], "properties": {"reason": {"pattern": r"\S"}}},
}


class FinaliseWeek(BaseModel):
    """`override` ends the correction window early, and past open cases, for a reason, which is public."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_OVERRIDES_HAVE_REASONS)

    override: StrictBool = False
    reason: Annotated[str, Field(max_length=200)] = ""

    @model_validator(mode="after")
    def _give_a_reason(self) -> Self:
        if self.override and not self.reason.strip():
            raise ValueError("an override needs a reason")
        return self


Asked = Annotated[ByHand | None, Body()]


class GameOpen(Shown):
    """A game that is not resolved: it waits for its `result`, or with one for the `settlement` of its bets."""

    game_id: UUID
    external_id: str
    league: str
    home: str
    away: str
    starts_at: Moment
    waits_for: Literal["result", "settlement"]


class ArchiveShown(Shown):
    """What is known of a week that has left the database; `restored_at` is null while it is away."""

    size: int
    root: str
    manifest_sha256: str
    archived_at: Moment | None
    restored_at: Moment | None


class WeekOutlook(BaseModel):
    """What a week waits for. Where it is archived, `archive` says so, and there is nothing left to wait for.

    `open_stakes` is null before the week's close. At `deadline` games without a result are void; at `final_at`, null
    until the week is settled, it becomes final, unless one of `open_cases` keeps it. Nothing is added behind
    `sealed_at`.
    """

    week: str
    state: str
    games: list[GameOpen]
    open_stakes: int | None
    open_cases: list[UUID]
    deadline: Moment | None
    final_at: Moment | None
    sealed_at: Moment | None
    archive: ArchiveShown | None


class _Origin(TypedDict):
    actor: str
    request: str


class Done(BaseModel):
    """What an act came to in the ledger; `position` is a token to read the result with (`?after=`)."""

    week: str
    event: str
    position: str
    recorded_at: Moment


@router.get("")
def get_week_outlook(operator: AsOperator, week: WeekOpened, services: ServicesDep) -> WeekOutlook:
    """Return what a week waits for: games, stakes and cases that are open, and by when; or that it is archived.

    Weeks are archived and restored on the command line alone, by who owns the database.
    """
    known = services.ledger.archives.archive(week)
    archive = None if known is None else ArchiveShown.of(known, root=known.root.hex())
    if known is not None and known.is_away:
        return _archived(week, archive)
    ahead = outlook(services.ledger, week=week)
    return WeekOutlook(
        week=week,
        state=ahead.state,
        games=[GameOpen.of(game) for game in ahead.games],
        open_stakes=ahead.open_stakes,
        open_cases=list(ahead.open_cases),
        deadline=ahead.deadline,
        final_at=ahead.final_at,
        sealed_at=ahead.sealed_at,
        archive=archive,
    )


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
    body = body or OpenWeek()
    return _done(
        drawing.open_week(
            services.ledger, week=week, rules=_rules(body.rules), **_origin(operator, request), reason=body.reason
        )
    )


@router.post("/draw")
def draw_week(
    operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep, body: Asked = None
) -> Done:
    """Draw the pools and open betting; after a crash it goes on where it stopped.

    Refused with `too_early` before the week's start.
    """
    return _done(drawing.draw(services.ledger, week=week, **_origin(operator, request), reason=_reason(body)))


@router.post("/group")
def group_week(
    operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep, body: Asked = None
) -> Done:
    """Draw the pools: another name for `draw`. Refused with `too_early` before the week's start."""
    return draw_week(operator, week, request, services, body)


@router.post("/close")
def close_week(
    operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep, body: Asked = None
) -> Done:
    """Stop stakes. Refused with `too_early` before the week's end."""
    origin = _origin(operator, request)
    return _done(closing.close_week(services.ledger, week=week, **origin, reason=_reason(body)).result())


@router.post("/settle")
def settle_week(
    operator: AsOperator, week: WeekOpened, request: Request, services: ServicesDep, body: Asked = None
) -> Done:
    """Declare everything resolved. Refused with `week_not_resolved` while something waits."""
    return _done(closing.settle_week(services.ledger, week=week, **_origin(operator, request), reason=_reason(body)))


@router.post("/finalise")
def finalise_week(
    operator: AsOperator,
    week: WeekOpened,
    request: Request,
    services: ServicesDep,
    body: Annotated[FinaliseWeek | None, Body()] = None,
) -> Done:
    """End the correction window for good.

    Refused with `week_not_resolved` until the week is settled, and with `too_early` while the window runs or
    `case_open` while a case is, unless overridden.
    """
    body = body or FinaliseWeek()
    origin = _origin(operator, request)
    if body.override:
        origin["request"] = closing.override_request(body.reason)
    reason = body.reason.strip() or BY_HAND
    return _done(closing.finalise_week(services.ledger, week=week, **origin, override=body.override, reason=reason))


def _archived(week: str, archive: ArchiveShown | None) -> WeekOutlook:
    nothing: dict[str, Any] = dict.fromkeys(("open_stakes", "deadline", "final_at", "sealed_at"))
    return WeekOutlook(week=week, state="final", games=[], open_cases=[], archive=archive, **nothing)


def _reason(body: ByHand | None) -> str:
    return BY_HAND if body is None else body.reason


def _rules(overrides: dict[str, Any]) -> Rules:
    unknown = set(overrides) - set(Rules.__struct_fields__)
    try:
        if unknown:
            raise msgspec.ValidationError(f"there is no rule {', '.join(sorted(unknown))}")
        return read_as(Rules, canonical(overrides))
    except msgspec.ValidationError as error:
        reason = {"loc": ("body", "rules"), "type": "rules", "msg": str(error)}
        raise RequestValidationError([reason]) from error


def _origin(operator: Principal, request: Request) -> _Origin:
    return {"actor": actor_of(operator.id), "request": request_key(request)}


def _done(fact: Fact) -> Done:
    _log.info("%s by %s: %s", fact.event.TOPIC, fact.actor, fact.token)
    return Done(week=fact.log, event=fact.event.TOPIC, position=fact.token, recorded_at=fact.at)
