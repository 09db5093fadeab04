"""The week's end: it closes, becomes final, and prizes are claimed and paid, while processes are killed all along."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Final

import httpx

from ledger.weeks import ends_at
from tests.faults.ground import PATIENCE_SECONDS, Ground
from tests.faults.kills import storm
from tests.faults.processes import wait_until
from tests.faults.rounds import Fault

KILLS: Final = 6
_WINNERS: Final = "SELECT originator_id FROM events WHERE topic = 'account.prize_awarded'"
# The window for corrections closes at the latest so long behind the week's end.
_FINAL_AFTER: Final = timedelta(hours=80)


def fault() -> Fault:
    """Return the end of the week, in which everything is killed again and again."""
    return Fault("the week ends amid kills", _end_week)


def _end_week(ground: Ground, chance: random.Random) -> int:
    kill = storm(KILLS)
    ground.move_clocks(to=ends_at(ground.week))
    kill(ground, chance)
    wait_until(lambda: ground.has("week.closed"), what="the week closes", seconds=PATIENCE_SECONDS)
    ground.move_clocks(to=ends_at(ground.week) + _FINAL_AFTER)
    kill(ground, chance)
    wait_until(lambda: ground.has("week.finalised"), what="the week is final", seconds=PATIENCE_SECONDS)
    winners = [entry for (entry,) in ground.postgres.ask(_WINNERS)]
    ground.await_whole(what="the final table")
    claim_prizes(ground)
    kill(ground, chance)
    wait_until(lambda: _paid(ground) >= len(winners), what="the prizes are paid", seconds=PATIENCE_SECONDS)
    return 3 * KILLS


def claim_prizes(ground: Ground) -> None:
    """Have every winner say where to pay."""
    with httpx.Client(base_url=ground.service.urls[1], timeout=60, trust_env=False) as client:
        for player in ground.players:
            me = {"Authorization": f"Bearer {ground.token(player)}"}
            if client.get("/api/me/prizes", headers=me).raise_for_status().json()["data"]:
                page = client.post("/api/me/payout-account", json={}, headers=me).raise_for_status().json()["url"]
                httpx.post(page, timeout=60, trust_env=False)


def _paid(ground: Ground) -> int:
    """Return how many prizes the ledger says have been paid."""
    [(paid,)] = ground.postgres.ask("SELECT count(*) FROM events WHERE topic = 'payment.prize_paid'")
    return int(paid)
