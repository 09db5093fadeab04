"""The stock `eventsourcing` application on its stock PostgreSQL recorder: an aggregate an account, a save a stake."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from psycopg.conninfo import conninfo_to_dict

THREADS: Final = 8
_ACCOUNTS_A_SAVE: Final = 500


class StockAccount(Aggregate):
    """An account as the library's users would write it."""

    @event("Opened")
    def __init__(self, *, credits: int) -> None:
        self.available = credits

    @event("StakePlaced")
    def place(
        self,
        *,
        bet_id: UUID,
        game_id: UUID,
        market_id: UUID,
        odds_id: UUID,
        market: str,
        outcome: str,
        line: str | None,
        price: int,
        stake: int,
        potential_payout: int,
    ) -> None:
        """Take the stake; raises ValueError where there is too little."""
        if stake > self.available:
            raise ValueError("insufficient credits")
        self.available -= stake


class StockStakes:
    """Places stakes through the library's application, by threads, all accounts in its cache."""

    def __init__(self, dsn: str, *, accounts: int) -> None:
        parts = conninfo_to_dict(dsn)
        self._app = Application[UUID](
            env={
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": str(parts["dbname"]),
                "POSTGRES_HOST": str(parts["host"]),
                "POSTGRES_PORT": str(parts["port"]),
                "POSTGRES_USER": str(parts["user"]),
                "POSTGRES_PASSWORD": str(parts["password"]),
                "POSTGRES_POOL_SIZE": str(THREADS),
                # One process writes, so what is cached is never old: it need not ask the database each time.
                "AGGREGATE_CACHE_MAXSIZE": str(2 * accounts),
                "AGGREGATE_CACHE_FASTFORWARD": "n",
            }
        )
        opened = [StockAccount(credits=10**9) for _ in range(accounts)]
        for start in range(0, accounts, _ACCOUNTS_A_SAVE):
            self._app.save(*opened[start : start + _ACCOUNTS_A_SAVE])
        self._accounts = [account.id for account in opened]

    def rate(self, *, seconds: float) -> float:
        """Return the stakes per second that all threads together place."""
        stop = threading.Event()
        began = time.perf_counter()
        with ThreadPoolExecutor(THREADS) as threads:
            placing = [threads.submit(self._place, stop, self._accounts, number) for number in range(THREADS)]
            stop.wait(seconds)
            stop.set()
            placed = sum(each.result() for each in placing)
        return placed / (time.perf_counter() - began)

    def close(self) -> None:
        """Give the connections back."""
        self._app.close()

    def _place(self, stop: threading.Event, accounts: Sequence[UUID], seed: int) -> int:
        chance, placed = random.Random(seed), 0
        game, market, odds = uuid4(), uuid4(), uuid4()
        while not stop.is_set():
            account: StockAccount = self._app.repository.get(chance.choice(accounts))
            stake = chance.randint(1, 50)
            account.place(
                bet_id=uuid4(),
                game_id=game,
                market_id=market,
                odds_id=odds,
                market="spread",
                outcome="home",
                line="-6.0",
                price=-110,
                stake=stake,
                potential_payout=stake * 210 // 110,
            )
            try:
                self._app.save(account)
            except IntegrityError:
                # Another thread was faster on this account; as its users would, the caller asks again.
                continue
            placed += 1
        return placed
