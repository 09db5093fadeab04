"""What the work on a log takes at its peak, by the size of the log: settlement, replay, export, rebuild."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from ledger import settling
from ledger.events import ResultRecorded, SettlementCompleted
from ledger.settlement import Word
from tests.benchmarks.figures import Ground
from tests.benchmarks.filled_log import FilledLog, fill_log, open_ledger, prepare
from tests.benchmarks.running import Failed, environment, peak_mb, peak_of, running
from tests.examples import SOURCE, at

# Each round settles one.
GAMES: Final = 8
WEEK: Final = "2099-W20"
BETS_AN_ACCOUNT: Final = 47
_EVENTS_AN_ACCOUNT: Final = BETS_AN_ACCOUNT + 3
_SETTLES_SECONDS: Final = 300
_UNSETTLED: Final = """
SELECT coalesce(sum(CASE topic WHEN 'settlement.completed' THEN -1 ELSE 1 END), 0) FROM events
WHERE log = %(log)s AND topic = ANY (%(topics)s)"""
_BEHIND: Final = """
SELECT count(*) FROM projection_positions p JOIN heads h USING (log)
WHERE p.position < h.position AND p.name IN (SELECT label FROM projection_generations WHERE state = 'live')"""


@dataclass(frozen=True, slots=True)
class Peaks:
    """The largest resident set, in MB, of the process of each piece of work that had most."""

    rebuild: float
    replay: float
    export: float
    settlement: float


class SizedLog:
    """A log of about so many events in a database of its own: accounts grow in number with it, as they do in weeks."""

    def __init__(self, ground: Ground, *, events: int) -> None:
        self._folder = ground.folder / f"log-{events}"
        with psycopg.connect(ground.postgres.dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE events_{events}")
        self._dsn = make_conninfo(ground.postgres.dsn, dbname=f"events_{events}")
        self._environment = environment(self._folder, self._dsn)
        self._log = self._filled(events)
        self._games = iter(dict.fromkeys(offer.game_id for offer in self._log.offers))

    def _filled(self, events: int) -> FilledLog:
        prepare(self._dsn)
        return fill_log(self._dsn, accounts=events // _EVENTS_AN_ACCOUNT, bets=BETS_AN_ACCOUNT, week=WEEK, games=GAMES)

    def measure(self) -> Peaks:
        """Rebuild the projections, which brings them to the log's end, settle a game, and audit what came of it."""
        rebuild = peak_of("projections", "rebuild", on=self._environment)
        settlement = self._settle()
        replay = peak_of("audit", "replay", WEEK, on=self._environment)
        return Peaks(rebuild, replay, self._export(self._folder / "export"), settlement)

    def _settle(self) -> float:
        """Let a settler settle the next game, beside a process that keeps the projections up."""
        with running("project", on=self._environment), running("settle", on=self._environment) as settler:
            self._record_result()
            until = time.monotonic() + _SETTLES_SECONDS
            while not self._is_settled() or self._lags():
                if settler.poll() is not None or time.monotonic() > until:
                    raise Failed("the settler did not settle")
                time.sleep(0.2)
            return peak_mb(settler.pid)

    def _record_result(self) -> None:
        ledger = open_ledger(self._dsn, since=at("Sun 16:30", week=WEEK))
        word = Word(next(self._games), SOURCE, "final", revision=1, home_score=20, away_score=27)
        try:
            settling.record_result(ledger, week=WEEK, word=word, actor="feed", request=f"{word.game_id}/1").result()
        finally:
            ledger.close()

    def _is_settled(self) -> bool:
        """Say whether each result has been settled, as of the log."""
        return self._number(_UNSETTLED, log=WEEK, topics=[ResultRecorded.TOPIC, SettlementCompleted.TOPIC]) == 0

    def _lags(self) -> bool:
        return self._number(_BEHIND) > 0

    def _number(self, query: str, **parameters: object) -> int:
        with psycopg.connect(self._dsn) as connection:
            [(number,)] = connection.execute(query, parameters).fetchall()
        return int(number)

    def _export(self, out: Path) -> float:
        peak = peak_of("audit", "export", WEEK, "--format", "all", "--out", f"{out}/", on=self._environment)
        shutil.rmtree(out)
        return peak
