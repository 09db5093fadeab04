"""The same framework, authentication and body, answering a constant: `python -m tests.benchmarks.peers.constant`.

It is what FastAPI's users would write, with the settings of our app and none of our middleware.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from fastapi import FastAPI

from api.http.openapi import SILENT
from api.identity.principal import AsPlayer
from api.placing import PlaceBet, PlacedBet
from tests.benchmarks.peers.serving import environment, serve
from tests.examples import BET, GAME, SPREAD, WEEK

ODDS: Final = UUID(int=0x0DD5)


def constant_app() -> FastAPI:
    """Return an app that places no bet."""
    app = FastAPI(telemetry=SILENT)
    answer = PlacedBet.model_validate(
        {
            "bet_id": BET,
            "status": "placed",
            "remaining_credits": 999,
            "potential_payout": 2,
            "stake": 1,
            "price": -110,
            "line": "-6.0",
            "outcome": "home",
            "market": "spread",
            "market_id": SPREAD,
            "game_id": GAME,
            "odds_id": ODDS,
            "week": WEEK,
            "position": f"{WEEK}:5123",
            "placed_at": "2026-11-19T17:00:00.123456Z",
        }
    )

    @app.post("/api/bets", status_code=201)
    async def place_bet(body: PlaceBet, player: AsPlayer) -> PlacedBet:
        return answer

    return app


def main() -> None:
    """Serve it."""
    settings, dsn = environment()
    serve(constant_app(), settings, dsn=dsn)


if __name__ == "__main__":
    main()
