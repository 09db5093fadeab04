"""The service is killed at its busiest: what it acknowledged is there once, and the week ends all the same."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.program import THURSDAY, Service, fairpool, pick_of_thursday

WEEK = "2024-W45"
AFTER_THURSDAYS_GAME = "2024-11-08T05:30:00Z"
AFTER_ALL = "2024-11-15T00:00:00Z"


def test_bets_acknowledged_before_a_kill_are_there_once(service: Service, tmp_path: Path) -> None:
    """kill -9 amid betting loses no acknowledged bet, and a retry of one in doubt doubles none."""
    acknowledged, in_doubt = _bet_until_killed(service, kill_after=120)
    assert len(acknowledged) >= 120
    service.start()
    with service.client() as client:
        again = {key: client.post(**request) for key, request in {**acknowledged, **in_doubt}.items()}
        assert {answer.status_code for answer in again.values()} == {201}
        keys_by_bet = {answer.json()["bet_id"]: key for key, answer in again.items()}
        assert len(keys_by_bet) == len(again)
        last = max((answer.json()["position"] for answer in again.values()), key=lambda token: int(token.split(":")[1]))
        shown = [bet["bet_id"] for bet in _all_bets(client, after=last)]
    assert len(shown) == len(set(shown))
    assert set(keys_by_bet) <= set(shown)
    service.stop()
    assert _audit(tmp_path)["ok"]


def test_settlement_goes_on_after_a_kill(service: Service, tmp_path: Path) -> None:
    """kill -9 amid settlement: after a start every bet is resolved once and the week becomes final."""
    with service.client() as client:
        pick = pick_of_thursday(client)
        for number in range(250):
            client.post(**_request(pick, f"before-{number}")).raise_for_status()
        killed = threading.Thread(target=_move_clock, args=(service, AFTER_THURSDAYS_GAME))
        killed.start()
        # As soon as the result has locked the game, its settlement is under way or about to be.
        while client.get(f"/api/games/{_game(client)}").json()["locked"] is None:
            pass
    service.kill()
    killed.join(timeout=60)
    service.start()
    _move_clock(service, AFTER_ALL)
    with service.client() as client:
        assert client.get(f"/api/weeks/{WEEK}").json()["state"] == "final"
        assert {bet["status"] for bet in _all_bets(client)} <= {"won", "lost", "push", "void"}
    service.stop()
    audit = _audit(tmp_path)
    assert audit["ok"]
    assert audit["bets"]["open"] == 0


def _bet_until_killed(service: Service, *, kill_after: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bet from several threads, kill the service after so many answers, and return what was answered and what not."""
    acknowledged: dict[str, Any] = {}
    in_doubt: dict[str, Any] = {}
    enough = threading.Event()
    with service.client() as client:
        pick = pick_of_thursday(client)

        def bet(thread: int) -> None:
            for number in range(10_000):
                key = f"{thread}-{number}"
                try:
                    client.post(**_request(pick, key)).raise_for_status()
                except httpx.TransportError:
                    in_doubt[key] = _request(pick, key)
                    return
                acknowledged[key] = _request(pick, key)
                if len(acknowledged) >= kill_after:
                    enough.set()

        threads = [threading.Thread(target=bet, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        assert enough.wait(timeout=60)
        service.kill()
        for thread in threads:
            thread.join(timeout=60)
    assert in_doubt
    return acknowledged, in_doubt


def _game(client: httpx.Client) -> str:
    """Return the id of Thursday's game."""
    [game] = client.get(f"/api/games?date={THURSDAY}").json()["data"]
    game_id: str = game["game_id"]
    return game_id


def _request(pick: dict[str, str], key: str) -> dict[str, Any]:
    return {"url": "/api/bets", "json": pick | {"stake": 1}, "headers": {"Idempotency-Key": key}}


def _all_bets(client: httpx.Client, *, after: str = f"{WEEK}:1") -> list[dict[str, Any]]:
    """Return all of the player's bets, page by page, as of a position at least."""
    bets: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/api/bets", params={"limit": "200", "after": after, **cursor}).raise_for_status().json()
        bets += page["data"]
        if not page["has_more"]:
            return bets
        cursor = {"cursor": page["next_cursor"]}


def _move_clock(service: Service, to: str) -> None:
    """Move the test clock; a service that is killed meanwhile does not answer."""
    with service.client() as client:
        try:
            client.post("/api/test-clock", json={"to": to}, timeout=120)
        except httpx.TransportError:
            return


def _audit(tmp_path: Path) -> dict[str, Any]:
    done = fairpool("audit", "replay", WEEK, "--json", data=tmp_path / "data")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
