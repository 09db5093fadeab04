"""Settling all bets of a game in the real composition, against the plan's SQL; and what bets beside it notice of it.

The settler and the projections run as roles of their own, as in production. A settlement counts from the result's
recording until the log says that it is completed and every live projection has come there.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Final, Self

from fairpool.garbage import collect_rarely
from ledger import listing, settling
from ledger.betting import place_bet
from ledger.events import SettlementCompleted
from ledger.facts import Fact
from ledger.ids import game_id, market_id, odds_id
from ledger.ledger import Ledger
from ledger.settlement import Word
from ledger.weeks import ends_at
from projections.catalogue import datastore_of, projections
from projections.positions import Positions
from projections.runner import Runner
from tests.benchmarks.figures import Figure, Ground, Round, Sample
from tests.benchmarks.filled_log import FilledLog, fill_log, open_ledger, prepare
from tests.benchmarks.peers.plan_settlement import PlanSettlement
from tests.benchmarks.running import environment, roles
from tests.examples import MARKETS, SOURCE

BETS_OF_EACH: Final = 10
STAKES_A_SECOND: Final = 500
FIGURES: Final = (
    Figure(
        id="6",
        work="settling 200,000 bets of one game, durable, projections caught up",
        peer="the plan's SQL on the same data: UPDATE bets and UPDATE pool_members, in one transaction",
        unit="bets/s",
        reach=0.8,
        dream=1.2,
    ),
    Figure(
        id="7",
        work=f"p99 of {STAKES_A_SECOND} stakes/s on another game, in process and open loop, while a game is settled",
        peer="the same rate without settlement",
        unit="ms",
        reach=4,
        dream=2,
        at_least=False,
    ),
)
_HOME, _AWAY = 20, 27
_POLL_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Size:
    """How many entries have so many bets each on the games of figures 6 and 7; for how long stakes flow beforehand.

    Beside the stakes there are many entries with few bets each, as with few entries most stakes would be on accounts
    that a chunk has just moved.
    """

    entries: int
    entries_beside: int
    bets_beside: int
    seconds: float


@contextmanager
def rounds(ground: Ground) -> Iterator[Round]:
    """Measure each round on weeks of its own, in years to come: each role then finds every game before its start."""
    size = Size(3_000, 10_000, 1, 3.0) if ground.quick else Size(20_000, 20_000, 3, 8.0)
    # As the process does that takes the stakes in production.
    collect_rarely()
    dsn = ground.postgres.dsn
    prepare(dsn)
    plan, datastore = PlanSettlement(dsn), datastore_of(dsn, projections())
    weeks = (f"2099-W{number:02}" for number in count(1))
    settlement = _Settlement(ground, Runner(datastore, projections()).positions, plan, size)
    try:
        yield lambda: settlement.measure(next(weeks), next(weeks))
    finally:
        plan.close()
        datastore.close()


class _Settlement:
    """One round: a game is settled by us and by the plan, and another one while stakes flow."""

    def __init__(self, ground: Ground, positions: Positions, plan: PlanSettlement, size: Size) -> None:
        self._ground = ground
        self._dsn = ground.postgres.dsn
        self._positions = positions
        self._plan = plan
        self._size = size
        self._rounds = count(1)

    def measure(self, week: str, beside: str) -> Mapping[str, Sample]:
        """Measure both figures on fresh weeks; every other round the plan's SQL comes first."""
        alone = self._fill(week, self._size.entries, BETS_OF_EACH)
        busy = self._fill(beside, self._size.entries_beside, self._size.bets_beside)
        with roles("settle", "project", on=environment(self._ground.folder / "roles", self._dsn)):
            for filled in (alone, busy):
                self._await_projections(filled.week, filled.position)
            self._plan.take(week)
            if next(self._rounds) % 2:
                ours, theirs = self._settle_all(alone), self._settle_as_planned(alone)
            else:
                theirs, ours = self._settle_as_planned(alone), self._settle_all(alone)
            self._compare(week)
            with _Stakes(self._dsn, busy) as stakes:
                before = stakes.p99_for(self._size.seconds)
                during = stakes.p99_while(partial(self._settle_all, busy))
        return {"6": Sample(ours, theirs), "7": Sample(during, before)}

    def _fill(self, week: str, entries: int, bets: int) -> FilledLog:
        self._ground.tell(f"filling {week}: {entries * bets} bets on one game")
        return fill_log(self._dsn, accounts=entries, bets=bets, week=week, games=1)

    def _settle_all(self, filled: FilledLog) -> float:
        """Record the result, wait until all of it is done and seen by readers, and return the bets per second."""
        ledger = open_ledger(self._dsn, since=filled.until)
        try:
            _record_result(ledger, filled)
            began = time.perf_counter()
            completed = _await_completion(ledger, filled.week)
            self._await_projections(filled.week, completed)
            return len(filled.entries) * filled.bets / (time.perf_counter() - began)
        finally:
            ledger.close()

    def _settle_as_planned(self, filled: FilledLog) -> float:
        return self._plan.settle(filled.week, filled.offers[0].game_id, home=_HOME, away=_AWAY)

    def _await_projections(self, week: str, position: int) -> None:
        if not self._positions.wait_for(week, position, timeout=_PATIENCE_SECONDS):
            raise TimeoutError(f"the projections of {week} do not come to {position}")

    def _compare(self, week: str) -> None:
        """Both have paid the same: else one of them has not done all of the work."""
        credits = self._plan.credits_paid_by_us(week)
        if credits != self._plan.credits():
            raise ValueError(f"the accounts of {week} hold {credits} credits, the plan's {self._plan.credits()}")


