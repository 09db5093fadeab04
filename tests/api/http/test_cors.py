"""Which web pages may call the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.http.origins import exact_origin
from tests.api.world import World, serving

APP = "https://app.example.org"


@pytest.fixture
def shared(dsn: str) -> Iterator[World]:
    """A service that the pages of one origin may call."""
    with serving(dsn, cors_origins=(APP,)) as world:
        yield world


def preflight(origin: str, method: str = "POST", headers: str = "authorization,idempotency-key") -> dict[str, str]:
    """What a browser asks before it sends a request of a page."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }


def test_pages_of_a_named_origin_may_call_and_read(shared: World) -> None:
    """The answer is theirs to read, with its headers, and without cookies."""
    answer = shared.client.get("/api/weeks", headers={"Origin": APP})
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert {"ETag", "RateLimit", "X-Request-Id"} <= set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert {"Origin", "Authorization"} <= set(", ".join(answer.headers.get_list("Vary")).split(", "))


def test_errors_can_be_read_by_pages_too(shared: World) -> None:
    """A page that cannot read a problem cannot tell its user about it."""
    answer = shared.client.post("/api/bets", headers={"Origin": APP})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, APP)


def test_a_preflight_allows_what_clients_send(shared: World) -> None:
    """All our request headers and methods, for the named origin."""
    ours = "after-position,authorization,content-type,idempotency-key,if-none-match,last-event-id,x-device-id"
    answer = shared.client.options("/api/bets", headers=preflight(APP, headers=ours))
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, APP)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "asked",
    [
        preflight("https://evil.example.org"),
        preflight("https://app.example.org.evil.example"),
        preflight("http://app.example.org"),
        preflight("null"),
        preflight(APP, method="TRACE"),
        preflight(APP, headers="x-anything"),
    ],
)
def test_other_preflights_are_refused_with_a_problem(shared: World, asked: dict[str, str]) -> None:
    """Neither another origin nor another method or header."""
    answer = shared.client.options("/api/bets", headers=asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "preflight_refused")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_other_pages_cannot_read_what_they_get(shared: World) -> None:
    """Their browser keeps the answer from them."""
    answer = shared.client.get("/api/weeks", headers={"Origin": "https://evil.example.org"})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_origins_no_page_may_call(world: World) -> None:
    """CORS is off unless origins are named."""
    answer = world.client.options("/api/bets", headers=preflight(APP))
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origin", ["https://app.example.org", "http://localhost:3000", "https://[2001:db8::1]:8443"])
def test_exact_origins_are_taken(origin: str) -> None:
    """Scheme, host and an unusual port, as browsers send them."""
    assert exact_origin(origin) == origin


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "null",
        "",
        "app.example.org",
        "https://*.example.org",
        "https://app.example.org/",
        "https://App.example.org",
        "https://app.example.org:443",
        "http://app.example.org:80",
        "ftp://app.example.org",
        "https://user@app.example.org",
    ],
)
def test_what_is_no_exact_origin_is_refused(text: str) -> None:
    """No patterns, and nothing that a browser would never send."""
    with pytest.raises(ValueError, match="no exact origin"):
        exact_origin(text)
