"""The plan's own SQL, driven by pgbench: the credits taken and the bet inserted, in one transaction."""

from __future__ import annotations

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import Connection

from fairpool.embedded_postgres import PACKAGE, PROGRAMS
from ledger.sql import queries

SCRIPT: Final = Path(__file__).with_name("plan_stake.pgbench")
_TPS: Final = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def make_tables(connection: Connection[Any]) -> None:
    """Make the plan's tables, which are the same for stakes and for settlement."""
    connection.execute(queries("tests.benchmarks.peers", "plan.sql")["schema"])


class PlanStakes:
    """Places stakes as the plan would, with prepared statements, by so many clients as are asked for."""

    def __init__(self, dsn: str, *, members: int, bets: int) -> None:
        self._dsn = dsn
        self._members = members
        sql = queries("tests.benchmarks.peers", "plan.sql")
        with psycopg.connect(dsn, autocommit=True) as connection:
            make_tables(connection)
            connection.execute(sql["take_members"], {"members": members})
            connection.execute(sql["take_bets"], {"members": members, "bets": bets})
            connection.execute("VACUUM ANALYZE plan.pool_members, plan.bets")

    def rate(self, *, clients: int, seconds: int) -> float:
        """Return the stakes per second that so many clients place."""
        command = [
            str(_pgbench()),
            *("--no-vacuum", "--protocol=prepared", f"--define=members={self._members}"),
            *(f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={seconds}"),
            f"--file={SCRIPT}",
            self._dsn,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = _TPS.search(done.stdout)
        if found is None:
            raise ValueError(f"pgbench told no rate: {done.stdout}{done.stderr}")
        return float(found[1])


def _pgbench() -> Path:
    """Where pgbench is: beside the embedded server's other programs."""
    spec = find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent / PROGRAMS / "pgbench"
