"""A thousand clients bet at once over a network that breaks, on a handful of accounts."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.broken_network import broken_network
from tests.journeys.program import PASSWORD, Service, fairpool, pick_of_thursday

WEEK = "2024-W45"
ACCOUNTS = 5
CLIENTS = 1000
BETS_EACH = 4
# Every tenth client sends what its neighbour sends, key and all, as an app does that is tapped twice.
TWICE = 10
ATTEMPTS_MAX = 60


@dataclass
class Journal:
    """What one account's clients were told: bets by key, and the stakes that were refused for want of credits."""

    token: str
    bets: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    refused: list[int] = field(default_factory=list)

    def note(self, key: str, stake: int, answer: httpx.Response) -> None:
        """Keep an answer; a bet that is answered twice must be answered alike."""
        if answer.status_code == 201:
            bet = answer.json()
            assert self.bets.setdefault(key, bet) == bet
            self.answers[key] += 1
        else:
            assert answer.json()["code"] == "insufficient_credits", answer.text
            self.refused.append(stake)


def test_a_thousand_clients_on_a_broken_network_double_and_lose_nothing(service: Service, tmp_path: Path) -> None:
    """No bet is doubled, none lost, no balance falls below zero, and the projections equal a replay."""
    journals = _log_in(service)
    with service.client() as client:
        pick = pick_of_thursday(client)
        had = [_credits(client, journal) for journal in journals]
    cuts = asyncio.run(_bet_all(service.url, journals, pick))
    assert cuts > CLIENTS / 10
    with service.client() as client:
        for journal, before in zip(journals, had, strict=True):
            _check(client, journal, before)
    assert "Traceback" not in service.stop()
    replayed = fairpool("audit", "replay", WEEK, "--json", data=tmp_path / "data")
    assert json.loads(replayed.stdout)["ok"], replayed.stdout


def _check(client: httpx.Client, journal: Journal, before: int) -> None:
    """Hold what one account's clients were told against what the service shows."""
    told = {bet["bet_id"]: bet["stake"] for bet in journal.bets.values()}
    assert len(told) == len(journal.bets)
    assert max(journal.answers.values()) > 1
    left = _credits(client, journal)
    assert left == before - sum(told.values())
    assert left >= 0
    # Credits only went down, so who was refused asked for more than is left now.
    assert journal.refused
    assert min(journal.refused) > left
    shown = Counter(bet["bet_id"] for bet in _bets(client, journal))
    assert shown.keys() >= told.keys()
    assert max(shown.values()) == 1
    assert sum(bet["stake"] for bet in _bets(client, journal) if bet["bet_id"] not in told) == 1000 - before


async def _bet_all(url: str, journals: Sequence[Journal], pick: dict[str, str]) -> int:
    """Let all clients bet at once, and return how many connections broke."""
    trust = ssl.create_default_context()
    async with broken_network(url, seed=1) as (broken_url, network):

        async def client(number: int) -> None:
            journal = journals[number % ACCOUNTS]
            # Clients of one account are ACCOUNTS apart: a client that repeats its neighbour's bets shares its account.
            name = number - ACCOUNTS if number % TWICE < ACCOUNTS and number >= ACCOUNTS else number
            async with httpx.AsyncClient(base_url=broken_url, timeout=60, verify=trust, trust_env=False) as http:
                for bet in range(BETS_EACH):
                    stake = 1 + (name + bet) % 3
                    await _bet(http, journal, pick | {"stake": stake}, key=f"{name}-{bet}")

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        return network.cuts


async def _bet(http: httpx.AsyncClient, journal: Journal, body: dict[str, Any], *, key: str) -> None:
    """Place a bet as a client should: the same request again until there is an answer."""
    headers = {"Authorization": f"Bearer {journal.token}", "Idempotency-Key": key}
    for attempt in range(ATTEMPTS_MAX):
        try:
            answer = await http.post("/api/bets", json=body, headers=headers)
        except httpx.TransportError:
            continue
        if answer.status_code == 503:
            await asyncio.sleep(0.01 * attempt)
            continue
        journal.note(key, body["stake"], answer)
        return
    raise AssertionError(f"bet {key} was never answered")


def _log_in(service: Service) -> list[Journal]:
    with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as client:
        logins = ({"email": f"player{number}@example.com", "password": PASSWORD} for number in range(1, ACCOUNTS + 1))
        answers = [client.post("/api/auth/login", json=login).raise_for_status() for login in logins]
    return [Journal(answer.json()["token"]) for answer in answers]


def _credits(client: httpx.Client, journal: Journal) -> int:
    available: int = _get(client, journal, "/api/me")["credits"]["available"]
    return available


def _bets(client: httpx.Client, journal: Journal) -> list[dict[str, Any]]:
    """Return all bets of an account, page by page."""
    bets: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = _get(client, journal, "/api/bets", limit="200", **cursor)
        bets += page["data"]
        if not page["has_more"]:
            return bets
        cursor = {"cursor": page["next_cursor"]}


def _get(client: httpx.Client, journal: Journal, path: str, **query: str) -> dict[str, Any]:
    last = max(
        (bet["position"] for bet in journal.bets.values()), key=lambda token: int(token.split(":")[1]), default=""
    )
    headers = {"Authorization": f"Bearer {journal.token}"}
    params = query | ({"after": last} if last else {})
    answer: dict[str, Any] = client.get(path, params=params, headers=headers).raise_for_status().json()
    return answer
