"""The OpenAPI document: what FastAPI derives from the routes, mended where it says too little or too much."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig

from api.errors import KINDS, PROBLEM_JSON, Problem
from api.http.ratelimits import UNMETERED
from ledger.rules import Rules

TAGS: Final[Mapping[str, str]] = {
    "admin": "What operators do with weeks, disputes, players, prizes and API keys.",
    "auth": "Accounts and tokens.",
    "bets": "Placing bets, and reading one's own.",
    "development": "A clock to be moved by hand. A service in production does not have these.",
    "draws": "How pools were drawn, and what anybody draws them again from.",
    "games": "The board: games, their markets, and the quotes on offer.",
    "live": "A week's changes as they happen, over Server-Sent Events.",
    "me": "The player who asks.",
    "payments": "Passes, subscriptions and buy-backs, where a service takes payments.",
    "pools": "Who plays against whom, and who stands where.",
    "prizes": "What the player has won, and how it is paid.",
    "proofs": "Receipts of bets, and what anybody checks a log by: signed checkpoints, its Merkle tree, the keys.",
    "season": "The table across a year's weeks.",
    "service": "Whether the service lives and can serve, and what its problems are called.",
    "weeks": "Weeks, their rules, and taking part in them.",
}
"""Every tag of the document, with what it stands for."""

_UNKNOWN: Final[Mapping[str, str]] = {
    "bet_id": "unknown_bet",
    "case_id": "unknown_case",
    "entry": "unknown_entry",
    "flag_id": "unknown_flag",
    "game_id": "unknown_game",
    "key_id": "unknown_api_key",
    "letter_id": "unknown_dead_letter",
    "log": "unknown_log",
    "payment_id": "unknown_payment",
    "player_id": "unknown_player",
    "pool": "unknown_pool",
    "projection": "unknown_projection",
    "session_id": "unknown_session",
    "week": "unknown_week",
}
"""What a path's parameter may turn out to be."""

_REF: Final = "#/components/schemas/"
_WRITING: Final = ("delete", "patch", "post", "put")
_FIRST_SENTENCE: Final = re.compile(r"(.+?)(?=[.;:](?:\s|$))", re.DOTALL)

SILENT: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}
"""Nobody listens: the framework would ask at each request whether somebody does, for a tenth of its time."""


class Api(FastAPI):
    """FastAPI, with a document that names the problems of each operation."""

    def __init__(self, **more: Any) -> None:
        tags = [{"name": name, "description": text} for name, text in TAGS.items()]
        super().__init__(
            generate_unique_id_function=_operation_id,
            openapi_tags=tags,
            # What FastAPI would document otherwise is its own error, which nobody is answered with.
            responses={"default": _answer("Another problem")},
            telemetry=SILENT,
            **more,
        )

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if self.openapi_schema is None:
            self.openapi_schema = mended(super().openapi())
        return self.openapi_schema


def mended(document: dict[str, Any]) -> dict[str, Any]:
    """Return FastAPI's document, changed in place, with all that a client's developer should find in it."""
    schemas = document["components"]["schemas"]
    _add_schema(schemas, _problem_schema())
    schemas["RulesShown"]["properties"]["rules"] = {"$ref": _add_schema(schemas, _rules_schema())}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _mend_operation(method, path, operation, schemas)
    for schema in schemas.values():
        for member in schema.get("properties", {}).values():
            member.pop("title", None)
    return document


def codes_named(text: str) -> list[str]:
    """Return the codes of problems that a text names in backticks."""
    return [name for name in re.findall(r"`(\w+)`", text) if name in KINDS]


def _operation_id(route: APIRoute) -> str:
    return route.name


def _problem_schema() -> dict[str, Any]:
    schema = Problem.model_json_schema(mode="serialization", ref_template=_REF + "{model}")
    schema["properties"]["code"] |= {"enum": sorted(KINDS), "description": "More may be added."}
    return schema


