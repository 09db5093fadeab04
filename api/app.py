"""The app: routers, the error table and the middleware, on services that somebody else composed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from api import (
    admin_cases,
    admin_feed,
    admin_games,
    admin_payments,
    admin_prizes,
    admin_projections,
    admin_weeks,
    bets,
    checkout,
    draws,
    games,
    health,
    leaderboard,
    live,
    me,
    my_weeks,
    prizes,
    proofs,
    season,
    slips,
    statement,
    subscription,
    testclock,
    webhooks,
    weeks,
)
from api.errors import handle_errors
from api.http.capacity import Capacity
from api.http.cors import Cors
from api.http.description import DESCRIPTION
from api.http.direct import Direct, Endpoint
from api.http.etags import ETags
from api.http.headers import SecurityHeaders
from api.http.middleware import Bodies, BodyRules, RequestIds
from api.http.openapi import Api
from api.http.throttle import Throttle, Toll
from api.identity import admin_keys, auth, my_sessions, recovery
from api.people import admin as admin_players
from api.people import person, protection
from api.services import Services

DIRECT: Final[Mapping[tuple[str, str], Endpoint]] = {("POST", "/api/bets"): bets.place_bet}
"""What is asked for so often that the framework's router would be felt, and is read by hand."""


def create_app(services: Services) -> FastAPI:
    """Return the ASGI app that answers from these services. It opens and closes none of them."""
    toll = Toll(services.meters)
    bodies = BodyRules(max_bytes=services.body_bytes_max, seconds=services.body_wait.total_seconds())
    inner = [Middleware(Throttle, toll=toll), Middleware(ETags), Middleware(Bodies, rules=bodies)]
    app = blank_app(inner, with_test_clock=services.test_clock is not None)
    app.state.services = services
    direct = Direct(app.build_middleware_stack(), DIRECT, app.exception_handlers, toll=toll, bodies=bodies)
    # The framework puts the handler of the unforeseen outside of all middleware: its answers need their headers, too.
    app.middleware_stack = _outer(Capacity(direct, most=services.requests_max), services)
    return app


def build_routes(app: FastAPI) -> None:
    """Let the framework build its routes, which it would do, for a fifth of a second, while the first requests wait."""
    nowhere = {"type": "http", "method": "GET", "path": "/nowhere", "root_path": "", "headers": []}
    for route in app.routes:
        route.matches(nowhere)


def _outer(app: ASGIApp, services: Services) -> ASGIApp:
    shared = Cors(app, origins=services.cors_origins) if services.cors_origins else app
    return RequestIds(SecurityHeaders(shared, hsts_seconds=services.hsts_seconds))


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of a development service, which has every route there is."""
    return blank_app(with_test_clock=True).openapi()


def blank_app(middleware: Sequence[Middleware] = (), *, with_test_clock: bool) -> FastAPI:
    """Return the app with all its routes, but nothing that they could answer from."""
    app = Api(
        title="fairpool",
        summary="A weekly betting game played on credits, on a ledger that anyone can check",
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        # The documentation pages that FastAPI brings load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=middleware,
    )
    handle_errors(app)
    # Routes are tried in this order: the bets, which are most of the traffic, come first.
    routers: list[APIRouter] = [
        r.router
        for r in (
            bets,
            slips,
            me,
            statement,
            my_sessions,
            my_weeks,
            games,
            weeks,
            draws,
            leaderboard,
            live,
            season,
            auth,
            recovery,
            checkout,
            subscription,
            prizes,
            webhooks,
            admin_weeks,
            admin_cases,
            admin_feed,
            admin_games,
            admin_prizes,
            admin_payments,
            admin_projections,
            admin_keys,
            admin_players,
            person,
            protection,
            proofs,
        )
    ]
    if with_test_clock:
        routers.append(testclock.router)
    for router in routers:
        app.include_router(router, prefix="/api")
    app.include_router(health.router)
    return app
