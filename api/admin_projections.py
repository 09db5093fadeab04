"""What operators see of projections and do about them: rebuilds beside what players read, and going back."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.admin_feed import WithReason
from api.http.etags import IF_MATCH, version_seen, version_tag
from api.http.moments import Moment
from api.http.reading import Shown
from api.identity.actors import actor_of
from api.identity.principal import AsOperator, request_key
from api.identity.tokens import Principal
from api.people.admin import Reason
from api.services import Services, ServicesDep
from ledger.ids import position_token
from projections.generations import Act, Generation
from projections.rebuilds import ProjectionState, Rebuilds

router = APIRouter(prefix="/admin/projections", tags=["admin"])

_CONDITIONAL: Final[dict[str, Any]] = {"parameters": [IF_MATCH]}
_NAME: Final = r"^[a-z_]{1,40}$"
Name = Annotated[str, Path(pattern=_NAME, examples=["leaderboard"])]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LogStanding(BaseModel):
    """Where a projection stands in a log: `position` and `head` are tokens, `lag` counts the facts between them.

    `lag_seconds` is the age of the first fact that it lacks, `rate` that of its last batch in facts a second. `error`
    says what stopped it.
    """

    log: str = Field(examples=["2026-W47"])
    position: str
    head: str
    lag: int
    lag_seconds: float
    rate: float | None
    error: str | None


class GenerationShown(Shown):
    """A set of the projection's tables: `live` is what readers see, `kept` what was before.

    `asked` and `building` are to become live. `week` is what is folded anew, null for all. `done` of `total` facts are
    in its rows. `error` says why it could not be made.
    """

    generation: int
    state: str = Field(examples=["live"])
    week: str | None
    reason: str
    actor: str
    error: str | None
    changed_at: Moment | None
    done: int
    total: int


class ProjectionShown(BaseModel):
    """A projection: where it stands in each log that has begun, and its generations."""

    name: str = Field(examples=["leaderboard"])
    logs: list[LogStanding]
    generations: list[GenerationShown]


class ProjectionsShown(BaseModel):
    """All projections."""

    data: list[ProjectionShown]


class Rebuild(_Asked):
    """Which projection is made anew, all if null, of which week, all if null; why is public with the ledger."""

    name: Annotated[str | None, Field(pattern=_NAME, examples=["leaderboard"])] = None
    week: Annotated[str | None, Field(pattern=r"^(office|\d{4}-W\d{2})$", examples=["2026-W47"])] = None
    reason: Reason


class GenerationAsked(GenerationShown):
    """A generation, and of which projection."""

    name: str


class GenerationsAsked(BaseModel):
    """What was asked for, or dropped: see `GET /api/admin/projections` for how far a rebuild is."""

    data: list[GenerationAsked]


@router.get("")
def list_projections(operator: AsOperator, services: ServicesDep) -> ProjectionsShown:
    """Return all projections: where they stand, and their generations."""
    return ProjectionsShown(data=[_shown(services, state) for state in _rebuilds(services).states()])


@router.post("/rebuild", status_code=202)
def rebuild_projections(
    operator: AsOperator, body: Rebuild, request: Request, services: ServicesDep
) -> GenerationsAsked:
    """Ask for new rows, which are made beside those that players read, compared with them and exchanged in one moment.

    What is asked for already, or under way, is not asked for twice. Refused with `unknown_projection`, `unknown_week`,
    `week_archived`, and `rebuild_running` where another week alone is being made.
    """
    asked = _rebuilds(services).ask(name=body.name, week=body.week, act=_act(operator, request, services, body.reason))
    return GenerationsAsked(data=[_generation(each) for each in asked])


@router.get("/{projection}")
def get_projection(
    operator: AsOperator, projection: Name, response: Response, services: ServicesDep
) -> ProjectionShown:
    """Return a projection. Its ETag is that of the generation that is live. Refused with `unknown_projection`."""
    return _tagged(services, projection, response)


@router.post("/{projection}/rollback", openapi_extra=_CONDITIONAL)
def roll_back_projection(
    operator: AsOperator,
    projection: Name,
    body: WithReason,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> ProjectionShown:
    """Go back to the rows from before, with all that came since. With the same Idempotency-Key it is done once.

    Refused with `nothing_kept`, `rebuild_running`, `projection_stopped`, `flip_refused` and `unknown_projection`.
    """
    act = _act(operator, request, services, body.reason)
    _rebuilds(services).rollback(name=projection, act=act, seen=version_seen(request))
    return _tagged(services, projection, response)


@router.post("/{projection}/drop", openapi_extra=_CONDITIONAL)
def drop_generations(
    operator: AsOperator, projection: Name, body: WithReason, request: Request, services: ServicesDep
) -> GenerationsAsked:
    """Drop what a rebuild kept or left unfinished. Refused with `rebuild_running` and `unknown_projection`."""
    act = _act(operator, request, services, body.reason)
    dropped = _rebuilds(services).drop(name=projection, act=act, seen=version_seen(request))
    return GenerationsAsked(data=[_generation(each) for each in dropped])


def _rebuilds(services: Services) -> Rebuilds:
    return Rebuilds(services.ledger)


def _act(operator: Principal, request: Request, services: Services, reason: str) -> Act:
    return Act(reason=reason, actor=actor_of(operator.id), request=request_key(request), at=services.clock())


def _tagged(services: Services, name: str, response: Response) -> ProjectionShown:
    [state] = _rebuilds(services).states(name)
    response.headers["ETag"] = version_tag(state.live.generation)
    return _shown(services, state)


def _shown(services: Services, state: ProjectionState) -> ProjectionShown:
    now = services.clock()
    return ProjectionShown(
        name=state.name,
        logs=[
            LogStanding(
                log=each.log,
                position=position_token(each.log, each.position),
                head=position_token(each.log, each.head),
                lag=each.lag,
                lag_seconds=each.lag_seconds(now),
                rate=each.rate,
                error=each.error,
            )
            for each in state.logs
        ],
        generations=[GenerationShown.of(each) for each in state.generations],
    )


def _generation(generation: Generation) -> GenerationAsked:
    return GenerationAsked.of(generation, name=generation.label)