def _mend_operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    text = operation.get("description", "")
    if found := _FIRST_SENTENCE.match(text):
        operation["summary"] = " ".join(found[1].split())
    operation["parameters"] = [_parameter(parameter) for parameter in operation.get("parameters", [])]
    if not operation["parameters"]:
        del operation["parameters"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "properties" in content["schema"]:
            content["schema"] = {"$ref": _add_schema(schemas, content["schema"])}
    responses = operation["responses"]
    for status, response in responses.items():
        _describe(status, response, schemas)
    for status, codes in _codes_by_status(method, path, operation).items():
        responses.setdefault(str(status), _answer("; ".join(f"`{code}`: {KINDS[code].title}" for code in codes)))
    operation["responses"] = dict(sorted(responses.items()))


def _parameter(parameter: dict[str, Any]) -> dict[str, Any]:
    """Mend a parameter: one that is left out is not null, and headers are spelt as in the standards."""
    schema = {key: value for key, value in parameter["schema"].items() if key not in ("title", "description")}
    if "anyOf" in schema:
        kept = [each for each in schema.pop("anyOf") if each != {"type": "null"}]
        schema |= kept[0] if len(kept) == 1 else {"anyOf": kept}
    name = parameter["name"].title() if parameter["in"] == "header" else parameter["name"]
    return {**parameter, "name": name, "schema": schema}


def _describe(status: str, response: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    """Say what an answer is in the words of its model, where the route says nothing itself."""
    if response.get("description") != "Successful Response":
        return
    content = response.get("content", {}).get("application/json", {})
    model = schemas.get(content.get("schema", {}).get("$ref", "").removeprefix(_REF), {})
    found = _FIRST_SENTENCE.match(model.get("description", ""))
    response["description"] = " ".join(found[1].split()) if found else HTTPStatus(int(status)).phrase


def _codes_by_status(method: str, path: str, operation: Mapping[str, Any]) -> dict[int, list[str]]:
    """Return the problems that an operation may end in: those of its kind, and those that its text names."""
    codes = {*_codes_of_kind(method, path, operation), *codes_named(operation.get("description", ""))}
    found: dict[int, list[str]] = {}
    for code in sorted(codes):
        found.setdefault(KINDS[code].status, []).append(code)
    return found


def _codes_of_kind(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    parameters = [parameter["name"] for parameter in operation.get("parameters", [])]
    for requirement in operation.get("security", []):
        yield "unauthenticated"
        if any(requirement.values()):
            yield "forbidden"
    for parameter in re.findall(r"{(\w+)}", path):
        yield from ("not_found", _UNKNOWN.get(parameter, "not_found"))
    if "week" in parameters:
        yield "unknown_week"
    if "requestBody" in operation:
        yield from ("body_too_large", "malformed", "request_timeout", "unsupported_media_type")
    if "requestBody" in operation or parameters:
        yield "invalid_request"
    if "After-Position" in parameters:
        yield "projections_behind"
    if "cursor" in parameters:
        yield "invalid_cursor"
    if "Idempotency-Key" in parameters:
        yield from ("idempotency_key_invalid", "idempotency_key_required", "idempotency_key_reused")
    if "If-Match" in parameters:
        yield from ("precondition_failed", "precondition_required")
    if path.startswith("/api/") and not path.startswith(UNMETERED):
        yield "rate_limited"
    if method in _WRITING or "security" in operation:
        yield "unavailable"


def _rules_schema() -> dict[str, Any]:
    """Return the schema of a week's rules, which belong to the ledger and are shown as they stand there."""
    _, schemas = msgspec.json.schema_components([Rules], ref_template=_REF + "{name}")
    # Tuples among the defaults become lists, as they are in JSON.
    schemas = msgspec.json.decode(msgspec.json.encode(schemas))
    rules = schemas.pop("Rules")
    return {**rules, "required": list(rules["properties"]), "$defs": schemas}


def _answer(description: str) -> dict[str, Any]:
    schema = {"$ref": _REF + "Problem"}
    return {"description": description, "content": {PROBLEM_JSON: {"schema": schema}}}


def _add_schema(schemas: dict[str, Any], schema: dict[str, Any]) -> str:
    """Add a schema that stands outside the components, with those that it brings along; return its reference."""
    schema = dict(schema)
    schemas |= schema.pop("$defs", {})
    schemas[schema["title"]] = schema
    return _REF + str(schema["title"])
