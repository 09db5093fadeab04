"""A service for the tests: the ledger on a real database, served over HTTP, with a clock that tests set."""

from __future__ import annotations

import asyncio
import queue
import re
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute

from api.app import blank_app, create_app
from api.http.limits import Limits
from api.http.ratelimits import Meters
from api.identity.keys import ApiKeys
from api.identity.mail import Letter
from api.identity.passwords import Passwords
from api.identity.players import Players
from api.identity.proofs import Proofs
from api.identity.revocations import Revocations
from api.identity.token_keys import SigningKey
from api.identity.tokens import Tokens
from api.livefeed.hub import Hub, LiveLimits
from api.people.gates import Gates
from api.people.pseudonyms import Pseudonyms
from api.services import Services, Views
from fairpool.schema import all_migrations
from feeds.payments.money import Terms, compose
from feeds.payments.provider import Provider
from ledger import closing, drawing, listing, settling
from ledger.datastore import Datastore
from ledger.ids import game_id, market_id, odds_id
from ledger.ledger import Ledger
from ledger.rules import Rules
from ledger.seeds import SeedChain
from ledger.settlement import Word
from ledger.weeks import ends_at, starts_at
from projections.catalogue import projections
from projections.runner import Runner
from tests.api.composing import admission, care, sessions
from tests.api.running import running

WEEK = "2026-W47"
MONDAY = starts_at(WEEK)
KICK_OFF = MONDAY + timedelta(days=3)
SIGNING_KEY = SigningKey.of(bytes(range(32)))
FREE = Terms()
LIVE = LiveLimits(poll=0.01, standings_every=0.01, heartbeat=60)


