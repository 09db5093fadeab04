"""`POST /api/bets` over HTTP: `fairpool api` as it runs in production, beside a constant answer and the plan's SQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fairpool.settings import Settings
from tests.benchmarks.figures import Figure, Ground, Round, Sample
from tests.benchmarks.load import ROOT, Load, Measured, load
from tests.benchmarks.open_week import open_week
from tests.benchmarks.peers import plan_api

BETS: Final = "POST /api/bets over HTTP, authenticated, one worker, 32 connections"
CONSTANT: Final = "the same framework, authentication and body, answering a constant"
PLAN: Final = "the plan's SQL behind FastAPI and a psycopg pool"
FIGURES: Final = (
    Figure(id="3", work=BETS, peer=CONSTANT, unit="bets/s", reach=0.65, dream=0.8),
    Figure(id="4", work=BETS, peer=PLAN, unit="bets/s", reach=2.8, dream=4),
    Figure(
        id="5",
        work="p99 of bets over HTTP, open loop at half of the peer's peak",
        peer=f"{PLAN}, at the same rate",
        unit="ms",
        reach=1,
        dream=0.5,
        at_least=False,
    ),
)
CONNECTIONS: Final = 32
# So many that nobody meets the limit of bets that one player may place in ten seconds.
PLAYERS: Final = 2_500
NO_NATS: Final = "nats://127.0.0.1:1"
OURS: Final = ("fairpool", "api")
PEERS: Final = ("tests.benchmarks.peers.constant", "tests.benchmarks.peers.plan_api")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers under load listen."""

    ours: int
    constant: int
    plan: int


@contextmanager
def rounds(ground: Ground) -> Iterator[Round]:
    """Open a week, start our API and its peers, and warm them up."""
    settings, dsn = Settings(data=ground.folder / "service", token_minutes=120), ground.postgres.dsn
    week = open_week(settings, dsn, players=PLAYERS)
    plan_api.fill(dsn, week=week.week)
    with serving(settings.data, dsn) as ports, load(tokens=week.tokens, bets=week.bets) as clients:
        measuring = _Measuring(clients, ports, seconds=3 if ground.quick else 5)
        measuring.warm_up()
        yield measuring.measure


@contextmanager
def serving(data: Path, dsn: str) -> Iterator[Ports]:
    """Run our API and its peers, each a process of one worker, for as long as the block runs."""
    environment = os.environ | {
        "DATABASE_URL": dsn,
        "NATS_URL": NO_NATS,
        "FAIRPOOL_DATA": str(data),
        "FAIRPOOL_API_PORT": "0",
        "FAIRPOOL_TOKEN_MINUTES": "120",
    }
    with ExitStack() as running:
        commands = [OURS, *((peer,) for peer in PEERS)]
        yield Ports(*(running.enter_context(server(command, environment)) for command in commands))


@contextmanager
def server(command: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[int]:
    """Run a program that tells where it listens, and give the port."""
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = process.stdout.readline()
            yield int(told.rpartition(":")[2])
        finally:
            process.terminate()


class _Measuring:
    """Loads the servers one after another; every bet that was answered counts once."""

    def __init__(self, clients: Load, ports: Ports, *, seconds: float) -> None:
        self._clients = clients
        self._ports = ports
        self._seconds = seconds
        self._rounds = 0

    def warm_up(self) -> None:
        """Have every token checked, every entry looked up and every account read, as in a service that runs."""
        for port in (self._ports.ours, self._ports.constant, self._ports.plan):
            answers = 0
            while answers < 2 * PLAYERS:
                answers += self._clients.closed(port, connections=CONNECTIONS, seconds=0.5).answers

    def measure(self) -> dict[str, Sample]:
        """Measure all figures; ours comes between its peers, and in turns before and behind each."""
        self._rounds += 1
        order = (self._ports.constant, self._ports.ours, self._ports.plan)
        peaks = {port: self._peak(port).rate for port in order[:: -1 if self._rounds % 2 else 1]}
        ours, theirs = peaks[self._ports.ours], peaks[self._ports.plan]
        pair = (self._ports.ours, self._ports.plan)
        p99 = {port: self._at(theirs / 2, port).p99 for port in pair[:: -1 if self._rounds % 2 else 1]}
        return {
            "3": Sample(ours, peaks[self._ports.constant]),
            "4": Sample(ours, theirs),
            "5": Sample(p99[self._ports.ours], p99[self._ports.plan]),
        }

    def _peak(self, port: int) -> Measured:
        return self._checked(port, self._clients.closed(port, connections=CONNECTIONS, seconds=self._seconds))

    def _at(self, rate: float, port: int) -> Measured:
        measured = self._clients.open(port, connections=CONNECTIONS, seconds=2 * self._seconds, rate=rate)
        return self._checked(port, measured)

    def _checked(self, port: int, measured: Measured) -> Measured:
        """Return it; raises AssertionError where a bet was answered that was none of its own."""
        assert port == self._ports.constant or measured.bets == measured.answers
        return measured
