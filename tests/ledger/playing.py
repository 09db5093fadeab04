"""A house that runs weeks: a ledger on a real database, a clock moved by hand, and short names for the use cases."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from ledger import betting, closing, drawing, enrolment, ids, listing, settling
from ledger.datastore import Datastore
from ledger.events import (
    EntryEnrolled,
    StakePlaced,
)
from ledger.facts import Fact, fact_of
from ledger.ledger import Ledger
from ledger.recorder import LogRecorder
from ledger.rules import Rules
from ledger.seeds import SeedChain
from ledger.settlement import Word
from ledger.settling import PlacedBet
from tests.examples import ENDS_AT, KICK_OFF, MARKETS, MASTER, RULES, SOURCE, STARTS_AT, WEEK
from tests.ledger.auditing import audit

PATIENCE = 30
ENROLLING = STARTS_AT - timedelta(hours=1)
QUOTED_AT = STARTS_AT - timedelta(days=2)
_numbers = count(1)


@dataclass
class Clock:
    """The service's clock, which stands still until it is set."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Listed:
    """A game on the board, with what a bet on it must name."""

    game_id: UUID
    external_id: str

    def market(self, name: str) -> UUID:
        return ids.market_id(self.game_id, name)

    def odds(self, name: str, at: datetime = QUOTED_AT) -> UUID:
        return ids.odds_id(self.market(name), SOURCE, at)


