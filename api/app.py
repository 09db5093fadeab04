"""The app: routers, the error table and the middleware, on services that somebody else composed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from api import admin, auth, bets, games, health, leaderboard, me, testclock, weeks
from api.errors import PROBLEM_JSON, Problem, handle_errors
from api.middleware import BodyLimit, RequestIds
from api.services import Services

_ANY_PROBLEM = {
    "description": "A problem (RFC 9457): branch on its `code`.",
    "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class _Api(FastAPI):
    """FastAPI, with the schema of problems among its components."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
        return document


def create_app(services: Services) -> FastAPI:
    """Return the ASGI app that answers from these services. It opens and closes none of them."""
    app = _Api(
        title="fairpool",
        summary="A weekly betting game played on credits, on a ledger that anyone can check",
        openapi_url="/api/openapi.json",
        # The documentation pages that FastAPI brings load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        responses={"default": _ANY_PROBLEM},
        middleware=[Middleware(RequestIds), Middleware(BodyLimit, max_bytes=services.body_bytes_max)],
    )
    app.state.services = services
    handle_errors(app)
    # Routes are tried in this order: the bets, which are most of the traffic, come first.
    routers: list[APIRouter] = [r.router for r in (bets, me, games, weeks, leaderboard, auth, admin)]
    if services.test_clock is not None:
        routers.append(testclock.router)
    for router in routers:
        app.include_router(router, prefix="/api")
    app.include_router(health.router)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
