"""How the cost of a bet grows: with processes, with the log, with the pool, with the bets already on the account."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import accumulate, cycle, islice, product, repeat
from multiprocessing import get_context
from multiprocessing.connection import Connection
from statistics import median
from typing import Final
from uuid import UUID

import msgspec

from ledger.book import Decision
from ledger.ledger import Ledger
from ledger.weeks import following
from tests.benchmarks.costs import IN_FLIGHT, Cost, Server, cost_of_bets, median_cost, place_bets, warm_up
from tests.benchmarks.figures import Ground, Series
from tests.benchmarks.filled_log import RULES, FilledLog, fill_log, open_ledger, prepare
from tests.examples import WEEK

PROCESSES: Final = (1, 2, 3, 4)
EVENTS: Final = (10_000, 100_000, 1_000_000, 10_000_000)
POOLS: Final = (10, 100, 1_000)
# Few bets are on many accounts, so that those that are measured add little to them.
ACCOUNTS_BY_BETS: Final = {1: 20_000, 10: 4_000, 100: 1_000, 1_000: 200}
BETS: Final = 4_000
BETS_TOGETHER: Final = 12_000
_EVENTS_AN_ACCOUNT: Final = 50
_BEFORE_BETS: Final = 3


@dataclass(frozen=True, slots=True)
class _Case:
    """A log that bets are placed into, on some of its accounts, and what stands for it on the axis."""

    x: float
    log: FilledLog
    entries: Sequence[UUID]


def series(ground: Ground) -> Iterator[Series]:
    """Measure everything in rounds, a case after another in each, and yield medians."""
    dsn = ground.postgres.dsn
    prepare(dsn)
    weeks = accumulate(repeat(WEEK), lambda week, _: following(week))
    rounds = 3 if ground.quick else 5
    by_bets = [_case(dsn, next(weeks), bets, accounts, bets) for bets, accounts in ACCOUNTS_BY_BETS.items()]
    yield from _costs(ground, "bets already on the account", by_bets, rounds)
    by_pool = [_case(dsn, next(weeks), pool, 2 * max(POOLS), 1, pool=pool) for pool in POOLS]
    yield from _costs(ground, "entries in the pool", by_pool, rounds)
    sizes = EVENTS[:-1] if ground.quick else EVENTS
    by_events = []
    for events in sizes:
        ground.tell(f"a log of {events} events")
        accounts = events // _EVENTS_AN_ACCOUNT
        case = _case(dsn, next(weeks), events, accounts, _EVENTS_AN_ACCOUNT - _BEFORE_BETS)
        # The log grows while it is measured: it stands for the size that it has then, which matters for the smallest.
        by_events.append(_Case(events + rounds * BETS // 2, case.log, case.entries[: EVENTS[0] // _EVENTS_AN_ACCOUNT]))
    yield from _costs(ground, "events in the log", by_events, rounds)
    yield from _by_processes(ground, fill_log(dsn, accounts=20_000, bets=1, week=next(weeks)), rounds)


def _case(dsn: str, week: str, x: float, accounts: int, bets: int, *, pool: int = RULES.pool_max) -> _Case:
    rules = msgspec.structs.replace(RULES, pool_max=pool)
    log = fill_log(dsn, accounts=accounts, bets=bets, week=week, rules=rules)
    return _Case(x, log, log.entries)


def _costs(ground: Ground, x_axis: str, cases: Sequence[_Case], rounds: int) -> Iterator[Series]:
    """Yield what a bet costs in each case: by the wall's clock, in our process, and in the server."""
    ground.tell(f"bets by {x_axis}")
    costs: list[list[Cost]] = [[] for _ in cases]
    server = Server(ground.postgres.dsn)
    with ExitStack() as opened:
        ledgers = [opened.enter_context(_opened(ground.postgres.dsn, case)) for case in cases]
        for number in range(rounds):
            for case, ledger, found in zip(cases, ledgers, costs, strict=True):
                entries = _turn(case.entries, number)
                found.append(cost_of_bets(ledger, case.log, entries, server=server, key=f"r{number}"))
    for label, part in (("wall", "wall"), ("our process", "process"), ("PostgreSQL", "server")):
        points = [(case.x, getattr(median_cost(found), part)) for case, found in zip(cases, costs, strict=True)]
        yield Series(f"Cost of a bet by {x_axis}", label, x_axis, "µs a bet", tuple(points))


@contextmanager
def _opened(dsn: str, case: _Case) -> Iterator[Ledger]:
    with closing(open_ledger(dsn, since=case.log.until)) as ledger:
        warm_up(ledger, case.log, case.entries)
        place_bets(ledger, case.log, case.entries[:BETS:20], key="warm")
        yield ledger


def _turn(entries: Sequence[UUID], number: int) -> list[UUID]:
    """Return who bets in a round: others than in the round before, where there are enough."""
    start = number * BETS % len(entries)
    return list(islice(cycle(entries), start, start + BETS))


def _by_processes(ground: Ground, log: FilledLog, rounds: int) -> Iterator[Series]:
    """Yield how many bets a second some processes place together, each with a desk of its own on the same log."""
    with ExitStack() as running:
        workers = [running.enter_context(_worker(ground.postgres.dsn, log, number)) for number in range(max(PROCESSES))]
        for worker in workers:
            worker.recv()
        for accounts in (len(log.entries), 2_000):
            ground.tell(f"bets on {accounts} accounts by several processes")
            found: dict[int, list[float]] = {processes: [] for processes in PROCESSES}
            for number, processes in product(range(rounds), PROCESSES):
                rate = _together(workers[:processes], accounts, key=f"{accounts}-{number}-{processes}")
                found[processes].append(rate)
            points = [(processes, median(rates)) for processes, rates in found.items()]
            yield Series(
                "Bets per second by number of processes",
                f"{accounts:,} accounts",
                f"processes, each with {IN_FLIGHT} callers and a desk of its own on the same log",
                "bets a second",
                tuple(points),
            )


def _together(workers: Sequence[Connection], accounts: int, *, key: str) -> float:
    """Return how many bets a second some processes place, each its share of the same number."""
    for worker in workers:
        worker.send((accounts, BETS_TOGETHER // len(workers), key))
    for worker in workers:
        worker.recv()
    began = time.perf_counter()
    for worker in workers:
        worker.send("go")
    placed: int = sum(worker.recv() for worker in workers)
    return placed / (time.perf_counter() - began)


@contextmanager
def _worker(dsn: str, log: FilledLog, number: int) -> Iterator[Connection]:
    """Run a process that places bets when it is sent how many accounts bet how often, and how their keys begin."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=work, args=(theirs, dsn, log, number), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
        ours.send(None)
        process.join()
    finally:
        process.terminate()
        process.join()


def work(orders: Connection, dsn: str, log: FilledLog, number: int) -> None:
    """Place bets as ordered, until the order is None; this is what a process of `_worker` does."""
    chance = random.Random(number)
    with closing(open_ledger(dsn, since=log.until)) as ledger:
        warm_up(ledger, log, log.entries)
        orders.send("ready")
        while order := orders.recv():
            accounts, bets, key = order
            # While this desk had nothing to do, the others have moved on: it reads what is new before it counts.
            ledger.desk(log.week).ask(Decision.week, actor="bench", request="catch up").result()
            orders.send("ready")
            orders.recv()
            orders.send(place_bets(ledger, log, chance.choices(log.entries[:accounts], k=bets), key=f"{number}-{key}"))
