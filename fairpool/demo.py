"""The demo: one whole week played through the real API, NATS and store, in simulated time, and audited at its end."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from fairpool import audit, loop
from fairpool.clocks import HandClock
from fairpool.core import Core, core, feed_consumer
from fairpool.crowd import Crowd, crowd, entry_ids, next_id
from fairpool.play import Play
from fairpool.servers import servers
from fairpool.settings import Settings
from fairpool.web import serving
from feeds.feedfile import FeedLine, read_lines
from feeds.ingest import Taken
from feeds.messages import GameMessage
from ledger import drawing
from ledger.replay import Replay
from ledger.rules import Rules
from ledger.weeks import NEW_YORK, ends_at, starts_at, week_at

Tell = Callable[[str, int, int], None]


class WeekPlayedAlready(Exception):
    """The data directory holds the week already: play it in another one."""


class NothingToPlay(Exception):
    """The feed lists no game."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is played: the feed's lines, the week, and how many players and bets."""

    lines: Sequence[FeedLine]
    week: str
    players: int
    bets: int
    seed: int

    @property
    def rounds(self) -> list[datetime]:
        """The instants at which bets are placed: when the week starts, and a minute before each kick-off in it."""
        starts = {start for start in _starts(self.lines).values() if week_at(start) == self.week}
        return [starts_at(self.week), *sorted(start - timedelta(minutes=1) for start in starts)]

    @property
    def days(self) -> list[str]:
        """The days of the week, as the API takes them."""
        first = starts_at(self.week).astimezone(NEW_YORK).date()
        return [(first + timedelta(days=day)).isoformat() for day in range(7)]


@dataclass(slots=True)
class Outcome:
    """What a demo came to: the object that `--json` prints, and the audit behind it."""

    report: dict[str, Any]
    audit: audit.Audit


@dataclass(slots=True)
class _Stopwatch:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[part] = round(time.perf_counter() - began, 2)


def plan(feed: Path, *, players: int, bets: int, seed: int) -> Plan:
    """Choose the week with most games in a feed, the earliest on a tie; raises NothingToPlay, FeedFileError."""
    lines = list(read_lines(feed))
    games = Counter(week_at(start) for start in _starts(lines).values())
    if not games:
        raise NothingToPlay(f"{feed} lists no game")
    week = min(games, key=lambda week: (-games[week], week))
    return Plan(lines, week, players, bets, seed)


def play(settings: Settings, chosen: Plan, *, tell: Tell) -> Outcome:
    """Play the plan on servers of its own and return what came of it; raises WeekPlayedAlready."""
    watch = _Stopwatch()
    clock = HandClock(starts_at(chosen.week) - timedelta(hours=1))
    ids = entry_ids(chosen.seed)
    with watch.time("start"):
        tell("starting the servers", 0, 0)
    with (
        servers(settings) as addresses,
        core(
            settings,
            addresses.dsn,
            clock=clock,
            new_id=lambda: next_id(ids),
            master=sha256(f"fairpool/demo/{chosen.seed}".encode()).digest(),
        ) as built,
    ):
        if chosen.week in built.ledger.weeks():
            raise WeekPlayedAlready(f"{settings.data} holds week {chosen.week} already: choose another --data")
        built.start("projections", built.projections.run)
        return loop.run(_play(built, addresses.nats_url, chosen, clock, watch, tell))


async def _play(built: Core, nats_url: str, chosen: Plan, clock: HandClock, watch: _Stopwatch, tell: Tell) -> Outcome:
    rules = Rules()
    async with feed_consumer(built, nats_url) as (publisher, consumer):
        stage = Play(built, clock=clock, lines=chosen.lines, publisher=publisher, consumer=consumer)
        await asyncio.to_thread(
            drawing.open_week, built.ledger, week=chosen.week, rules=rules, actor="operator:demo", request="demo"
        )
        async with serving(built) as url, crowd(url, size=chosen.players, seed=chosen.seed) as players:
            with watch.time("sign-up"):
                tell("signing up and enrolling", 0, 0)
                await players.sign_up()
                await players.enrol(chosen.week)
            with watch.time("week"):
                await _live(stage, players, chosen, rules, tell)
            with watch.time("settlement"):
                tell("settling and closing the week", 0, 0)
                over = ends_at(chosen.week) + rules.correction_limit + timedelta(hours=1)
                await stage.advance(max([over, *(line.at for line in chosen.lines[-1:])]))
    with watch.time("audit"):
        recorder = built.ledger.recorder(chosen.week)
        audited = await asyncio.to_thread(
            audit.replay, recorder, progress=lambda done, total: tell("auditing", done, total)
        )
    return Outcome(_report(built, chosen, audited, watch), audited)


async def _live(stage: Play, players: Crowd, chosen: Plan, rules: Rules, tell: Tell) -> None:
    """Live through the week and place the bets, the same number in each round."""
    rounds = chosen.rounds
    for number, instant in enumerate(rounds):
        await stage.advance(instant)
        due = chosen.bets * (number + 1) // len(rounds) - chosen.bets * number // len(rounds)
        picks = await players.picks(chosen.days) if players.size else []
        await players.bet(count=due, picks=picks, grant=rules.grant)
        tell("betting", number + 1, len(rounds))


def _report(built: Core, chosen: Plan, audited: audit.Audit, watch: _Stopwatch) -> dict[str, Any]:
    """Return what design §10 says that `--json` prints."""
    replayed: Replay = audited.replay
    bets = replayed.bets
    games = _settled_games(built, chosen.week)
    counts = built.ingest.counts
    return {
        "week": chosen.week,
        "players": chosen.players,
        "pools": [len(standings) for standings in replayed.standings().values()],
        "bets": {
            "placed": bets.total(),
            "won": bets["won"],
            "lost": bets["lost"],
            "returned": bets["push"] + bets["void"],
        },
        "credits": audit.credits(audited.total),
        "games": {**games, "other_week": sum(week_at(at) != chosen.week for at in _starts(chosen.lines).values())},
        "messages": {
            "applied": counts[Taken.APPLIED],
            "repeated": counts[Taken.REPEATED],
            "dead": counts[Taken.DEAD],
        },
        "standings_hash": replayed.standings_hash,
        "audit": {"ok": audited.is_ok},
        "seconds": watch.seconds,
    }


def _settled_games(built: Core, week: str) -> dict[str, int]:
    """Count the games that were settled by a score, and those that were void."""
    statuses = built.ledger.desk(week).ask(
        lambda on: [settlement.status for settlement in on.settlements(on.games())], actor="demo", request="report"
    )
    by_score = [status == "final" for status in statuses.result()]
    return {"settled": by_score.count(True), "void": by_score.count(False)}


def _starts(lines: Sequence[FeedLine]) -> dict[tuple[str, str], datetime]:
    """Return the start of each game as it was last announced."""
    games = [line.message for line in lines if isinstance(line.message, GameMessage)]
    return {(game.source, game.game_id): game.starts_at for game in games}
