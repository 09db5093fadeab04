"""Headers that every answer has."""

from __future__ import annotations

import pytest

from tests.api.world import World, serving


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/api/weeks", 200),
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/weeks", 405),
        ("GET", "/api/me", 401),
        ("POST", "/api/auth/login", 422),
    ],
)
def test_every_answer_has_the_security_headers(world: World, method: str, path: str, status: int) -> None:
    """Errors, too."""
    answer = world.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in answer.headers


def test_what_nobody_foresaw_has_the_headers_too(dsn: str) -> None:
    """The handler of 500 stands outside of everything else, but not of these."""

    def broken() -> None:
        raise ZeroDivisionError

    with serving(dsn, clock=broken, cors_origins=("https://app.example.org",)) as world:
        answer = world.client.get("/api/games", headers={"Origin": "https://app.example.org"})
    assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (500, "nosniff")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
    assert len(answer.headers.get_list("X-Request-Id")) == 1


def test_answers_with_secrets_and_errors_are_nobodys_to_keep(world: World) -> None:
    """Tokens, refusals and what was not found: no cache stores them."""
    body = {"email": "ann@example.org", "password": "correct horse", "name": "Ann"}
    for answer in (world.client.post("/api/auth/signup", json=body), world.client.get("/api/nothing")):
        assert answer.headers["Cache-Control"] == "no-store"


def test_hsts_is_sent_where_it_is_configured(dsn: str) -> None:
    """Only who serves over TLS may promise it."""
    with serving(dsn, hsts_seconds=31_536_000) as world:
        answer = world.client.get("/healthz")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
