"""The OpenAPI document: valid, complete, and one that a client can be generated from."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31
from typer.testing import CliRunner

from api.app import openapi_document
from api.errors import KINDS
from api.http.openapi import TAGS, codes_named
from fairpool.cli import application
from tests.api.world import serving

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


@pytest.fixture(scope="module", name="document")
def document_of_every_route() -> dict[str, Any]:
    """The document of a development service."""
    return openapi_document()


@pytest.fixture(scope="module", name="operations")
def operations_by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each operation under its method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    """It fits the schema of OpenAPI 3.1, and each of its schemas is a JSON Schema of 2020-12."""
    jsonschema_rs.validator_for(OPENAPI_31, offline=True).validate(document)
    assert document["openapi"].startswith("3.1.")
    for schema in schemas_in(document):
        assert jsonschema_rs.meta.is_valid({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    """What a developer copies from the document is accepted, and there is something to copy."""
    examples = [found for schema in schemas_in(document) for found in examples_in(schema)]
    assert len(examples) >= 10
    for schema, example in examples:
        whole = {**schema, "components": document["components"]}
        assert jsonschema_rs.is_valid(whole, example, validate_formats=True), (schema, example)


def test_every_operation_says_what_it_does(operations: dict[str, dict[str, Any]]) -> None:
    """Each has a name of its own, a summary that is a sentence, a description and one known tag."""
    names = Counter(operation["operationId"] for operation in operations.values())
    assert {name for name, count in names.items() if count > 1} == set()
    for where, operation in operations.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), where
        assert re.fullmatch(r"[A-Z][^.]+", operation["summary"]), where
        assert operation["description"].rstrip().endswith("."), where
        assert [tag in TAGS for tag in operation["tags"]] == [True], where


def test_every_tag_is_used(document: dict[str, Any], operations: dict[str, dict[str, Any]]) -> None:
    """The document lists the tags that operations have, each with a text."""
    used = {tag for operation in operations.values() for tag in operation["tags"]}
    assert {tag["name"] for tag in document["tags"]} == used
    assert all(tag["description"] for tag in document["tags"])


def test_every_operation_documents_its_answers(operations: dict[str, dict[str, Any]]) -> None:
    """Each has an answer that is described, with a schema unless it has no content; every other is a problem."""
    for where, operation in operations.items():
        for status, response in operation["responses"].items():
            assert response["description"] not in ("", "Successful Response"), (where, status)
            if status == "default" or int(status) >= 400:
                assert response["content"] == PROBLEM, (where, status)
            elif status not in ("204", "304"):
                assert all(content["schema"] for content in response["content"].values()), (where, status)
        assert any(status.startswith("2") for status in operation["responses"]), where


def test_problems_follow_from_what_an_operation_takes(operations: dict[str, dict[str, Any]]) -> None:
    """Secured ones may answer 401, those with scopes 403, those with an id 404, those with a body 400, 413 and 422."""
    for where, operation in operations.items():
        answers = set(operation["responses"])
        assert ("401" in answers) >= bool(operation["security"]), where
        assert ("403" in answers) >= any(any(scopes.values()) for scopes in operation["security"]), where
        assert ("404" in answers) >= ("{" in where), where
        assert answers >= ({"400", "413", "422"} if "requestBody" in operation else set()), where


def test_the_codes_of_a_status_have_that_status(operations: dict[str, dict[str, Any]]) -> None:
    """Under 409 stand codes that are answered with 409, and so for each status."""
    for where, operation in operations.items():
        for status, response in operation["responses"].items():
            wrong = [code for code in codes_named(response["description"]) if str(KINDS[code].status) != status]
            assert wrong == [], (where, status)


def test_no_text_speaks_of_stakes_as_money(document: dict[str, Any]) -> None:
    """The game is played on credits: nothing that players may read says otherwise."""
    told = [*texts_in(document), *(kind.title for kind in KINDS.values())]
    assert len(told) > 300
    assert [text for text in told if re.search(r"\$\d|real money|gambl", text, re.IGNORECASE)] == []


def test_every_schema_is_reached(document: dict[str, Any]) -> None:
    """No schema is left over, and none is missing."""
    components = document["components"]["schemas"]
    reached: set[str] = set()
    found = references(document["paths"])
    while found - reached:
        reached |= found
        found = set().union(*(references(components[name]) for name in found))
    assert reached == set(components)


def test_a_problem_lists_its_codes(document: dict[str, Any]) -> None:
    """A client's compiler knows every code."""
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(KINDS)


def test_a_parameter_that_is_left_out_is_not_null(operations: dict[str, dict[str, Any]]) -> None:
    """No parameter is documented as null, which a query or a header cannot say."""
    parameters = [parameter for operation in operations.values() for parameter in operation.get("parameters", [])]
    assert parameters
    assert all({"type": "null"} not in parameter["schema"].get("anyOf", []) for parameter in parameters)


def test_the_command_prints_what_a_development_service_serves(dsn: str, document: dict[str, Any]) -> None:
    """`fairpool openapi` needs no database, and tells what is served; a service in production lacks the test clock."""
    printed = CliRunner().invoke(application(), ["openapi"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == document
    with serving(dsn, with_test_clock=True) as world:
        assert world.client.get("/api/openapi.json").json() == document


def schemas_in(node: Any) -> Iterator[dict[str, Any]]:
    """Yield each schema of a document: what stands under `schema`, and the components."""
    if isinstance(node, dict):
        for name, child in node.items():
            if name == "schema":
                yield child
            elif name == "schemas":
                yield from child.values()
            else:
                yield from schemas_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from schemas_in(child)


def texts_in(node: Any) -> Iterator[str]:
    """Yield what is written for people below a node."""
    if isinstance(node, dict):
        for name, child in node.items():
            if name in ("description", "summary", "title") and isinstance(child, str):
                yield child
            else:
                yield from texts_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from texts_in(child)


def examples_in(node: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield each schema below a node that has examples, with each of them."""
    if isinstance(node, dict):
        if isinstance(node.get("examples"), list):
            yield from ((node, example) for example in node["examples"])
        for child in node.values():
            yield from examples_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from examples_in(child)


def references(node: Any) -> set[str]:
    """Return the names of the schemas that are referred to below a node."""
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(child) for child in node.values()))
    return set().union(*(references(child) for child in node)) if isinstance(node, list) else set()
