"""Malice in bodies: what is refused leaves no trace, and two routes that take the same bet refuse the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import httpx

from tests.fuzz.json_texts import texts
from tests.fuzz.tally import Bounds, Tally

PROBLEM: Final = "application/problem+json"
_JSON: Final = "application/json"
_TYPES: Final = (
    *(
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ),
    *("application/jsonp", "*/*", "application/problem+json", "application/json;" + "a=b;" * 500, ""),
)
_UNREADABLE: Final = ("malformed", "invalid_request")
_KEY_BYTES_MAX: Final = 60_000


@dataclass(frozen=True)
class Route:
    """A route that takes bodies; `good` is one that it understands, and `headers` say who asks."""

    path: str
    good: Mapping[str, Any]
    headers: Mapping[str, str]


def routes(player: str, operator: str, bet: Mapping[str, Any], *, week: str, game: str) -> list[Route]:
    """Return the routes to attack; `player` and `operator` are tokens."""
    ann = {"Authorization": f"Bearer {player}", "Idempotency-Key": "fuzz"}
    staff = {"Authorization": f"Bearer {operator}", "Idempotency-Key": "fuzz"}
    # More than anybody has: what should be fit to be placed after all is refused by the ledger.
    placed = {**bet, "stake": 5_000}
    change = {"kind": "score", "game_id": game, "home_score": 1, "away_score": 2, "status": "final"}
    return [
        Route("/api/bets", placed, ann),
        Route("/api/bets", placed, ann),
        Route("/api/bets/slip", {"bets": [placed, placed], "all_or_nothing": True}, ann),
        Route("/api/auth/signup", {"email": "e@example.org", "password": "short", "name": "Fuzz"}, {}),
        Route("/api/auth/login", {"email": "e@example.org", "password": "a long enough password"}, {}),
        Route("/api/auth/refresh", {"refresh_token": "a" * 43}, {}),
        Route(f"/api/admin/weeks/{week}/cases", {"subject": "game:none", "reason": "It was otherwise."}, staff),
        Route(f"/api/admin/weeks/{week}/disputes/preview", change, staff),
    ]


def attack(
    client: httpx.Client, chosen: list[Route], heads: Callable[[], object], tally: Tally, bounds: Bounds
) -> None:
    """Send bodies for as long as there is time; `heads` says how far the logs have come."""
    before = heads()
    for number in bounds.numbers():
        random = Random(f"{bounds.seed}/{number}")
        route = random.choice(chosen)
        body = texts(random, dict(route.good))
        headers = {**route.headers, "Content-Type": random.choice(_TYPES) if random.random() < 0.1 else _JSON}
        if random.random() < 0.05:
            headers["Content-Encoding"] = random.choice(("gzip", "br", "identity", "x"))
        tally.cases += 1
        answer = client.post(route.path, content=body, headers=headers)
        tally.status(answer.status_code)
        complaint = complaint_of(answer)
        after = heads()
        if not answer.is_success and after != before:
            complaint = f"a refusal left a trace: {before} → {after}"
        before = after
        if complaint is None and route.path == "/api/bets":
            complaint = differing(client, body, headers, tally)
        if complaint is not None:
            tally.complain(f"case {number}: {route.path} {complaint}: {body[:300]!r} ({len(body)} bytes) {headers}")


def complaint_of(answer: httpx.Response) -> str | None:
    """Return what is wrong with an answer: whatever is refused is refused with a problem, and is not our fault."""
    if answer.is_success or (answer.status_code == 503 and "Retry-After" in answer.headers):
        return None
    if answer.status_code >= 500:
        return f"is answered {answer.status_code} {answer.text}"
    if answer.headers.get("Content-Type") != PROBLEM or answer.json()["status"] != answer.status_code:
        return f"is refused without a problem: {answer.status_code} {answer.text}"
    return None


def differing(client: httpx.Client, body: bytes, headers: Mapping[str, str], tally: Tally) -> str | None:
    """Rehearse a bet alone, by the route that is read by hand, and as a slip of one; return how these differ."""
    if len(body) > _KEY_BYTES_MAX or not body.strip().startswith(b"{") or headers["Content-Type"] != _JSON:
        return None
    alone = client.post("/api/bets?dry_run=true", content=body, headers=headers)
    slip = client.post("/api/bets/slip?dry_run=true", content=b'{"bets":[' + body + b"]}", headers=headers)
    tally.status(alone.status_code)
    tally.status(slip.status_code)
    codes = _code(alone.status_code, alone.json()), _code(slip.status_code, _only(slip))
    return None if codes[0] == codes[1] else f"is {codes[0]} alone and {codes[1]} in a slip"


def _only(slip: httpx.Response) -> Mapping[str, Any]:
    said = json.loads(slip.text)
    problem: Mapping[str, Any] = (said["bets"][0]["problem"] or {}) if slip.is_success else said
    return problem


def _code(status: int, said: Mapping[str, Any]) -> str:
    code = str(said.get("code", "accepted" if status == 200 else status))
    return "unreadable" if code in _UNREADABLE else code
