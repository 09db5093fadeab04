"""Durable stakes through the ledger's own interface: against the plan's SQL, the stock library, and larger logs."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from functools import partial
from itertools import count, cycle
from statistics import mean
from threading import Event
from typing import Final

from fairpool.garbage import collect_rarely
from ledger.betting import place_bet
from ledger.book import Decision
from ledger.facts import Fact
from ledger.ledger import Ledger
from ledger.weeks import following
from tests.benchmarks.figures import Figure, Ground, Round, Sample
from tests.benchmarks.filled_log import STAKES, FilledLog, fill_log, open_ledger, prepare
from tests.benchmarks.peers.plan import PlanStakes
from tests.benchmarks.peers.stock import StockStakes
from tests.examples import WEEK

CALLERS: Final = 256
ACCOUNTS: Final = 20_000
PLAN_CLIENTS: Final = (4, 16, 32)
_STAKES: Final = f"stakes, {ACCOUNTS} accounts, one process, {CALLERS} callers"
FIGURES: Final = (
    Figure(
        id="1",
        work=_STAKES,
        peer="the plan's SQL by pgbench, best of 4, 16 and 32 clients",
        unit="stakes/s",
        reach=4,
        dream=6,
    ),
    Figure(
        id="2",
        work=_STAKES,
        peer="stock eventsourcing application, one save a stake, 8 threads",
        unit="stakes/s",
        reach=20,
        dream=30,
    ),
    Figure(
        id="11",
        work="stakes at 10 million events in the log, on accounts of 500 bets",
        peer="at 100,000 events, on accounts of 10 bets",
        unit="stakes/s",
        reach=0.85,
        dream=0.95,
    ),
)
BETS_OF_MANY: Final = 500
BETS_OF_FEW: Final = 10
FEW_ACCOUNTS: Final = 7_700
# Of both logs of figure 11 so many accounts place stakes, so that nothing differs but what stands there already.
PLAYING: Final = 2_000
SECONDS: Final = 3
WISHES: Final = 50_000


class Callers:
    """Callers of one ledger in a closed loop: each asks for its next stake when it has the answer to its last."""

    def __init__(self, ledger: Ledger, log: FilledLog, *, accounts: int) -> None:
        self._ledger = ledger
        self._log = log
        self._entries = log.entries[:accounts]
        chance = random.Random(7)
        # Drawn beforehand: what callers would ask for is not the ledger's work.
        self._wishes = cycle(
            [
                (chance.choice(self._entries), chance.choice(log.offers), chance.randint(1, len(STAKES)))
                for _ in range(WISHES)
            ]
        )
        self._numbers = count(1)
        self._answered = 0
        self._flying = 0
        self._failed: BaseException | None = None
        self._stop = False
        self._landed = Event()

    def warm_up(self) -> None:
        """Have every account in the desk's book, as an hour of betting would."""
        entries = list(self._entries)
        for start in range(0, len(entries), 1_000):
            some = entries[start : start + 1_000]
            desk = self._ledger.desk(self._log.week)
            desk.ask(partial(Decision.accounts, entries=some), actor="bench", request="warm up").result()

    def rate(self, *, seconds: float, callers: int = CALLERS) -> float:
        """Return the stakes per second that were answered, each of which is in the log."""
        self._stop, self._answered, self._flying = False, 0, callers
        self._landed.clear()
        began = time.perf_counter()
        for _ in range(callers):
            self._ask()
        time.sleep(seconds)
        self._stop = True
        self._landed.wait()
        taken = time.perf_counter() - began
        if self._failed is not None:
            raise self._failed
        return self._answered / taken

    def _ask(self) -> None:
        entry, offer, stake = next(self._wishes)
        place_bet(
            self._ledger,
            week=self._log.week,
            entry=entry,
            market_id=offer.market_id,
            odds_id=offer.odds_id,
            outcome=offer.outcome,
            stake=stake,
            key=f"b{next(self._numbers)}",
        ).add_done_callback(self._hear)

    def _hear(self, answer: Future[Fact]) -> None:
        # Futures call back in the one thread of the desk, so nothing here is counted twice.
        self._failed = self._failed or answer.exception()
        self._answered += 1
        if self._stop or self._failed is not None:
            self._flying -= 1
            if not self._flying:
                self._landed.set()
        else:
            self._ask()


@contextmanager
def rounds(ground: Ground) -> Iterator[Round]:
    """Fill the logs, have the accounts in memory, and measure against both peers and both logs in turn."""
    dsn = ground.postgres.dsn
    prepare(dsn)
    seconds = 2 if ground.quick else SECONDS
    with _playing(ground, WEEK, accounts=ACCOUNTS, bets=2, playing=ACCOUNTS) as ours:
        plan = PlanStakes(dsn, members=ACCOUNTS, bets=2 * ACCOUNTS)
        stock = StockStakes(dsn, accounts=ACCOUNTS)
        few, many = following(WEEK), following(following(WEEK))
        accounts = PLAYING if ground.quick else ACCOUNTS
        with (
            closing(stock),
            _playing(ground, few, accounts=FEW_ACCOUNTS, bets=BETS_OF_FEW, playing=PLAYING) as on_few,
            _playing(ground, many, accounts=accounts, bets=BETS_OF_MANY, playing=PLAYING) as on_many,
        ):
            # As the service does.
            collect_rarely()
            yield lambda: {
                "1": _against_plan(ours, plan, seconds),
                "2": Sample(ours.rate(seconds=seconds), stock.rate(seconds=seconds)),
                "11": Sample(on_many.rate(seconds=seconds), on_few.rate(seconds=seconds)),
            }


@contextmanager
def _playing(ground: Ground, week: str, *, accounts: int, bets: int, playing: int) -> Iterator[Callers]:
    """Fill the log of a week, unless it is there, and yield callers on some of its accounts."""
    ground.tell(f"{week}: {accounts} accounts of {bets} bets")
    log = fill_log(ground.postgres.dsn, accounts=accounts, bets=bets, week=week)
    ledger = open_ledger(ground.postgres.dsn, since=log.until)
    try:
        callers = Callers(ledger, log, accounts=playing)
        callers.warm_up()
        callers.rate(seconds=1)
        yield callers
    finally:
        ledger.close()


def _against_plan(ours: Callers, plan: PlanStakes, seconds: int) -> Sample:
    """Measure ours around each number of the plan's clients; the best of the plan's is what counts."""
    our_rates, plan_rates = [], []
    for clients in PLAN_CLIENTS:
        our_rates.append(ours.rate(seconds=seconds))
        plan_rates.append(plan.rate(clients=clients, seconds=seconds))
    return Sample(mean(our_rates), max(plan_rates))
