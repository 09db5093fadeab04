"""Whether the service lives, whether it can serve, and where to begin."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from api.errors import KINDS
from api.identity.principal import PUBLIC
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger.datastore import cursor_on
from ledger.sql import queries

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
def get_readiness(services: ServicesDep) -> Health:
    """Answer if the service can serve; else `not_ready`.

    The database is there and migrated, no projection is stopped, those of a new version are nearly at the logs' ends.
    """
    missing = services.migrations - _migrations(services)
    if missing:
        raise Refusal("not_ready", f"Migrations have not run: {', '.join(sorted(missing))}.")
    stopped = sorted({each.name for each in services.runner.reading.status() if each.error is not None})
    if stopped:
        raise Refusal("not_ready", f"Projections are stopped: {', '.join(stopped)}.")
    arriving = services.runner.arriving()
    if arriving:
        raise Refusal("not_ready", f"New versions of projections have not caught up: {', '.join(arriving)}.")
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


def _migrations(services: Services) -> frozenset[str]:
    with services.ledger.datastore.connection() as connection:
        rows = cursor_on(connection).execute(queries("api", "health.sql")["migrations"]).fetchall()
    return frozenset(name for (name,) in rows)
