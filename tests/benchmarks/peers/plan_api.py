"""The plan's SQL behind FastAPI and a pool of psycopg: `python -m tests.benchmarks.peers.plan_api`.

A bet is the plan's two statements, as in `plan_stake.pgbench`: credits are taken and the bet is inserted, in one
transaction. Tuned as its users would: asynchronous, prepared, and of pools with 4, 8 and 16 connections the size that
was quickest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID, uuid5

import psycopg
from fastapi import FastAPI, Header, HTTPException
from psycopg.rows import class_row
from psycopg_pool import AsyncConnectionPool
from pydantic import BaseModel

from api.http.openapi import SILENT
from api.identity.principal import AsPlayer
from api.placing import PlaceBet
from ledger.sql import queries
from tests.benchmarks.peers.serving import environment, serve

POOL_SIZE: Final = 16


class Placed(BaseModel):
    """A bet as the plan answers it: all that ours says, but a position in a log."""

    bet_id: UUID
    status: Literal["placed"]
    remaining_credits: int
    potential_payout: int
    stake: int
    price: int
    line: str | None
    outcome: str
    market: str
    market_id: UUID
    game_id: UUID
    odds_id: UUID
    week: str
    placed_at: datetime


def fill(dsn: str, *, week: str) -> None:
    """Make the plan's tables, with the players of a week and what is on offer in it."""
    sql = queries("tests.benchmarks.peers", "plan_api.sql")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql["schema"])
        connection.execute(sql["take_members"], {"week": week})
        connection.execute(sql["take_odds"], {"week": week})
        connection.execute("VACUUM ANALYZE plan_api.pool_members, plan_api.odds")


def plan_app(dsn: str) -> FastAPI:
    """Return an app that places bets as the plan would."""
    sql = queries("tests.benchmarks.peers", "plan_api.sql")
    pool = AsyncConnectionPool(
        dsn,
        open=False,
        min_size=POOL_SIZE,
        max_size=POOL_SIZE,
        kwargs={"prepare_threshold": 0},
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with pool:
            yield

    app = FastAPI(lifespan=lifespan, telemetry=SILENT)

    @app.post("/api/bets", status_code=201)
    async def place_bet(
        body: PlaceBet, player: AsPlayer, idempotency_key: Annotated[str, Header(max_length=200)]
    ) -> Placed:
        bet = {**body.model_dump(), "user_id": player.id, "bet_id": uuid5(player.id, idempotency_key)}
        # Whatever is raised in here takes the credits back.
        async with pool.connection() as connection:
            taken = await (await connection.execute(sql["take_credits"], bet)).fetchone()
            if taken is None:
                raise HTTPException(409, "The quote has changed, or the credits do not suffice.")
            cursor = connection.cursor(row_factory=class_row(Placed))
            placed = await (await cursor.execute(sql["insert_bet"], {**bet, "credits": taken[0]})).fetchone()
            if placed is None:
                raise HTTPException(409, "The quote has changed.")
        return placed

    return app


def main() -> None:
    """Serve it."""
    settings, dsn = environment()
    serve(plan_app(dsn), settings, dsn=dsn)


if __name__ == "__main__":
    main()
