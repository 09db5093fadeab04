"""Whether the service lives, whether it can serve, and where to begin."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import KINDS
from api.identity.principal import PUBLIC
from api.refusal import Refusal
from api.services import ServicesDep

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """The service answers."""

    status: str = "ok"


class Index(BaseModel):
    """Where to begin: each link is a path of this service."""

    name: str = "fairpool"
    openapi: str = "/api/openapi.json"
    weeks: str = "/api/weeks"
    this_week: str = "/api/weeks/current"
    games: str = "/api/games"
    signup: str = "/api/auth/signup"
    problems: str = "/api/problems"
    health: str = "/healthz"
    ready: str = "/readyz"


class ProblemKind(BaseModel):
    """A kind of problem that the API answers with."""

    code: str
    status: int
    title: str


class ProblemKinds(BaseModel):
    """All kinds of problems, by code."""

    data: list[ProblemKind]


@router.get("/", openapi_extra=PUBLIC)
async def get_index() -> Index:
    """Return where to begin."""
    return Index()


@router.get("/healthz", openapi_extra=PUBLIC)
async def get_health() -> Health:
    """Answer as long as the process lives."""
    return Health()


@router.get("/readyz", openapi_extra=PUBLIC)
async def get_readiness(services: ServicesDep) -> Health:
    """Answer if the service can serve; else `not_ready`, within two seconds.

    The database is there, migrated, and takes what is written; no projection is stopped, those of a new version are
    nearly at the logs' ends; and the service is not about to stop.
    """
    lack = "The service stops." if services.is_stopping() else await services.readiness.lack()
    if lack is not None:
        raise Refusal("not_ready", lack)
    return Health()


@router.get("/api/problems", openapi_extra=PUBLIC)
async def list_problems() -> ProblemKinds:
    """Return every kind of problem that the API answers with."""
    return ProblemKinds(data=[_kind(code) for code in sorted(KINDS)])


@router.get("/api/problems/{code}", openapi_extra=PUBLIC)
async def get_problem(code: str) -> ProblemKind:
    """Return one kind of problem: what the `type` of a problem points to."""
    if code not in KINDS:
        raise Refusal("not_found", f"There is no kind of problem {code}.")
    return _kind(code)


def _kind(code: str) -> ProblemKind:
    return ProblemKind(code=code, status=KINDS[code].status, title=KINDS[code].title)
