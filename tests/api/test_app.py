"""The app as a whole: its OpenAPI document, and who may use which route."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any
from uuid import uuid4

import pytest

from tests.api.world import World

OPEN = {
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/problems"),
    ("GET", "/api/problems/{code}"),
    ("POST", "/api/auth/signup"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/password-reset"),
    ("POST", "/api/auth/password-reset/confirm"),
    ("POST", "/api/auth/verify-email"),
    ("GET", "/api/payments/offers"),
    ("POST", "/api/webhooks/stripe"),
    ("GET", "/api/auth/keys"),
    ("GET", "/api/weeks"),
    ("GET", "/api/weeks/{week}"),
    ("GET", "/api/weeks/{week}/rules"),
    ("GET", "/api/games"),
    ("GET", "/api/games/{game_id}"),
    ("GET", "/api/games/{game_id}/markets"),
    ("GET", "/api/weeks/{week}/draw"),
    ("GET", "/api/weeks/{week}/draw/roster"),
    ("GET", "/api/weeks/{week}/draw/entries/{entry}"),
    ("GET", "/api/keys"),
    ("GET", "/api/logs/{log}/checkpoint"),
    ("GET", "/api/logs/{log}/checkpoints"),
    ("GET", "/api/logs/{log}/consistency"),
    ("GET", "/api/logs/{log}/tile/{level}/{tile}"),
}


@pytest.fixture
def document(world: World) -> dict[str, Any]:
    """The OpenAPI document of the service."""
    document: dict[str, Any] = world.client.get("/api/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Each operation under its method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_operation_ids_are_short_and_unique(document: dict[str, Any]) -> None:
    """A generated client has one method per operation, called by its plain name."""
    names = Counter(operation["operationId"] for operation in operations(document).values())
    assert max(names.values()) == 1
    assert {"place_bet", "list_bets", "get_leaderboard"} <= set(names)


def test_every_operation_documents_its_problems(document: dict[str, Any]) -> None:
    """Errors have a schema, and every reference in the document leads somewhere."""
    for operation in operations(document).values():
        assert "application/problem+json" in operation["responses"]["default"]["content"]
    schemas = document["components"]["schemas"]
    assert {"Problem", "InvalidField", "QuoteShown", "PlacedBet"} <= set(schemas)
    assert references(document) <= {f"#/components/schemas/{name}" for name in schemas}


def references(node: Any) -> set[str]:
    """All `$ref`s below a node."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(child) for child in node.values()))
    return set().union(*(references(child) for child in node)) if isinstance(node, list) else set()


def test_every_route_that_is_not_open_needs_a_token(world: World, document: dict[str, Any]) -> None:
    """A new route is closed to strangers unless it is listed here, and its document says so."""
    for (method, path), operation in operations(document).items():
        assert bool(operation["security"]) == ((method, path) not in OPEN), path
        if (method, path) not in OPEN:
            given: dict[str, Any] = {"week": "current", "pool": "x", "year": 2026}
            filled = path.format_map(defaultdict(uuid4, given))
            assert world.client.request(method, filled).status_code == 401, path
    assert set(operations(document)) >= OPEN


def test_placing_a_bet_documents_its_key(document: dict[str, Any]) -> None:
    """The Idempotency-Key is a required header."""
    parameters = operations(document)["POST", "/api/bets"]["parameters"]
    (key,) = [each for each in parameters if each["name"] == "Idempotency-Key"]
    assert (key["in"], key["required"]) == ("header", True)


def test_the_document_says_how_the_api_is_used(document: dict[str, Any]) -> None:
    """Log-in, repetition, freshness, problems, limits and versions are explained where developers begin to read."""
    description = document["info"]["description"]
    for word in ("Authorization", "Idempotency-Key", "After-Position", "ETag", "problem+json", "RateLimit", "Sunset"):
        assert word in description
