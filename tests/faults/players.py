"""`python -m tests.faults.players PLAN`: players who bet all the time, as apps do, and write down what they are told.

It is a process of its own, on nothing but HTTP and its journal. SIGTERM lets it bring what it asked for to an end.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import msgspec

from fairpool.crowd import PASSWORD
from tests.faults.journal import Journal

TIMEOUT_SECONDS: Final = 8.0
_AGAIN_SECONDS: Final = 0.3
_BOARD_SECONDS: Final = 0.7
_NEW_YORK: Final = ZoneInfo("America/New_York")
_SENT_TWICE: Final = 0.05
_ASKED_AGAIN: Final = 0.05
_BAD: Final = 0.06
# What the service cannot answer now, and what it asks to be asked again later.
_LATER: Final = frozenset({408, 425, 429})

Json = dict[str, Any]


class Player(msgspec.Struct, frozen=True):
    """Somebody who plays: the log-in, and the entry in the week."""

    email: str
    entry: str


class Plan(msgspec.Struct, frozen=True):
    """What the players do: how many bets a second all of them place, and at which APIs.

    `bold` is how many of them stake all they have at once, and buy back; `newcomers` sign up, so many a second, and pay
    for the next week. `ahead` is by how many seconds the game's time is ahead of ours.
    """

    urls: list[str]
    players: list[Player]
    week: str
    rate: float
    bold: int
    newcomers: float
    ahead: float
    seed: int
    journal: str


@dataclass(frozen=True, slots=True)
class Bet:
    """What was acknowledged or refused once, to be asked for again."""

    key: str
    body: Json


class Line:
    """The way to the APIs: any of them, again and again, until one says what became of a request."""

    def __init__(self, clients: Sequence[httpx.AsyncClient], journal: Journal, *, chance: random.Random) -> None:
        self._clients = clients
        self._journal = journal
        self._chance = chance

    async def insist(
        self, method: str, path: str, *, key: str = "", again: Callable[[], Json], **more: Any
    ) -> httpx.Response:
        """Return the first answer below 500 that is no request to come later. `again` gives the headers each time."""
        while True:
            try:
                answer = await self._chance.choice(self._clients).request(method, path, headers=again(), **more)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if key:
                    self._journal.unsent(key, why=type(error).__name__)
            except httpx.TransportError as error:
                self._doubt(key, type(error).__name__)
            else:
                if answer.status_code < 500 and answer.status_code not in _LATER:
                    return answer
                self._doubt(key, str(answer.status_code))
                self._mind(answer)
            await asyncio.sleep(self._chance.uniform(0.3, 1.0) * _AGAIN_SECONDS)

    def _doubt(self, key: str, why: str) -> None:
        if key:
            self._journal.in_doubt(key, why=why)

    def _mind(self, answer: httpx.Response) -> None:
        """Note what nobody should be told: any fault, but that the service is not there now, and says so."""
        is_orderly = answer.status_code == 503 and "retry-after" in answer.headers
        if answer.status_code >= 500 and not is_orderly:
            self._journal.odd(str(answer.request.url.path), why=f"{answer.status_code} {answer.text[:300]}")


class Bettor:
    """One player."""

    def __init__(self, who: Player, line: Line, journal: Journal, *, board: Board, chance: random.Random) -> None:
        self._who = who
        self._line = line
        self._journal = journal
        self._board = board
        self._chance = chance
        self._token = ""
        self._placed: list[Bet] = []
        self._count = 0

    async def log_in(self) -> None:
        """Get a token."""
        body = {"email": self._who.email, "password": PASSWORD}
        answer = await self._line.insist("POST", "/api/auth/login", again=dict, json=body)
        self._token = answer.raise_for_status().json()["token"]

    async def sign_up(self, name: str) -> None:
        """Sign up, and get a token.

        Who signs up again, as the first answer was lost, is told that the address is taken, and can log in; unless the
        sign-up stood on a database alone that is lost since.
        """
        body = {"email": self._who.email, "password": PASSWORD}
        while not self._token:
            await self._line.insist("POST", "/api/auth/signup", again=dict, json=body | {"name": name})
            answer = await self._line.insist("POST", "/api/auth/login", again=dict, json=body)
            self._token = answer.json().get("token", "")

    async def play(self, ended: asyncio.Event, *, every: float) -> None:
        """Bet until it is over, once in so many seconds on average; now and then ask for an old bet again."""
        while not await _is_set(ended, self._chance.expovariate(1 / every)):
            if self._placed and self._chance.random() < _ASKED_AGAIN:
                await self._ask(self._chance.choice(self._placed))
            elif (pick := self._board.pick()) is not None:
                await self._bet(pick, stake=self._chance.randint(1, 3))

    async def risk(self, ended: asyncio.Event, *, week: str) -> None:
        """Stake all there is, again and again; buy back when nothing is left."""
        while not await _is_set(ended, self._chance.uniform(1, 4)):
            me = await self._call("GET", "/api/me")
            has = me["credits"]
            pick = self._board.pick()
            if has["available"] > 0 and pick is not None:
                await self._bet(pick, stake=has["available"])
            elif has["available"] + has["at_stake"] <= 0:
                await self.pay("buy_back", week=week)

    async def pay(self, kind: str, *, week: str) -> None:
        """Pay for something, if it is sold to this player."""
        self._count += 1
        key = f"{kind}-{self._who.email}-{self._count}"
        payment = await self._call("POST", "/api/payments/checkout", key=key, json={"kind": kind, "week": week})
        if payment.get("checkout_url"):
            # The page is the provider's, who is always there.
            async with httpx.AsyncClient(timeout=60, trust_env=False) as browser:
                await browser.post(payment["checkout_url"])

    async def _bet(self, pick: Json, *, stake: int) -> None:
        self._count += 1
        body = {**pick, "stake": stake}
        if self._chance.random() < _BAD:
            # What nobody has, or a quote that was never given.
            body |= self._chance.choice([{"stake": 100_000}, {"odds_id": str(UUID(int=self._chance.getrandbits(128)))}])
        bet = Bet(f"{self._who.email}-{self._count}", body)
        at_once = 2 if self._chance.random() < _SENT_TWICE else 1
        self._journal.asked(bet.key, entry=self._who.entry, body=body, at_once=at_once)
        await asyncio.gather(*(self._ask(bet) for _ in range(at_once)))

    async def _ask(self, bet: Bet) -> None:
        answer = await self._insist("POST", "/api/bets", key=bet.key, wish=bet.key, json=bet.body)
        is_replay = "idempotent-replayed" in answer.headers
        self._journal.answered(bet.key, status=answer.status_code, answer=answer.json(), is_replay=is_replay)
        if answer.status_code == httpx.codes.CREATED:
            self._placed.append(bet)

    async def _call(self, method: str, path: str, *, key: str = "", **more: Any) -> Json:
        found: Json = (await self._insist(method, path, key=key, **more)).json()
        return found

    async def _insist(self, method: str, path: str, *, key: str = "", wish: str = "", **more: Any) -> httpx.Response:
        """Ask as this player, who logs in again where the token is no longer good."""
        while True:
            answer = await self._line.insist(method, path, key=wish, again=lambda: self._headers(key), **more)
            if answer.status_code != httpx.codes.UNAUTHORIZED:
                return answer
            await self.log_in()

    def _headers(self, key: str) -> Json:
        return {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})


class Board:
    """What was on offer a moment ago."""

    def __init__(self, line: Line, *, ahead: float, chance: random.Random) -> None:
        self._line = line
        self._ahead = timedelta(seconds=ahead)
        self._chance = chance
        self._picks: list[Json] = []

    def pick(self) -> Json | None:
        """Return a bet on something that is on the board, without a stake."""
        return self._chance.choice(self._picks) if self._picks else None

    async def follow(self, ended: asyncio.Event) -> None:
        """Read it again and again."""
        while not await _is_set(ended, _BOARD_SECONDS):
            day = (datetime.now(UTC) + self._ahead).astimezone(_NEW_YORK).date()
            query = {"include": "markets", "status": "upcoming", "date": str(day)}
            games = await self._line.insist("GET", "/api/games", again=dict, params=query)
            self._picks = [
                pick for game in games.json()["data"] for market in game["markets"] for pick in _picks(market)
            ]


def _picks(market: Json) -> list[Json]:
    quote = market["quote"]
    if not market["bettable"] or quote is None:
        return []
    names = {"market_id": market["market_id"], "odds_id": quote["odds_id"]}
    return [{**names, "outcome": price["outcome"]} for price in quote["prices"]]


async def play(plan: Plan) -> None:
    """Play until SIGTERM comes; then bring what was asked for to an end."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    chance, journal = random.Random(plan.seed), Journal(Path(plan.journal))
    async with AsyncExitStack() as stack:
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=100)
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, timeout=TIMEOUT_SECONDS, limits=limits, trust_env=False, verify=False)
            )
            for url in plan.urls
        ]
        line = Line(clients, journal, chance=chance)
        board = Board(line, ahead=plan.ahead, chance=chance)

        def bettor(who: Player) -> Bettor:
            return Bettor(who, line, journal, board=board, chance=chance)

        bettors = [bettor(who) for who in plan.players]
        await asyncio.gather(*(each.log_in() for each in bettors))
        every = (len(bettors) - plan.bold) / plan.rate
        works: list[Awaitable[None]] = [board.follow(ended), _newcomers(plan, bettor, ended, chance)]
        works += [each.risk(ended, week=plan.week) for each in bettors[: plan.bold]]
        works += [each.play(ended, every=every) for each in bettors[plan.bold :]]
        await asyncio.gather(*works)


async def _newcomers(
    plan: Plan, bettor: Callable[[Player], Bettor], ended: asyncio.Event, chance: random.Random
) -> None:
    """Let people sign up and pay for the next week."""
    count = 0
    while plan.newcomers and not await _is_set(ended, chance.expovariate(plan.newcomers)):
        count += 1
        email = f"newcomer{count}@example.org"
        newcomer = bettor(Player(email, ""))
        await newcomer.sign_up(f"Newcomer {count}")
        await newcomer.pay("weekly_pass", week="next")


async def _is_set(ended: asyncio.Event, seconds: float) -> bool:
    """Wait, and say whether it is over."""
    try:
        async with asyncio.timeout(seconds):
            return await ended.wait()
    except TimeoutError:
        return False


def main() -> None:
    """Read the plan and play."""
    asyncio.run(play(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)))


if __name__ == "__main__":
    main()