class House:
    """One service. `another` is a second one on the same database, as another process would be."""

    def __init__(self, dsn: str, *, clock: Clock | None = None) -> None:
        self.dsn = dsn
        self.clock = clock or Clock(ENROLLING)
        self.deaths: list[BaseException] = []
        self.ledger = Ledger(
            Datastore(dsn),
            clock=self.clock,
            new_id=lambda: UUID(int=next(_numbers), version=4),
            seeds=SeedChain(MASTER),
            on_death=self.deaths.append,
        )
        self._others = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._others.close()
        self.ledger.close()

    def another(self) -> House:
        return self._others.enter_context(House(self.dsn, clock=self.clock))

    def recorder(self, week: str = WEEK) -> LogRecorder:
        return self.ledger.recorder(week)

    # Before and at the start.

    def open_week(self, week: str = WEEK, *, rules: Rules = RULES) -> Fact:
        return drawing.open_week(self.ledger, week=week, rules=rules, actor="operator:1", request=f"open {week}")

    def enrol(self, player: UUID, week: str = WEEK) -> UUID:
        enrolled = enrolment.enrol(self.ledger, player_id=player, week=week, via="free", request="enrol").event
        assert isinstance(enrolled, EntryEnrolled)
        return enrolled.entry

    def withdraw(self, player: UUID, week: str = WEEK) -> Fact:
        return enrolment.withdraw(self.ledger, player_id=player, week=week, request="withdraw")

    def draw(self, week: str = WEEK) -> Fact:
        return drawing.draw(self.ledger, week=week, actor="clock", request="draw")

    def grouped(self, players: int, *, rules: Rules = RULES) -> list[UUID]:
        """Open the week, enrol so many players, draw at the start, and return the entries."""
        self.open_week(rules=rules)
        entries = [self.enrol(UUID(int=number)) for number in range(1, players + 1)]
        self.clock.now = STARTS_AT
        self.draw()
        return entries

    # The board.

    def list_game(
        self, external_id: str = "g1", *, starts_at: datetime = KICK_OFF, number: int = 1, week: str = WEEK, **more: Any
    ) -> Listed:
        """List a game with its three markets quoted."""
        listed = Listed(ids.game_id(week, SOURCE, external_id, number), external_id)
        terms: dict[str, Any] = {"league": "NFL", "home": "BAL", "away": "CIN", "source": SOURCE} | more
        self.on_board(
            listing.schedule, listed, external_id=external_id, starts_at=starts_at, week=week, **terms
        ).result(PATIENCE)
        for market in MARKETS:
            self.quote(listed, market, week=week).result(PATIENCE)
        return listed

    def quote(
        self, game: Listed, market: str = "spread", *, at: datetime = QUOTED_AT, **terms: Any
    ) -> Future[list[Fact]]:
        said = MARKETS[market] | terms
        return self.on_board(listing.quote, game, market=market, at=at, source=SOURCE, **said)

    def on_board(self, command: Callable[..., Future[Any]], game: Listed, **terms: Any) -> Future[Any]:
        """Ask a command of `ledger.listing` for a game."""
        asked: dict[str, Any] = {"week": WEEK, "actor": f"feed:{SOURCE}", "request": "message"} | terms
        return command(self.ledger, game_id=game.game_id, **asked)

    # Bets.

    def bet(
        self, entry: UUID, game: Listed, *, outcome: str = "home", stake: int = 100, key: str = "k1", **terms: Any
    ) -> Future[Fact]:
        market = terms.pop("market", "spread")
        asked: dict[str, Any] = {"week": WEEK, "odds_id": game.odds(market)} | terms
        return betting.place_bet(
            self.ledger, entry=entry, market_id=game.market(market), outcome=outcome, stake=stake, key=key, **asked
        )

    def must_bet(self, entry: UUID, game: Listed, **terms: Any) -> StakePlaced:
        placed = self.bet(entry, game, **terms).result(PATIENCE).event
        assert isinstance(placed, StakePlaced)
        return placed

    # The end.

    def result(self, game: Listed, home: int | None = 35, away: int | None = 34, **said: Any) -> list[Fact]:
        """Record what the source says of a game."""
        fields: dict[str, Any] = {"source": SOURCE, "status": "final", "revision": 1} | said
        word = Word(game_id=game.game_id, home_score=home, away_score=away, **fields)
        return settling.record_result(
            self.ledger, week=WEEK, word=word, actor=f"feed:{SOURCE}", request="result"
        ).result(PATIENCE)

    def settle(self, game: Listed, *, chunk: int = 500) -> None:
        """Settle all bets of a game, as the settler does."""
        where = {"week": WEEK, "game_id": game.game_id}
        progress = settling.progress(self.ledger, **where).result(PATIENCE)  # type: ignore[arg-type]
        after = progress.settled_to
        while not progress.is_done and after < progress.cut:
            after = self.settle_chunk(game, after=after, cut=progress.cut, resolution=progress.resolution, chunk=chunk)
        if not progress.is_done:
            staked = sum(fact.event.stake for fact in self.bets_on(game))  # type: ignore[attr-defined]
            settling.complete(
                self.ledger, week=WEEK, game_id=game.game_id, resolution=progress.resolution, staked=staked
            ).result(PATIENCE)

    def settle_chunk(self, game: Listed, *, after: int, cut: int, resolution: int, chunk: int = 500) -> int:
        """Settle the next bets of a game, and return the position that is settled to."""
        bets = [
            PlacedBet(fact.event.bet_id, fact.stream, fact.position)  # type: ignore[attr-defined]
            for fact in self.bets_on(game)
            if after < fact.position <= cut
        ][:chunk]
        to = bets[-1].position if len(bets) == chunk else cut
        settling.settle_chunk(
            self.ledger,
            week=WEEK,
            game_id=game.game_id,
            resolution=resolution,
            bets=bets,
            from_=after + 1,
            to=to,
            cut=cut,
        ).result(PATIENCE)
        return to

    def bets_on(self, game: Listed) -> list[Fact]:
        return [
            fact for fact in self.facts() if isinstance(fact.event, StakePlaced) and fact.event.game_id == game.game_id
        ]

    def close_week(self, at: datetime = ENDS_AT) -> Fact:
        self.clock.now = at
        return closing.close_week(self.ledger, week=WEEK, actor="clock", request="close").result(PATIENCE)

    def settle_week(self) -> Fact:
        return closing.settle_week(self.ledger, week=WEEK, actor="clock", request="settle")

    def finalise_week(self, *, override: bool = False) -> Fact:
        return closing.finalise_week(self.ledger, week=WEEK, actor="clock", request="final", override=override)

    # What the log says.

    def facts(self, week: str = WEEK) -> list[Fact]:
        return [fact_of(record) for record in self.recorder(week).read_all()]

    def events(self, *kinds: type, week: str = WEEK) -> list[Any]:
        """The events of some kinds, in order."""
        return [fact.event for fact in self.facts(week) if isinstance(fact.event, kinds)]

    def available(self, entry: UUID) -> int:
        return (
            self.ledger.desk(WEEK)
            .ask(lambda on: on.account(entry).available, actor="tester", request="look")
            .result(PATIENCE)
        )

    def audit(self, week: str = WEEK) -> None:
        """Replay the log: it is gapless, its credits are conserved, and no stake stands behind a gate."""
        audit(week, self.facts(week))
        assert self.deaths == []
