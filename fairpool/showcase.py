"""What money does, for the demo: players pay to take part, two who went bust buy back, and winners claim prizes.

Four players stake all that they have on one early game, two on each side. Of the two who lose one buys back in time;
the other's payment is slow, arrives after the cutoff, and is refunded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from fairpool.crowd import Crowd, Player
from feeds.feedfile import FeedLine
from feeds.messages import GameMessage, QuoteMessage, ResultMessage
from ledger.ids import game_id
from ledger.weeks import buy_back_closes_at, buy_back_cutoff, starts_at, week_at

BOLD_PLAYERS: Final = 4
# So many players are there at least, and bets, where some of them are set aside for this.
_PLAYERS_MIN: Final = 8
_ONE_SUBSCRIBES_OF: Final = 10


class Scene(NamedTuple):
    """Something that players do at an instant."""

    at: datetime
    play: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EarlyGame:
    """A game of the week that is over, by an official result, half a day before buy-backs end."""

    game_id: UUID
    stake_at: datetime
    over_at: datetime


class Showcase:
    """The players who show it. Without an early game, or with few players or bets, nobody does."""

    def __init__(self, crowd: Crowd, *, week: str, lines: Sequence[FeedLine], bets: int) -> None:
        self._crowd = crowd
        self._week = week
        self._game = early_game(lines, week=week) if min(crowd.size, bets) >= _PLAYERS_MIN else None
        self._slow: str | None = None

    @property
    def players(self) -> int:
        """How many players are set aside, the last ones, each for one bet."""
        return BOLD_PLAYERS if self._game is not None else 0

    def scenes(self) -> list[Scene]:
        """Return what happens, in order of time."""
        if self._game is None:
            return []
        return [
            Scene(self._game.stake_at, self._stake_all),
            Scene(buy_back_closes_at(self._week) - timedelta(hours=11), self._buy_back_in_time),
            Scene(buy_back_closes_at(self._week) - timedelta(minutes=10), self._buy_back_slowly),
            Scene(buy_back_cutoff(self._week) + timedelta(minutes=1), self._slow_payment_arrives),
        ]

    async def _stake_all(self) -> None:
        assert self._game is not None
        path = f"/api/games/{self._game.game_id}/markets"
        markets = (await self._crowd.call("GET", path, self._crowd.players[0]))["data"]
        quote = next(market for market in markets if market["market"] == "moneyline")
        for player, outcome in zip(self._crowd.players[-BOLD_PLAYERS:], cycle(("home", "away")), strict=False):
            body = {
                "market_id": quote["market_id"],
                "odds_id": quote["quote"]["odds_id"],
                "outcome": outcome,
                "stake": 1000,
            }
            key = {"Idempotency-Key": f"all-{player.email}"}
            await self._crowd.call("POST", "/api/bets", player, json=body, headers=key)

    async def _buy_back_in_time(self) -> None:
        for player in (await self._bust())[:1]:
            await self._crowd.visit(await checkout(self._crowd, player, "buy_back", week=self._week))

    async def _buy_back_slowly(self) -> None:
        for player in (await self._bust())[:1]:
            self._slow = await checkout(self._crowd, player, "buy_back", week=self._week)
            await _control(self._slow, "begin_slow_payment")

    async def _slow_payment_arrives(self) -> None:
        if self._slow is not None:
            await _control(self._slow, "end_slow_payment", succeeds=True)

    async def _bust(self) -> list[Player]:
        bold = self._crowd.players[-BOLD_PLAYERS:]
        credits = [(await self._crowd.call("GET", "/api/me", player))["credits"] for player in bold]
        return [player for player, has in zip(bold, credits, strict=True) if has["available"] + has["at_stake"] <= 0]


def early_game(lines: Sequence[FeedLine], *, week: str) -> EarlyGame | None:
    """Return the game with a moneyline that is over first, if that is in time for buy-backs."""
    starts: dict[tuple[str, str], datetime] = {}
    quoted: set[tuple[str, str]] = set()
    over: dict[tuple[str, str], datetime] = {}
    for line in lines:
        message = line.message
        if message is None:
            continue
        key = (message.source, message.game_id)
        match message:
            case GameMessage():
                starts[key] = message.starts_at
            case QuoteMessage(market="moneyline"):
                quoted.add(key)
            case ResultMessage(certainty="official"):
                over.setdefault(key, line.at)
    until = buy_back_closes_at(week) - timedelta(hours=12)
    early = [
        EarlyGame(game_id(week, *key), start - timedelta(minutes=1), over[key])
        for key, start in starts.items()
        if week_at(start) == week and key in quoted and key in over and starts_at(week) < start < over[key] < until
    ]
    return min(early, key=lambda game: (game.over_at, game.game_id), default=None)


async def buy_entries(crowd: Crowd, *, week: str) -> None:
    """Have everybody pay to take part in a week: one in ten by a subscription, the others by a pass.

    Checkouts are opened one after another, and subscriptions paid so, so that entries come in the same order each time.
    """
    passes, subscriptions = [], []
    for number, player in enumerate(crowd.players):
        if number % _ONE_SUBSCRIBES_OF == 1:
            subscriptions.append(await checkout(crowd, player, "subscription", week=None))
        else:
            passes.append(await checkout(crowd, player, "weekly_pass", week=week))
    await asyncio.gather(*(crowd.visit(page) for page in passes))
    for page in subscriptions:
        await crowd.visit(page)


async def checkout(crowd: Crowd, player: Player, kind: str, *, week: str | None) -> str:
    """Open a checkout and return its page."""
    body = {"kind": kind} | ({"week": week} if week is not None else {})
    key = {"Idempotency-Key": f"{kind}-{player.email}"}
    payment = await crowd.call("POST", "/api/payments/checkout", player, json=body, headers=key)
    return str(payment["checkout_url"])


async def claim_prizes(crowd: Crowd) -> None:
    """Have every winner say who it is and where to pay."""
    for player in crowd.players:
        if (await crowd.call("GET", "/api/me/prizes", player))["data"]:
            for path in ("/api/me/payout-account", "/api/me/identity-check"):
                await crowd.visit((await crowd.call("POST", path, player, json={}))["url"])


async def _control(page: str, act: str, **arguments: Any) -> None:
    """Do with a checkout's payment what only the sandbox can."""
    url = urlsplit(page)
    session = url.path.rpartition("/")[2]
    async with httpx.AsyncClient(trust_env=False, timeout=60, verify=url.scheme == "https") as client:
        answer = await client.post(f"{url.scheme}://{url.netloc}/sandbox/{act}", json={"session": session, **arguments})
        answer.raise_for_status()
