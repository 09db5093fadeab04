"""The plan's settlement: one transaction that updates the bets of a game and the credits of those who won.

The tables are those that stakes are placed in.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import psycopg

from ledger.sql import queries
from tests.benchmarks.peers.plan import make_tables


class PlanSettlement:
    """Settles the bets that our projections hold, in tables of the plan's own on the same server."""

    def __init__(self, dsn: str) -> None:
        self._sql = queries("tests.benchmarks.peers", "plan_settlement.sql")
        self._connection = psycopg.connect(dsn, autocommit=True)
        make_tables(self._connection)
        self._connection.execute(self._sql["schema"])

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()

    def take(self, week: str) -> None:
        """Take over the bets and accounts of a week, none of which is settled, in the place of those of another."""
        # Of rows that have just come, the planner would know nothing yet.
        self._connection.execute("ANALYZE bets, accounts")
        self._connection.execute("TRUNCATE plan.bets, plan.pool_members")
        self._connection.execute(self._sql["take_members"], {"week": week})
        self._connection.execute(self._sql["take_bets"], {"week": week})
        self._connection.execute("VACUUM ANALYZE plan.bets, plan.pool_members")

    def settle(self, week: str, game_id: UUID, *, home: int, away: int) -> float:
        """Settle a game by its score, and return the bets per second."""
        game: dict[str, Any] = {"week": week, "game_id": game_id, "lead": home - away, "total": home + away}
        began = time.perf_counter()
        with self._connection.transaction():
            bets = self._connection.execute(self._sql["settle_bets"], game).rowcount
            self._connection.execute(self._sql["pay_members"], game)
        return bets / (time.perf_counter() - began)

    def credits(self) -> int:
        """The credits of all members."""
        [(credits,)] = self._connection.execute(self._sql["credits"])
        return int(credits)

    def credits_paid_by_us(self, week: str) -> int:
        """The credits of all accounts of a week, by our projection."""
        [(credits,)] = self._connection.execute(self._sql["credits_paid_by_us"], {"week": week})
        return int(credits)
