"""Weeks of a season, played through the feed with faults, bet on, settled, and held against the table."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, Final

from feeds.messages import encode
from feeds.nflverse import convert
from ledger.betting import place_bet
from ledger.datastore import Datastore
from ledger.events import StakePlaced
from ledger.facts import Fact, export_line
from ledger.game import Game
from ledger.rules import Rules
from ledger.weeks import following, starts_at, week_at
from tests import oracle
from tests.feeds.small_week import SmallWeek
from tests.seasons.counting import Counted, by_the_table, compare
from tests.seasons.faults import HOUR, MINUTE, BadFeed, Heard, games_of
from tests.seasons.faults import Game as TheirGame

PLAYERS: Final = ("ann", "bob", "cat", "dan")
RULES: Final = Rules(grant=1_000_000)
STAKE_MAX: Final = 250
# The feed is listened to every other hour. When the bets come all of the week is listed, and nothing has begun.
LISTENS_EACH: Final = 2
BETS_AFTER: Final = 4 * HOUR


@dataclass(slots=True)
class Replayed:
    """What a replay came to. `outcomes` counts bets, and the credits staked and paid."""

    games: int
    messages: int
    repeated: int
    out_of_order: int
    dead_letters: int
    faults: Counter[str]
    corrections: int
    outcomes: Counter[str]
    differences: list[str]


class Season(SmallWeek):
    """Weeks one after another; of the projections only those advance that somebody waits for."""

    def react(self) -> None:
        """Do all that follows from what was said, at the time that it is."""
        while self.ingest.take_waiting() + self.deadlines.tick() + self.settler.step():
            pass


def replay(
    datastore: Datastore, table: Path, *, season: int, nfl_weeks: Iterable[int], seed: int, bets_a_game: int
) -> Replayed:
    """Play weeks of a season in an empty database, and hold what the bets came to against the table."""
    random = Random(seed)
    games = _games(table, season=season, nfl_weeks=nfl_weeks)
    feed = BadFeed(random)
    for game in games:
        feed.tell(game)
    playing = _Playing(datastore, random, weeks=_weeks(games), bets_a_game=bets_a_game)
    try:
        playing.play(feed)
        counted = playing.counted()
        theirs = by_the_table(table, [*playing.bets, *map(_told, feed.faults)])
        return Replayed(
            games=len(games),
            messages=len(feed.heard),
            repeated=len(feed.heard) - len({encode(each.message) for each in feed.heard}),
            out_of_order=_out_of_order(feed.heard),
            dead_letters=len(playing.season.inbox.dead_letters_page(with_resolved=True, limit=len(feed.heard))),
            faults=Counter(fault.name for fault in feed.faults),
            corrections=counted.corrections,
            outcomes=_sum(market for markets in counted.totals.values() for market in markets.values()),
            differences=[*compare(counted.totals, theirs), *counted.differences(), *playing.by_the_oracle(feed)],
        )
    finally:
        playing.season.close()


class _Playing:
    """Lives through weeks of a season: what is heard, the bets, and the clock; `bets` are told as `totals.py` reads."""

    def __init__(self, datastore: Datastore, random: Random, *, weeks: Sequence[str], bets_a_game: int) -> None:
        self.season = Season(datastore, week=weeks[0], opens_weeks=True)
        self.bets: list[dict[str, Any]] = []
        self._weeks = weeks
        self._random = random
        self._bets_a_game = bets_a_game

    def play(self, feed: BadFeed) -> None:
        """Live through everything, instant by instant, until the last week is final."""
        self.season.open(self._weeks[0], *PLAYERS, rules=RULES)
        heard = sorted(feed.heard, key=lambda each: each.at)
        stops: list[tuple[datetime, str, Any]] = [(starts_at(week) + BETS_AFTER, "bet", week) for week in self._weeks]
        for fault in feed.faults:
            if fault.name == "began_early":
                stops += [
                    (fault.at - 10 * MINUTE, "bet again", fault.game),
                    (fault.at + 5 * MINUTE, "bet again", fault.game),
                ]
        stops += [(hour, "hear", list(some)) for hour, some in groupby(heard, key=lambda each: _listened_at(each.at))]
        for instant, kind, what in sorted(stops, key=lambda stop: stop[:2]):
            self.season.live_until(instant)
            match kind:
                case "bet":
                    self._bet_on_all(what)
                case "bet again":
                    week = week_at(instant)
                    self._place(week, [game for game in self._listed(week) if game.listing.external_id == what])
                case _:
                    for each in what:
                        self.season.hear(encode(each.message))
        self.season.live_until(instant)
        self.season.play_out(self._weeks[-1])

    def counted(self) -> Counted:
        """Count the bets of all weeks, each of which must add up and stand in the projections as in its log."""
        for week in self._weeks:
            self.season.audit(week)
        return Counted(fact for week in self._weeks for fact in self.season.facts(week=week))

    def by_the_oracle(self, feed: BadFeed) -> list[str]:
        """Have another program settle each week from its export and what was said, in the order in which it was."""
        said = [json.loads(encode(each.message)) for each in sorted(feed.heard, key=lambda each: each.message.at)]
        differences = []
        for week in self._weeks:
            export = [json.loads(export_line(record)) for record in self.season.ledger.recorder(week).read_all()]
            differences += oracle.audit(export, list(filter(oracle.is_readable, said)))["differences"]
        return differences

    def _bet_on_all(self, week: str) -> None:
        self.season.enrol(following(week), *PLAYERS)
        self._place(week, self._listed(week))

    def _listed(self, week: str) -> list[Game]:
        return self.season.ledger.desk(week).ask(lambda on: on.games(), actor="test", request="look").result()

    def _place(self, week: str, games: Sequence[Game]) -> None:
        """Place random bets on what is on offer, all of them at once."""
        offers = [
            (game, market, market.quote)
            for game in games
            for market in game.markets.values()
            if market.quote is not None and not game.moved_out
        ]
        entries = [self.season.entry(player, week) for player in PLAYERS]
        placed: list[tuple[str, Future[Fact]]] = []
        for _ in range(len(games) * self._bets_a_game if offers else 0):
            game, market, quote = self._random.choice(offers)
            future = place_bet(
                self.season.ledger,
                week=week,
                entry=self._random.choice(entries),
                market_id=market.market_id,
                odds_id=quote.odds_id,
                outcome=self._random.choice([*quote.prices]),
                stake=self._random.randint(1, STAKE_MAX),
                key=f"bet {len(self.bets) + len(placed)}",
            )
            placed.append((game.listing.external_id, future))
        for name, future in placed:
            fact = future.result()
            assert isinstance(fact.event, StakePlaced)
            bet = {"bet": str(fact.event.bet_id), "game": name, "at": fact.at.isoformat()}
            self.bets.append(bet | {key: getattr(fact.event, key) for key in ("market", "outcome", "stake")})


def _games(table: Path, *, season: int, nfl_weeks: Iterable[int]) -> list[TheirGame]:
    with table.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [game for number in nfl_weeks for game in games_of(convert(rows, season=season, week=number))]


def _weeks(games: Sequence[TheirGame]) -> list[str]:
    """Return the weeks that are played: those of the games, and one more for what moves into it."""
    starts = sorted(game.listing.starts_at for game in games)
    weeks = [week_at(starts[0])]
    while weeks[-1] <= week_at(starts[-1]):
        weeks.append(following(weeks[-1]))
    return weeks


def _listened_at(at: datetime) -> datetime:
    """Return when the feed is listened to next."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour + timedelta(hours=LISTENS_EACH - hour.hour % LISTENS_EACH)


def _told(fault: Any) -> dict[str, str]:
    return {"fault": fault.name, "game": fault.game, "at": fault.at.isoformat()}


def _out_of_order(heard: Sequence[Heard]) -> int:
    """Count the messages that are heard after one of the same game that was said later."""
    last: dict[str, datetime] = {}
    late = 0
    for each in sorted(heard, key=lambda each: each.at):
        name = each.message.game_id
        late += each.message.at < last.get(name, each.message.at)
        last[name] = max(each.message.at, last.get(name, each.message.at))
    return late


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
