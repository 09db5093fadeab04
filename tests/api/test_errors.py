"""Errors as clients see them."""

from __future__ import annotations

import pytest

from api.errors import KINDS
from ledger.aggregate import LedgerError
from tests.api.world import WEEK, World, serving


def all_ledger_errors(base: type[LedgerError] = LedgerError) -> list[type[LedgerError]]:
    """The error classes of the ledger."""
    return [base, *(error for each in base.__subclasses__() for error in all_ledger_errors(each))]


def test_every_refusal_of_the_ledger_has_a_kind() -> None:
    """A new error class needs a line in the table."""
    assert {error.code for error in all_ledger_errors()} <= set(KINDS)
    assert len(all_ledger_errors()) > 15


def test_what_is_not_there_is_a_problem(world: World) -> None:
    """An unknown route is answered like every other error."""
    answer = world.client.get("/api/nothing", headers={"X-Request-Id": "client-id-1"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"] == "client-id-1"
    assert (answer.status_code, answer.json()) == (
        404,
        {
            "type": "/api/problems/not_found",
            "title": "There is nothing here",
            "status": 404,
            "detail": "There is nothing here",
            "instance": "/api/nothing",
            "code": "not_found",
            "request_id": "client-id-1",
        },
    )


def test_a_method_that_is_not_offered_is_a_problem(world: World) -> None:
    """405 says which methods are, those of all routes of the path."""
    for path, allowed in {"/api/weeks": "GET, HEAD", "/api/bets": "GET, HEAD, POST"}.items():
        answer = world.client.delete(path)
        assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
        assert answer.headers["Allow"] == allowed


def test_a_text_that_cannot_be_stored_is_a_problem(world: World) -> None:
    """A NUL fits every schema of text, and no column: 422, not 500."""
    answer = world.operator().get("/api/admin/players", params={"name": "a\0b"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["code"] == "unstorable"


@pytest.mark.parametrize(
    ("body", "field"),
    [(b"", "body"), (b"[]", "body"), (b'{"email": 1}', "body.email"), (b'{"x": NaN}', "body.email")],
)
def test_a_body_that_does_not_fit_is_a_problem_with_its_fields(world: World, body: bytes, field: str) -> None:
    """422 names what is wrong where."""
    headers = {"Content-Type": "application/json"}
    answer = world.client.post("/api/auth/login", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


@pytest.mark.parametrize("body", [b"\xc3\x28", b"{", b'{"x": 1' + b"0" * 5000 + b"}"], ids=["bytes", "half", "number"])
def test_a_body_that_cannot_be_read_is_a_problem(world: World, body: bytes) -> None:
    """Bytes that are no JSON text, and numbers that no reader takes, are the client's mistake on every route."""
    ann = world.signup("Ann")
    for path in ("/api/auth/login", "/api/bets"):
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
        answer = ann.post(path, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), answer.text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_a_problem(world: World, chunked: bool) -> None:
    """The limit holds whether or not the length is announced."""
    body = b'{"email": "' + b"x" * 100_000 + b'"}'
    content = iter([body[:50_000], body[50_000:]]) if chunked else body
    answer = world.client.post("/api/auth/login", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


def test_a_request_id_that_is_not_sane_is_replaced(world: World) -> None:
    """Request ids end in logs and in the ledger: they are short and plain."""
    for given in ("x", "x" * 65, "a b c d e f", "<script>alert(1)</script>"):
        answer = world.client.get("/healthz", headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] != given
        assert len(answer.headers["X-Request-Id"]) == 32


def test_what_nobody_foresaw_is_a_problem_that_tells_nothing(dsn: str) -> None:
    """500 has an id to find the log line by, and no details."""

    def broken() -> None:
        raise ZeroDivisionError("secret detail")

    with serving(dsn, clock=broken) as world:
        answer = world.client.get("/api/games", headers={"X-Request-Id": "client-id-1"})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.headers["X-Request-Id"] == answer.json()["request_id"] == "client-id-1"
    assert "secret" not in answer.text


def test_a_service_that_stops_says_when_to_come_back(world: World) -> None:
    """A closed desk is 503 with Retry-After, and its reasons stay in the log."""
    (ann,) = world.playing("Ann")
    market = world.market()
    world.ledger.desk(WEEK).close()
    refused = ann.bet(market.bet())
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.headers["Retry-After"] == "1"


def test_each_kind_of_problem_is_explained_where_its_type_points(world: World) -> None:
    """`type` is a link that works."""
    problem = world.client.get("/api/nothing").json()
    kind = world.client.get(problem["type"]).json()
    assert kind == {"code": "not_found", "status": 404, "title": problem["title"]}
    assert [each["code"] for each in world.client.get("/api/problems").json()["data"]] == sorted(KINDS)
    assert world.client.get("/api/problems/nonsense").status_code == 404
