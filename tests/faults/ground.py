"""What everything happens on: servers on hosts and disks of their own, the service, a week, and players."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import httpx
import msgspec
import psycopg
from nats.errors import Error as NatsError

from fairpool.crowd import PASSWORD
from fairpool.sandbox.sandbox import Sandbox
from tests.faults.clocks import Clock
from tests.faults.games import Games
from tests.faults.nats_server import Nats
from tests.faults.players import Plan, Player
from tests.faults.postgres_server import Postgres
from tests.faults.processes import NeverHappened
from tests.faults.service import Service

PATIENCE_SECONDS: Final = 90.0
_POLL_SECONDS: Final = 0.05
_HEADS: Final = "SELECT log, position FROM heads"
# Sessions that last: those of a start, for migrations, are over at once.
_AT_WORK: Final = """
SELECT DISTINCT application_name FROM pg_stat_activity
 WHERE query_start > %s AND query_start > backend_start + interval '0.5 seconds'
"""
_UNSETTLED: Final = """
SELECT count(*) FROM events AS told
 WHERE topic = 'settlement.result_recorded' AND log = %s AND notification_id <= %s AND NOT EXISTS (
   SELECT FROM events AS done
    WHERE done.topic = 'settlement.completed' AND done.log = told.log
      AND done.originator_id = told.originator_id AND done.originator_version > told.originator_version)
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far things were at an instant of the database's clock: the ends of the logs, and of the feed's stream."""

    at: datetime
    heads: dict[str, int]
    sequence: int


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked of the service: players, of whom some are bold, and bets and newcomers a second."""

    players: int = 60
    bold: int = 6
    bets: float = 50.0
    newcomers: float = 0.3


@dataclass
class Ground:
    """The run's world. `clock` is the game's time, which processes may see otherwise; `journal` is the players'."""

    folder: Path
    seed: int
    size: Size
    week: str
    clock: Clock
    postgres: Postgres
    spare: Postgres
    nats: Nats
    sandbox: Sandbox
    service: Service
    games: Games
    journal: Path
    players: list[Player]
    _load: subprocess.Popen[bytes] | None = None

    def begin_load(self) -> None:
        """Have games come and players bet, from now on."""
        self.games.start()
        plan = Plan(
            urls=self.service.urls,
            players=self.players,
            week=self.week,
            rate=self.size.bets,
            bold=self.size.bold,
            newcomers=self.size.newcomers,
            ahead=self.clock.ahead,
            seed=self.seed,
            journal=str(self.journal),
        )
        path = self.folder / "plan.json"
        path.write_bytes(msgspec.json.encode(plan))
        with (self.folder / "players.log").open("wb") as log:
            command = [sys.executable, "-m", "tests.faults.players", str(path)]
            self._load = subprocess.Popen(command, stdout=log, stderr=log)

    def end_load(self) -> None:
        """Have the players bring to an end what they asked for, and the games be played out."""
        assert self._load is not None
        self._load.send_signal(signal.SIGTERM)
        code = self._load.wait(PATIENCE_SECONDS)
        assert code == 0, (self.folder / "players.log").read_text()
        self.games.end()

    def move_clocks(self, *, to: datetime) -> None:
        """Have it be some time of the game's, for everybody."""
        ahead = self.clock.ahead + (to - self.clock()).total_seconds()
        for clock in (self.clock, *(process.clock for process in self.service.everybody)):
            clock.set(ahead)
        self.postgres.set_ledger_clock(ahead)

    def has(self, topic: str) -> bool:
        """Say whether something has happened in the week, if the database can be asked now."""
        with suppress(psycopg.OperationalError):
            query = "SELECT count(*) FROM events WHERE log = %s AND topic = %s"
            return bool(self.postgres.ask(query, self.week, topic)[0][0])
        return False

    def token(self, player: Player) -> str:
        """Log a player in, at an API that lives."""
        body = {"email": player.email, "password": PASSWORD}
        answer = httpx.post(f"{self.service.urls[1]}/api/auth/login", json=body, timeout=60, trust_env=False)
        token: str = answer.raise_for_status().json()["token"]
        return token

    def await_whole(self, *, what: str) -> tuple[float, str]:
        """Wait until all of the service works, and has done all that there was to do when this was called.

        Return how many seconds that took, and what was waited for last; raises NeverHappened.
        """
        began, mark, lack = time.monotonic(), None, "nothing"
        while True:
            with suppress(psycopg.OperationalError, NatsError, TimeoutError):
                mark = mark or self._mark()
                lacking = self._lacking(mark)
                if lacking is None:
                    return time.monotonic() - began, lack
                lack = lacking
            if time.monotonic() - began > PATIENCE_SECONDS:
                raise NeverHappened(f"whole again after {what}: not within {PATIENCE_SECONDS:g} s, for want of {lack}")
            time.sleep(_POLL_SECONDS)

    def _mark(self) -> Mark:
        [(now,)] = self.postgres.ask("SELECT clock_timestamp()")
        return Mark(now, dict(self.postgres.ask(_HEADS)), self.games.last_sequence())

    def _lacking(self, mark: Mark) -> str | None:
        """Return what does not work, or has not come to where things were; None where nothing is lacking."""
        if not self.service.is_ready():
            return "the APIs"
        at_work = {name for (name,) in self.postgres.ask(_AT_WORK, mark.at)}
        for name in self.service.workers:
            if name not in at_work:
                return name
        if self.games.taken_to() < mark.sequence:
            return "the feed"
        [(unsettled,)] = self.postgres.ask(_UNSETTLED, self.week, mark.heads[self.week])
        if unsettled:
            return "settlement"
        positions = self.postgres.ask("SELECT log, min(position) FROM projection_positions GROUP BY log")
        return "projections" if any(position < mark.heads.get(log, 0) for log, position in positions) else None