class Clock:
    """A clock that stands still until it is set; also the test clock of a service that has one."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def set(self, to: datetime) -> None:
        self._now = to

    async def advance(self, to: datetime) -> None:
        self._now = to


@dataclass(frozen=True)
class Market:
    """A quoted market, as a bet names it."""

    game_id: UUID
    market_id: UUID
    odds_id: UUID

    def bet(self, **changes: Any) -> dict[str, Any]:
        body = {"market_id": str(self.market_id), "odds_id": str(self.odds_id), "outcome": "home", "stake": 50}
        return body | changes


class User:
    """Somebody with a token."""

    def __init__(self, client: httpx.Client, answer: dict[str, Any], *, email: str = "") -> None:
        self._client = client
        self.email = email
        self.id = UUID(answer["player_id"])
        self.token = answer["token"]
        self.refresh_token = answer["refresh_token"]

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self._client.request(method, path, headers=headers, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    def stream(self, path: str, **more: Any) -> AbstractContextManager[httpx.Response]:
        headers = {"Authorization": f"Bearer {self.token}", **more.pop("headers", {})}
        return self._client.stream("GET", path, headers=headers, **more)

    def bet(self, body: dict[str, Any], *, key: str = "one") -> httpx.Response:
        return self.post("/api/bets", json=body, headers={"Idempotency-Key": key})


@dataclass
class World:
    """The service and short ways to bring it about; `project` brings the read models up to date."""

    services: Services
    clock: Clock
    client: httpx.Client
    loop: Future[asyncio.AbstractEventLoop]
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def letters(self) -> Letterbox:
        assert isinstance(self.services.mailer, Letterbox)
        return self.services.mailer

    @property
    def ledger(self) -> Ledger:
        return self.services.ledger

    def project(self) -> None:
        while self.services.runner.step():
            pass

    def signup(self, name: str = "Ann") -> User:
        email = f"{name}{next(self._numbers)}@example.org"
        body = {"email": email, "password": "correct horse", "name": name}
        answer = self.client.post("/api/auth/signup", json=body)
        assert answer.status_code == 201, answer.text
        return User(self.client, answer.json(), email=email)

    def log_in(self, email: str) -> User:
        answer = self.client.post("/api/auth/login", json={"email": email, "password": "correct horse"})
        assert answer.status_code == 200, answer.text
        return User(self.client, answer.json(), email=email)

    def staff(self, role: str) -> User:
        email = f"{role}{next(self._numbers)}@example.org"
        password_hash = self.services.passwords.hash("correct horse")
        self.services.players.create(email=email, name="Op", password_hash=password_hash, role=role)
        return self.log_in(email)

    def operator(self) -> User:
        return self.staff("operator")

    def open_week(self, week: str = WEEK, **rules: Any) -> None:
        drawing.open_week(self.ledger, week=week, rules=Rules(**rules), actor="clock", request="open")

    def enrolled(self, *names: str, week: str = WEEK) -> list[User]:
        users = [self.signup(name) for name in names]
        for user in users:
            assert user.post(f"/api/weeks/{week}/entry").status_code == 201
        return users

    def draw(self, week: str = WEEK) -> None:
        self.clock.set(max(self.clock.now(), starts_at(week)))
        drawing.draw(self.ledger, week=week, actor="clock", request="draw")

    def playing(self, *names: str, **rules: Any) -> list[User]:
        """Open the week, enrol players and draw."""
        self.open_week(**rules)
        users = self.enrolled(*names)
        self.draw()
        return users

    def game(self, name: str = "BAL-CIN", *, week: str = WEEK, at: datetime = KICK_OFF) -> UUID:
        game = game_id(week, "nfl", name)
        listing.schedule(
            self.ledger,
            week=week,
            game_id=game,
            external_id=name,
            league="NFL",
            home="BAL",
            away="CIN",
            starts_at=at,
            source="nfl",
            actor="feed:nfl",
            request=f"game {name}",
        ).result()
        return game

    def quote(
        self,
        game: UUID,
        market: str = "spread",
        *,
        week: str = WEEK,
        line: str | None = "-6.5",
        prices: dict[str, int] | None = None,
        minutes: int = 0,
    ) -> Market:
        at = MONDAY - timedelta(days=1) + timedelta(minutes=minutes)
        listing.quote(
            self.ledger,
            week=week,
            game_id=game,
            market=market,
            line=line,
            prices=prices or {"home": -110, "away": -110},
            source="nfl",
            at=at,
            actor="feed:nfl",
            request=f"quote {market} {minutes}",
        ).result()
        key = market_id(game, market)
        return Market(game, key, odds_id(key, "nfl", at))

    def market(self) -> Market:
        """List a game with a spread on it."""
        return self.quote(self.game())

    def settle(self, game: UUID, *, home: int, away: int, bets: list[dict[str, Any]]) -> None:
        """Record a result and settle the bets, given as they were answered, under it."""
        word = Word(game_id=game, source="nfl", status="final", revision=1, home_score=home, away_score=away)
        settling.record_result(self.ledger, week=WEEK, word=word, actor="feed:nfl", request="result").result()
        progress = settling.progress(self.ledger, week=WEEK, game_id=game).result()
        entries = {bet.bet_id: bet for bet in map(self._bet, bets) if bet is not None}
        settling.settle_chunk(
            self.ledger,
            week=WEEK,
            game_id=game,
            resolution=progress.resolution,
            bets=sorted(entries.values(), key=lambda bet: bet.position),
            from_=1,
            to=progress.cut,
            cut=progress.cut,
        ).result()

    def resolve(self, game: UUID, *, home: int, away: int, bets: list[dict[str, Any]]) -> None:
        """Settle all bets on a game, and note that these were all."""
        self.settle(game, home=home, away=away, bets=bets)
        resolution = settling.progress(self.ledger, week=WEEK, game_id=game).result().resolution
        staked = sum(bet["stake"] for bet in bets)
        settling.complete(self.ledger, week=WEEK, game_id=game, resolution=resolution, staked=staked).result()

    def finish(self, week: str = WEEK) -> None:
        """Have a week end and become final."""
        self.clock.set(ends_at(week) + timedelta(hours=1))
        closing.close_week(self.ledger, week=week, actor="clock", request="close").result()
        closing.settle_week(self.ledger, week=week, actor="clock", request="settle")
        closing.finalise_week(self.ledger, week=week, actor="clock", request="finalise", override=True)
        self.project()

    def _bet(self, answer: dict[str, Any]) -> settling.PlacedBet:
        self.project()
        bet = self.services.views.bets.bet(UUID(answer["bet_id"]))
        assert bet is not None
        return settling.PlacedBet(bet.bet_id, bet.entry, bet.position)


def real_now() -> datetime:
    """The time of the real world, which sessions and codes keep to wherever the game's clock stands."""
    return datetime.now(UTC)