class _Stakes:
    """Stakes that arrive at a fixed rate, whatever becomes of them, on a game beside the one that is settled."""

    def __init__(self, dsn: str, filled: FilledLog) -> None:
        self._ledger = open_ledger(dsn, since=filled.until)
        self._filled = filled
        self._chance = random.Random(7)
        self._numbers = count(1)
        self._list_game()

    def __enter__(self) -> Self:
        """Have every account in the desk's book, as an hour of betting would."""
        desk, entries = self._ledger.desk(self._filled.week), self._filled.entries
        desk.ask(lambda on: len(on.accounts(entries)), actor="bench", request="warm up").result()
        self.p99_for(1.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._ledger.close()

    def p99_for(self, seconds: float) -> float:
        """Return the 99th percentile of the latencies of so many seconds, in ms."""
        until = time.perf_counter() + seconds
        return self._p99(lambda: time.perf_counter() >= until)

    def p99_while(self, work: Callable[[], object]) -> float:
        """Return the 99th percentile of the latencies while some work is done, in ms."""
        failed: list[BaseException] = []
        done = threading.Event()

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                failed.append(error)
            finally:
                done.set()

        thread = threading.Thread(target=guarded)
        thread.start()
        p99 = self._p99(done.is_set)
        thread.join()
        if failed:
            raise failed[0]
        return p99

    def _p99(self, is_over: Callable[[], bool]) -> float:
        """Let stakes arrive until it is over. Each latency counts from when its stake was due."""
        began, latencies = time.perf_counter(), list[float]()
        flying: list[Future[Fact]] = []
        for number in count():
            due = began + number / STAKES_A_SECOND
            time.sleep(max(0.0, due - time.perf_counter()))
            if is_over():
                break
            stake = self._place()
            stake.add_done_callback(partial(_note, latencies, due))
            flying.append(stake)
        for stake in flying:
            stake.result()
        return 1_000 * sorted(latencies)[int(len(latencies) * 0.99)]

    def _place(self) -> Future[Fact]:
        return place_bet(
            self._ledger,
            week=self._filled.week,
            entry=self._chance.choice(self._filled.entries),
            market_id=self._market,
            odds_id=self._odds,
            outcome="home",
            stake=1,
            key=f"beside {next(self._numbers)}",
        )

    def _list_game(self) -> None:
        week, at, name = self._filled.week, self._ledger.clock(), "beside"
        game = game_id(week, SOURCE, name)
        self._market = market_id(game, "spread")
        self._odds = odds_id(self._market, SOURCE, at)
        listing.schedule(
            self._ledger,
            week=week,
            game_id=game,
            external_id=name,
            league="NFL",
            home="KC",
            away="BUF",
            starts_at=ends_at(week) - timedelta(hours=1),
            source=SOURCE,
            actor="feed",
            request=name,
        ).result()
        quote = partial(listing.quote, self._ledger, week=week, game_id=game, market="spread", source=SOURCE, at=at)
        quote(actor="feed", request=f"{name} spread", **MARKETS["spread"]).result()


def _note(latencies: list[float], due: float, _: Future[Fact]) -> None:
    latencies.append(time.perf_counter() - due)


def _record_result(ledger: Ledger, filled: FilledLog) -> None:
    game = filled.offers[0].game_id
    word = Word(game, SOURCE, "final", revision=1, home_score=_HOME, away_score=_AWAY)
    settling.record_result(ledger, week=filled.week, word=word, actor="feed", request=f"{game}/1").result()


def _await_completion(ledger: Ledger, week: str) -> int:
    """Return where the log says that the game is settled."""
    recorder, until = ledger.recorder(week), time.perf_counter() + _PATIENCE_SECONDS
    while not (completed := recorder.read_topics(SettlementCompleted.TOPIC)):
        if time.perf_counter() > until:
            raise TimeoutError(f"the game of {week} is not settled")
        time.sleep(_POLL_SECONDS)
    return completed[-1].position
