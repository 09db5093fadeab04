"""A small week: real ledger, inbox and projections, in which nothing happens but by messages, bets and the clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4, uuid5

from fairpool.clocks import HandClock
from feeds.deadlines import Deadlines
from feeds.flags import Flags
from feeds.inbox import Inbox
from feeds.ingest import Ingest, Taken
from feeds.listings import Listing, Listings
from feeds.settler import Settler
from feeds.silence import Silence
from feeds.watch import Watch
from ledger import drawing, enrolment
from ledger.betting import place_bet
from ledger.datastore import Datastore
from ledger.events import Event
from ledger.facts import Fact, fact_of
from ledger.game import Game, Quote
from ledger.ids import market_id
from ledger.instants import instant_text
from ledger.ledger import Ledger
from ledger.replay import Replay
from ledger.rules import Rules
from ledger.seeds import SeedChain
from ledger.weeks import ends_at, starts_at
from projections.bets import Bets
from projections.catalogue import projections
from projections.rebuild import verify
from projections.runner import Runner
from tests.examples import ENDS_AT, MARKETS, NEXT_WEEK, SOURCE, STARTS_AT, WEEK, at

E = TypeVar("E", bound=Event)
PLAYERS = UUID(int=0xF1A7E5)
THREE_WAY = {"line": None, "prices": {"home": 150, "draw": 220, "away": 180}}

__all__ = ["ENDS_AT", "MARKETS", "NEXT_WEEK", "SOURCE", "STARTS_AT", "THREE_WAY", "WEEK", "SmallWeek", "at"]


class SteppedRunner(Runner):
    """Projections that advance when somebody waits for them, so that no thread and no timing is needed."""

    def catch_up(self) -> None:
        while self.step():
            pass

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        self.catch_up()
        return super().wait_for(log, position, timeout=timeout, names=names)


class SmallWeek:
    """A ledger and all that reacts to it; `week` is the one that is played unless another is named."""

    def __init__(
        self,
        datastore: Datastore,
        *,
        week: str = WEEK,
        primary: Mapping[str, str] | None = None,
        bets_a_chunk: int = 500,
        opens_weeks: bool = False,
        confirming: Mapping[str, str] | None = None,
        silence: int | Mapping[str, int] | None = None,
    ) -> None:
        self.week = week
        self.datastore = datastore
        self.clock = HandClock(starts_at(week) - timedelta(hours=1))
        self.deaths: list[BaseException] = []
        self.ledger = Ledger(
            datastore,
            clock=self.clock,
            new_id=uuid4,
            seeds=SeedChain(bytes(32), length=64),
            on_death=self.deaths.append,
        )
        self.inbox = Inbox(datastore)
        self.primary = primary
        self.confirming = confirming
        self.ingest = self.new_ingest()
        self.runner = SteppedRunner(datastore, projections())
        self.bets = Bets(datastore)
        self.settler = self.new_settler(bets_a_chunk)
        self.deadlines = Deadlines(self.ledger, opens_weeks=opens_weeks)
        self.silence = Silence(self.ledger, seconds=silence)
        self.watch = Watch(self.ledger, self.inbox, vanished_after=timedelta(hours=6))
        self.flags = Flags(datastore)
        self.said: list[bytes] = []
        self._listings = Listings(self.ledger)
        self._bets_placed = 0

    def new_ingest(self) -> Ingest:
        """An ingest as a fresh process has it."""
        return Ingest(self.ledger, self.inbox, clock=self.clock, primary=self.primary, confirming=self.confirming)

    def new_settler(self, bets_a_chunk: int = 500) -> Settler:
        """A settler as a fresh process has it."""
        return Settler(self.ledger, bets=self.bets, projections=self.runner, bets_a_chunk=bets_a_chunk)

    def close(self) -> None:
        self.ledger.close()
        assert self.deaths == []

    # The week.

    def open(self, week: str | None = None, *players: str, rules: Rules | None = None) -> None:
        """Open a week and enrol players, while they may."""
        week = week or self.week
        drawing.open_week(self.ledger, week=week, rules=rules or Rules(), actor="operator:test", request="open")
        self.enrol(week, *players)

    def enrol(self, week: str, *players: str) -> None:
        for player in players:
            enrolment.enrol(self.ledger, player_id=uuid5(PLAYERS, player), week=week, via="free", request=player)

    def begin(self, *players: str, rules: Rules | None = None) -> None:
        """Open the week, enrol players and draw it; bets may be placed."""
        self.open(self.week, *players, rules=rules)
        self.clock.set(starts_at(self.week))
        self.react()

    def react(self) -> None:
        """Do all that follows from what was said, at the time that it is."""
        while self.ingest.take_waiting() + self.deadlines.tick() + self.silence.tick() + self.settler.step():
            pass
        self.runner.catch_up()

    def live_until(self, instant: datetime) -> list[datetime]:
        """Step the clock through every deadline up to an instant, and return which those were."""
        self.react()
        stops = []
        while (due := self.next_at()) is not None and due <= instant:
            self.clock.set(due)
            stops.append(due)
            self.react()
        self.clock.set(max(instant, self.clock()))
        self.react()
        return stops

    def next_at(self) -> datetime | None:
        """When something is due next."""
        dues = (self.deadlines.next_at(), self.silence.next_at())
        return min((due for due in dues if due is not None), default=None)

    def play_out(self, week: str | None = None) -> None:
        """Live until the week is final, and hold its books against the log."""
        week = week or self.week
        self.live_until(ends_at(week) + timedelta(hours=73))
        assert self.state(week) == "final"
        self.audit(week)

    def audit(self, week: str | None = None) -> Replay:
        """Assert that a week adds up by double entry, and that every projection says what its log says."""
        week = week or self.week
        replay = Replay(week).fold(self.facts(week=week))
        assert (replay.faults, replay.unbalanced()) == ([], [])
        assert replay.total.escrow == 0 or self.state(week) not in ("settled", "final")
        assert verify(self.datastore, log=week) == []
        return replay

    def state(self, week: str | None = None) -> str:
        desk = self.ledger.desk(week or self.week)
        return desk.ask(lambda on: on.week().state, actor="test", request="state").result()

    # What the feed says.

    def say(self, kind: str, name: str, **fields: Any) -> Taken:
        """Hand a message to the feed as its bytes, and return what became of it."""
        body = self.message(kind, name, **fields)
        return self.hear(body)

    def hear(self, body: bytes) -> Taken:
        self.said.append(body)
        return self.ingest.take(body, subject="sports.test")

    def message(self, kind: str, name: str, **fields: Any) -> bytes:
        """A message as bytes; unless told otherwise it is said now, each a microsecond after the one before."""
        moment = self.clock() + timedelta(microseconds=len(self.said))
        said = {"v": 1, "type": kind, "at": moment, "source": SOURCE, "game_id": name} | fields
        return json.dumps(said, default=instant_text).encode()

    def game(self, name: str = "g1", starts: datetime | None = None, **fields: Any) -> Taken:
        starts_at = starts or at("Thu 20:15")
        teams = {"league": "NFL", "home": "BAL", "away": "CIN"}
        return self.say("game", name, starts_at=starts_at, **teams | fields)

    def quote(self, name: str = "g1", market: str = "spread", **fields: Any) -> Taken:
        return self.say("quote", name, market=market, **MARKETS[market] | fields)

    def listed(self, name: str = "g1", starts: datetime | None = None, **fields: Any) -> None:
        """List a game with its three markets."""
        assert self.game(name, starts, **fields) is Taken.APPLIED
        for market in MARKETS:
            assert self.quote(name, market) is Taken.APPLIED

    def status(self, name: str, status: str, **fields: Any) -> Taken:
        return self.say("status", name, status=status, **fields)

    def result(self, name: str, home: int, away: int, revision: int = 1, **fields: Any) -> Taken:
        score = {"home_score": home, "away_score": away, "revision": revision, "certainty": "official"}
        return self.say("result", name, **score | fields)

    # What players do.

    def bet(self, player: str, name: str, market: str, outcome: str, stake: int, *, week: str | None = None) -> UUID:
        """Place a bet at the quote on the board; returns its id, or raises the LedgerError that refused it."""
        listing = self.listing(name)
        week = week or listing.week
        entry = self.entry(player, week)
        self._bets_placed += 1
        placed = place_bet(
            self.ledger,
            week=week,
            entry=entry,
            market_id=market_id(listing.game_id, market),
            odds_id=self.on_offer(name, market).odds_id,
            outcome=outcome,
            stake=stake,
            key=f"bet {self._bets_placed}",
        )
        event = placed.result().event
        bet_id: UUID = event.bet_id  # type: ignore[attr-defined]
        return bet_id

    def entry(self, player: str, week: str | None = None) -> UUID:
        entry = self.ledger.entries.entry_of(player_id=uuid5(PLAYERS, player), week=week or self.week)
        assert entry is not None
        return entry

    # What there is to see.

    def listing(self, name: str) -> Listing:
        """What a message about a game means now."""
        self._listings.refresh()
        meant = self._listings.meant(SOURCE, name)
        assert meant is not None
        return meant

    def on_board(self, name: str) -> Game:
        listing = self.listing(name)
        desk = self.ledger.desk(listing.week)
        return desk.ask(lambda on: on.game(listing.game_id), actor="test", request="look").result()

    def on_offer(self, name: str, market: str) -> Quote:
        quote = self.on_board(name).markets[market].quote
        assert quote is not None
        return quote

    def outcome(self, bet: UUID) -> tuple[str, str | None, int | None]:
        """Status, reason of a void and payout of a bet."""
        self.runner.catch_up()
        row = self.bets.bet(bet)
        assert row is not None
        return row.status, row.void_reason, row.payout

    def available(self, player: str, week: str | None = None) -> int:
        desk = self.ledger.desk(week or self.week)
        entry = self.entry(player, week)
        return desk.ask(lambda on: on.account(entry).available, actor="test", request="look").result()

    def facts(self, *types: type[Event], week: str | None = None) -> list[Fact]:
        """The log, or what of it has one of some types."""
        records = self.ledger.recorder(week or self.week).read_all()
        return [fact for fact in map(fact_of, records) if not types or isinstance(fact.event, types)]

    def events(self, kind: type[E], week: str | None = None) -> list[E]:
        return [fact.event for fact in self.facts(kind, week=week) if isinstance(fact.event, kind)]

    def head(self, week: str | None = None) -> int:
        return self.ledger.recorder(week or self.week).head().position

    def flagged(self, *, open_only: bool = True) -> list[str]:
        """The kinds of what was flagged, oldest first."""
        return [flag.kind for flag in reversed(self.flags.flags(open_only=open_only))]

    def dead(self) -> list[str]:
        """Why each dead letter is one."""
        return [letter.reason for letter in self.inbox.dead_letters()]