class Letterbox:
    """Where the service's mail goes in tests, so that they can open it."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[Letter] = queue.SimpleQueue()

    def send(self, *, to: str, subject: str, text: str) -> None:
        self._letters.put(Letter(to, subject, text))

    def next(self) -> Letter:
        """The next letter; mail is sent after the answer, so it may be on its way."""
        return self._letters.get(timeout=10)

    def code(self) -> str:
        """The code in the next letter."""
        return next(line for line in self.next().text.splitlines() if re.fullmatch(r"[A-Za-z0-9_-]{43}", line))

    def is_empty(self) -> bool:
        return self._letters.empty()


@contextmanager
def serving(
    dsn: str,
    *,
    hand: Clock | None = None,
    provider: Provider | None = None,
    terms: Terms = FREE,
    with_test_clock: bool = False,
    live: LiveLimits = LIVE,
    **changes: Any,
) -> Iterator[World]:
    """Run a service on a database until the block ends; `changes` are fields of its Services.

    `hand` is the game's clock, where somebody else goes by it, too. Nothing is sold without `provider` and `terms`.
    """
    clock, datastore = hand or Clock(MONDAY - timedelta(days=1)), Datastore(dsn)
    deaths: list[BaseException] = []
    ledger = Ledger(datastore, clock=clock.now, new_id=uuid4, seeds=SeedChain(bytes(32), 60), on_death=deaths.append)
    revocations = Revocations(datastore, window=timedelta(minutes=15))
    runner, players = Runner(datastore, projections()), Players(datastore, new_id=uuid4, now=real_now)
    services = Services(
        ledger=ledger,
        views=Views.of(datastore),
        runner=runner,
        players=players,
        passwords=Passwords(memory_kib=8, passes=1),
        tokens=Tokens(SIGNING_KEY),
        revocations=revocations,
        sessions=sessions(datastore, revocations, now=real_now),
        api_keys=ApiKeys(
            datastore, revocations=revocations, new_id=uuid4, new_secret=secrets.token_bytes, now=real_now
        ),
        proofs=Proofs(datastore, new_secret=secrets.token_bytes, now=real_now),
        mailer=Letterbox(),
        pseudonyms=Pseudonyms(bytes(32)),
        live=Hub(ledger=ledger, runner=runner, players=players, limits=live),
        money=compose(
            ledger,
            runner,
            provider=provider,
            terms=terms,
            admission=admission(ledger, changes.get("gates", Gates())),
            clock=clock.now,
        ),
        care=care(ledger, runner),
        clock=clock.now,
        test_clock=clock if with_test_clock else None,
        meters=Meters(Limits.off()),
        reads_wait=timedelta(0),
        migrations=frozenset(migration.name for migration in all_migrations()),
    )
    services = replace(services, **changes)
    # Nothing here is encrypted: reading the certificates of the world would take longer than most tests.
    with (
        running(_app(services), services.live) as (url, loop),
        httpx.Client(base_url=url, timeout=30, verify=False) as client,
    ):
        yield World(services, clock, client, loop)
    _close(services)
    assert not deaths


def _close(services: Services) -> None:
    """Wait for what no answer waited for: errands run one after another, and the database goes next."""
    finished = threading.Event()
    services.errands.run("the last", finished.set)
    assert finished.wait(timeout=60)
    services.ledger.close()


def _app(services: Services) -> FastAPI:
    app = create_app(services)
    app.router.routes[:] = _routes(with_test_clock=services.test_clock is not None)
    return app


@cache
def _routes(*, with_test_clock: bool) -> list[BaseRoute]:
    """Return routes for all apps: FastAPI would build them anew for each, which takes longer than most tests."""
    return blank_app(with_test_clock=with_test_clock).routes
