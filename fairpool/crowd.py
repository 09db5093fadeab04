"""Simulated players: they sign up, enrol and bet through the HTTP API, as an app would for them.

All that a player chooses comes from one seed, so the same seed, feed and numbers give the same week.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import httpx

PASSWORD: Final = "a long enough password"
_AT_ONCE: Final = 8


class Refused(Exception):
    """The API refused what a simulated player may do."""


@dataclass(slots=True)
class Player:
    """One player, signed up. `credits` is what the API last said is left."""

    name: str
    email: str
    authorization: dict[str, str]
    credits: int = 0
    bets: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """One outcome on offer."""

    market_id: str
    odds_id: str
    outcome: str


class Crowd:
    """Players and the client that they share."""

    def __init__(self, client: httpx.AsyncClient, *, size: int, seed: int) -> None:
        self._client = client
        self._random = random.Random(seed)
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self.size = size
        self.seed = seed
        self.players: list[Player] = []

    async def sign_up(self) -> None:
        """Sign everybody up."""
        self.players = list(await asyncio.gather(*(self._sign_up(number) for number in range(1, self.size + 1))))

    async def enrol(self, week: str) -> None:
        """Enrol everybody in a week, one after another, so that entries are made in the same order each time."""
        for player in self.players:
            await self.call("POST", f"/api/weeks/{week}/entry", player)

    async def picks(self, week_days: list[str]) -> list[Pick]:
        """Return every outcome on offer now, in a fixed order."""
        found = []
        for day in week_days:
            games = await self.call("GET", f"/api/games?date={day}", self.players[0])
            for game in games["data"]:
                markets = await self.call("GET", f"/api/games/{game['game_id']}/markets", self.players[0])
                found += [pick for market in markets["data"] for pick in _open(market)]
        return sorted(found, key=lambda pick: (pick.market_id, pick.outcome))

    async def bet(self, *, count: int, picks: list[Pick], grant: int, but: int = 0) -> int:
        """Place `count` bets, spread over the players, the last `but` excepted, and return how many were taken."""
        players = self.players[: self.size - but]
        plan: list[list[tuple[Pick, float]]] = [[] for _ in players]
        for number in range(count):
            plan[number % len(players)].append((self._random.choice(picks), self._random.random()))
        if not picks:
            return 0
        taken = await asyncio.gather(
            *(self._bet(player, bets, grant) for player, bets in zip(players, plan, strict=True))
        )
        return sum(taken)

    async def _bet(self, player: Player, bets: list[tuple[Pick, float]], grant: int) -> int:
        taken = 0
        for pick, boldness in bets:
            left = player.credits if player.bets else grant
            stake = max(1, round(left * boldness / 3))
            if stake > left:
                continue
            player.bets += 1
            key = f"{self.seed}-{player.email}-{player.bets}"
            body = {
                "market_id": pick.market_id,
                "odds_id": pick.odds_id,
                "outcome": pick.outcome,
                "stake": stake,
            }
            answer = await self.call("POST", "/api/bets", player, json=body, headers={"Idempotency-Key": key})
            player.credits = answer["remaining_credits"]
            taken += 1
        return taken

    async def _sign_up(self, number: int) -> Player:
        name, email = f"Player {number}", f"player{number}@example.com"
        body = {"email": email, "password": PASSWORD, "name": name}
        async with self._at_once:
            answer = await self._client.post("/api/auth/signup", json=body)
        if answer.status_code != httpx.codes.CREATED:
            raise Refused(f"sign-up of {email}: {answer.status_code} {answer.text}")
        return Player(name, email, {"Authorization": f"Bearer {answer.json()['token']}"})

    async def visit(self, url: str) -> None:
        """Press the button of a page that the API sent a player to."""
        async with self._at_once:
            answer = await self._client.post(url)
        if answer.is_error:
            raise Refused(f"{url}: {answer.status_code} {answer.text}")

    async def call(self, method: str, path: str, player: Player, **arguments: Any) -> Any:
        """Return what the API answers a player; raises Refused."""
        headers = player.authorization | arguments.pop("headers", {})
        async with self._at_once:
            answer = await self._client.request(method, path, headers=headers, **arguments)
        if answer.is_error:
            raise Refused(f"{method} {path} for {player.email}: {answer.status_code} {answer.text}")
        return answer.json()


@asynccontextmanager
async def crowd(url: str, *, size: int, seed: int) -> AsyncIterator[Crowd]:
    """Give players on a service."""
    limits = httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=_AT_ONCE)
    # Plain HTTP has no certificate to be verified: the authorities' need not be read for it.
    verify = url.startswith("https://")
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits, trust_env=False, verify=verify) as client:
        yield Crowd(client, size=size, seed=seed)


def entry_ids(seed: int) -> random.Random:
    """Return the randomness that a demo's entry ids come from."""
    return random.Random(f"entries/{seed}")


def next_id(source: random.Random) -> UUID:
    """Return the next random UUIDv4 of a source."""
    return UUID(int=source.getrandbits(128), version=4)


def _open(market: dict[str, Any]) -> list[Pick]:
    if not market["is_open"]:
        return []
    quote = market["quote"]
    return [Pick(market["market_id"], quote["odds_id"], price["outcome"]) for price in quote["prices"]]
