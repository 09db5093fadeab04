"""One week, simulated: several processes on one store, a bad feed, players, and everything that can go wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from random import Random
from types import SimpleNamespace
from typing import Final
from unittest.mock import patch
from uuid import uuid5

import msgspec

from feeds.messages import encode
from ledger import drawing
from ledger.facts import Record, export_line
from ledger.ids import OFFICE
from ledger.rules import Rules
from ledger.weeks import starts_at
from projections.catalogue import projections
from projections.pages import Page
from projections.rows import Rows
from tests import oracle
from tests.examples import WEEK
from tests.simulation import roles
from tests.simulation.bus import Bus
from tests.simulation.client import Client
from tests.simulation.model import Model
from tests.simulation.plans import Plan
from tests.simulation.players import Journal, Player
from tests.simulation.provider import Provider, mind_payments
from tests.simulation.scheduler import Scheduler, Task
from tests.simulation.service import Process, World
from tests.simulation.story import Story

BEGINS: Final = starts_at(WEEK) - timedelta(hours=1)
HOUR: Final = timedelta(hours=1)
STEPS_BETWEEN_KILLS: Final = 800
AWAY_SECONDS: Final = 60.0
WEEK_SECONDS: Final = 7 * 24 * 3600
JUMPS: Final = (HOUR, -HOUR, 24 * HOUR)
JUMP_SECONDS: Final = 20_000.0
CLOCKS_OFF: Final = (0, 0, 10, -10, -10)
PAYMENT_TOPICS: Final = (
    "payment.paid",
    "payment.accepted",
    "payment.refused",
    "account.bought_back",
    "payment.refunded",
)


class Lost(AssertionError):
    """What somebody was told is not what the log says."""


@dataclass(frozen=True, slots=True)
class Played:
    """What a week came to."""

    events: int
    steps: int
    bets: int
    refused: int
    in_doubt: int
    kills: int
    jumps: int


class SimulatedWeek:
    """Plays one week under a seed."""

    def __init__(self, seed: int, plan: Plan) -> None:
        self._random = Random(seed)
        self._plan = plan
        self.world = World(Scheduler(self._random, begins=BEGINS), plan.rates)
        self._scheduler = self.world.scheduler
        self._bus = Bus(self._scheduler, redeliveries=plan.rates.redeliveries)
        self._provider = Provider(Bus(self._scheduler, redeliveries=plan.rates.redeliveries))
        self._processes: list[Process] = []
        self._born = 0
        self._killed = 0
        self._jumped = 0
        self._models = {WEEK: Model(), OFFICE: Model()}
        self._seen = 0
        self.journal = Journal()
        self._client = Client(self._scheduler, lambda: self._processes)
        self._story = Story(self._random, games=plan.games)
        self._is_told = False
        self._playing: list[Task] = []
        self._players: list[Player] = []

    def play(self) -> Played:
        """Live through the week; raises AssertionError where anything is not as it must be."""
        for _ in range(self._plan.processes):
            self._bear()
        self._scheduler.start("operators", "open", self._open)
        self._scheduler.start("feed", "tell", self._tell)
        self._scheduler.start("fate", "kill", self._kill)
        self._scheduler.start("fate", "jump", self._jump)
        # The settler's pace is the one thing that takes time by itself; the same ids are made all the time.
        time = SimpleNamespace(sleep=self._scheduler.sleep, monotonic=lambda: self._scheduler.now)
        with patch("feeds.pace.time", time), patch("ledger.ids.uuid5", cache(uuid5)):
            self._scheduler.run(until=self._is_over, observe=self._observe)
        self._check()
        return Played(
            events=self.world.storage.size,
            steps=self._scheduler.steps,
            bets=sum(bool(wish.placed) for wish in self.journal.wishes),
            refused=sum(bool(wish.refused) for wish in self.journal.wishes),
            in_doubt=self._client.doubts,
            kills=self._killed,
            jumps=self._jumped,
        )

    # What happens.

    def _bear(self, duties: Sequence[Callable[[Process], None]] | None = None) -> None:
        """Start a process, with the duties of one that died, or some that are drawn; the first one has them all."""
        if duties is None:
            many = (
                roles.settle,
                roles.project,
                partial(roles.take_feed, bus=self._bus),
                partial(mind_payments, provider=self._provider),
            )
            # There is one clock: while it is away, nobody locks what starts.
            one = (roles.keep_time,)
            duties = (*many, *one) if not self._born else self._random.sample(many, self._random.randint(1, len(many)))
        self._born += 1
        process = Process(self.world, f"p{self._born}", ahead=timedelta(seconds=self._random.choice(CLOCKS_OFF)))
        process.duties = duties
        for number, duty in enumerate(duties):
            process.start(f"duty {number}", partial(duty, process))
        self._processes.append(process)

    def _kill(self) -> None:
        """Have processes die, at any step, and come back after a while."""
        for _ in range(self._plan.kills):
            self._scheduler.skip(self._random.randint(1, STEPS_BETWEEN_KILLS))
            victim = self._random.choice(self._processes)
            self._processes.remove(victim)
            victim.die()
            self._killed += 1
            self._scheduler.sleep(self._random.random() * AWAY_SECONDS)
            self._bear(victim.duties)

    def _jump(self) -> None:
        """Have clocks jump, and be put right after a while."""
        for _ in range(self._plan.jumps):
            self._scheduler.sleep(self._random.random() * WEEK_SECONDS)
            process, jump = self._random.choice(self._processes), self._random.choice(JUMPS)
            process.ahead += jump
            self._jumped += 1
            self._scheduler.sleep(self._random.random() * JUMP_SECONDS)
            process.ahead -= jump

    def _open(self) -> None:
        """Open the week, and let the players in."""

        def open_week(process: Process) -> None:
            drawing.open_week(process.ledger, week=WEEK, rules=Rules(), actor="operator:simulated", request="open")

        self._client.insist(open_week)
        moments = [(instant - BEGINS).total_seconds() for instant in self._story.moments]
        for number in range(self._plan.players):
            name = f"player{number}"
            player = Player(
                self._client,
                self._provider,
                name,
                self.journal,
                week=WEEK,
                model=self._models[WEEK],
                news=self.world.storage.news,
            )
            self._players.append(player)
            drawn = sorted(self._random.choices(moments, k=self._plan.bets))
            self._playing.append(self._scheduler.start("players", name, partial(player.play, drawn)))

    def _tell(self) -> None:
        """Tell of games, as a bad feed does."""
        for at, message in self._story.telling():
            self._scheduler.sleep(max(0.0, (at - self._scheduler.clock()).total_seconds()))
            self._bus.publish(encode(message))
        self._is_told = True

    def _is_over(self) -> bool:
        return (
            self._is_told
            and self._models[WEEK].state == "final"
            and not self._bus.has_news()
            and not self._provider.messages.has_news()
            and not any(player.busy for player in self._players)
            and all(task.is_over for task in self._playing)
        )

    # What must hold.

    def _observe(self) -> None:
        """Take what was committed in this step to the models."""
        if self.world.storage.size == self._seen:
            return
        self._seen = self.world.storage.size
        for log, model in self._models.items():
            records = self._records(log)
            if len(records) > model.position:
                for record in records[model.position :]:
                    model.take(record)
                model.conclude()

    def _check(self) -> None:
        self._check_journal()
        self._check_payments()
        self._check_projections()
        self._check_settlement()

    def _check_journal(self) -> None:
        """Each bet that was acknowledged stands in the log once, as it was acknowledged; no other does."""
        placed = {str(wish.bet_id): wish for wish in self.journal.wishes if wish.placed}
        bets = self._models[WEEK].bets
        if placed.keys() != bets.keys():
            raise Lost(f"acknowledged and not there, or the other way round: {placed.keys() ^ bets.keys()}")
        for bet_id, wish in placed.items():
            positions = {fact.position for fact in wish.placed}
            if positions != {bets[bet_id].position}:
                raise Lost(f"bet {bet_id} was acknowledged at {positions}, and stands at {bets[bet_id].position}")

    def _check_payments(self) -> None:
        """Each payment was accepted, or refused and given back, once; nothing else bought anything."""
        topics = Counter(
            (record.topic, msgspec.json.decode(record.state)["payment_id"])
            for log in self._models
            for record in self._records(log)
            if record.topic in PAYMENT_TOPICS
        )
        for session in self._provider.payments():
            id_ = str(session.payment_id)
            paid, accepted, refused, bought, back = (topics.pop((topic, id_), 0) for topic in PAYMENT_TOPICS)
            if (paid, accepted + refused) != (1, 1) or (bought, session.refunds, back) != (accepted, refused, refused):
                raise Lost(f"payment {id_}: paid {paid}, accepted {accepted}, refused {refused}, given back {back}")
        if topics:
            raise Lost(f"payments that nobody made: {topics}")

    def _check_projections(self) -> None:
        """What was folded bit by bit, with crashes in between, is what one fold of the whole log gives."""
        for log in self._models:
            page = Page(self._records(log))
            for projection in projections():
                table = self.world.tables.of(projection.name, log)
                rows = Rows()
                projection.fold(rows, page.facts_for(projection, until=table.position))
                for row_type in projection.tables:
                    expected, found = rows.all(row_type), table.rows.get(row_type, {})
                    if expected != found:
                        raise Lost(f"{projection.name} of {log} at {table.position}: {row_type.TABLE} differs")

    def _check_settlement(self) -> None:
        """Another program, from the export and what the feed said, comes to the same payouts and standings."""
        export = [msgspec.json.decode(export_line(record)) for record in self._records(WEEK)]
        heard = sorted(self._story.heard, key=lambda each: each.message.at)
        said = [msgspec.json.decode(encode(each.message)) for each in heard]
        differences = oracle.audit(export, list(filter(oracle.is_readable, said)))["differences"]
        if differences:
            raise Lost(f"the auditor's program says: {differences}")

    def _records(self, log: str) -> Sequence[Record]:
        return self.world.storage.logs[log].records if log in self.world.storage.logs else ()
