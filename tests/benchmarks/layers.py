"""Where the time of one bet goes, layer by layer, beside the limit of each, all of it in one run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from statistics import median
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from fairpool.settings import Settings
from ledger.ledger import Ledger
from tests.benchmarks import web
from tests.benchmarks.costs import Server, cost_of_bets, median_cost, warm_up
from tests.benchmarks.figures import Ground
from tests.benchmarks.filled_log import FilledLog, fill_log, open_ledger, prepare
from tests.benchmarks.load import load
from tests.benchmarks.open_week import open_week
from tests.benchmarks.results import Layer
from tests.benchmarks.steps import BATCHES, LIMITS, Steps

ACCOUNTS: Final = 2_000
LEDGER: Final = "One bet in the ledger, by the size of its batch"
CALLERS: Final = "One bet among 256 callers"
HTTP: Final = "One bet over HTTP, 32 connections"
BARE: Final = ("tests.benchmarks.peers.bare",)
_COLUMNS: Final = tuple(str(size) for size in BATCHES)


def layers(ground: Ground) -> Iterator[Layer]:
    """Measure the steps of a desk, a desk with callers, and HTTP."""
    dsn, rounds = ground.postgres.dsn, 3 if ground.quick else 9
    prepare(dsn)
    log = fill_log(dsn, accounts=ACCOUNTS, bets=10)
    with closing(open_ledger(dsn, since=log.until)) as ledger:
        with closing(Steps(ground, ledger, log)) as steps:
            for _ in range(rounds):
                steps.measure()
        yield from _steps(steps)
        yield from _callers(ground, ledger, log, steps, rounds)
    ground.tell("bets over HTTP")
    yield from _http(ground, rounds)


def _steps(steps: Steps) -> Iterator[Layer]:
    for step, limit in LIMITS.items():
        yield Layer(LEDGER, step, _COLUMNS, steps.costs(step), limit, steps.costs(limit) if limit else ())


def _callers(ground: Ground, ledger: Ledger, log: FilledLog, steps: Steps, rounds: int) -> Iterator[Layer]:
    """Yield what a bet costs when 256 callers keep a desk busy: then it works while PostgreSQL does."""
    ground.tell("bets of 256 callers")
    warm_up(ledger, log, log.entries)
    server = Server(ground.postgres.dsn)
    entries = log.entries * 4
    cost = median_cost(
        [cost_of_bets(ledger, log, entries, server=server, key=f"c{number}") for number in range(rounds)]
    )
    by_hand = f"the steps above, in batches of {BATCHES[-1]}"
    yield Layer(CALLERS, "our process (CPU)", ("µs",), (cost.process,), by_hand, (steps.ours(),))
    yield Layer(CALLERS, "PostgreSQL, all its processes (CPU)", ("µs",), (cost.server,), by_hand, (steps.server(),))
    yield Layer(CALLERS, "in all (wall)", ("µs",), (cost.wall,), by_hand, (steps.wall(),))


def _http(ground: Ground, rounds: int) -> Iterator[Layer]:
    """Yield what a request costs by the wall's clock while one worker is kept busy."""
    with psycopg.connect(ground.postgres.dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE http")
    # The week of the present may be the one whose bets were placed by hand: it gets a database of its own.
    dsn = make_conninfo(ground.postgres.dsn, dbname="http")
    prepare(dsn)
    settings = Settings(data=ground.folder / "service", token_minutes=120)
    week = open_week(settings, dsn, players=web.PLAYERS)
    with (
        web.serving(settings.data, dsn) as ports,
        web.server(BARE, os.environ) as bare,
        load(tokens=week.tokens, bets=week.bets) as clients,
    ):
        costs: dict[int, list[float]] = {port: [] for port in (ports.ours, ports.constant, bare)}
        for number in range(rounds + 1):
            for port, found in costs.items():
                rate = clients.closed(port, connections=web.CONNECTIONS, seconds=2).rate
                # In the first round tokens are checked and accounts read for the first time.
                if number:
                    found.append(1e6 / rate)
        ours, constant, limit = (median(found) for found in costs.values())
    yield Layer(HTTP, "our route, `POST /api/bets`", ("µs",), (ours,), web.CONSTANT, (constant,))
    yield Layer(HTTP, web.CONSTANT, ("µs",), (constant,), "a bare ASGI app under the same server", (limit,))
