"""Projections are made anew while players go on betting at two API processes, and nobody notices."""

from __future__ import annotations

import logging
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from fairpool.clocks import system_clock
from fairpool.core import Core, core
from fairpool.settings import Settings
from ledger import drawing, listing
from ledger.ids import game_id, market_id
from ledger.rules import Rules
from ledger.weeks import ends_at, starts_at, week_at
from projections.catalogue import projections
from projections.replays import verify
from tests.journeys.betting import Bettor, betting
from tests.journeys.conftest import LENIENT
from tests.journeys.program import environment

BETTORS = 6
_log = logging.getLogger(__name__)
FLIPPED = re.compile(r"(\w+): generation (\d+), \d+ facts in .* no row differs, flipped in (\d+) ms")


def test_nobody_notices_a_rebuild(dsn: str, nats_url: str, tmp_path: Path) -> None:
    """All projections are rebuilt under steady betting: no request fails, no row differs, own writes are read."""
    configured = environment() | LENIENT | _secrets() | {"DATABASE_URL": dsn, "NATS_URL": nats_url}
    with core(Settings(data=tmp_path), dsn) as built, _api(configured) as one, _api(configured) as other:
        built.start_projections()
        week, pick = _open_for_bets(built)
        bettors = [Bettor(url, name=f"p{n}", week=week) for n, url in enumerate([one, other] * (BETTORS // 2))]
        with betting(bettors, pick):
            rebuilt = _run(configured, "projections", "rebuild")
            rolled_back = _run(configured, "projections", "rollback", "leaderboard")
        assert [wrong for bettor in bettors for wrong in bettor.told.wrong] == []
        assert min(bettor.told.answers for bettor in bettors) > 0
        flips = FLIPPED.findall(rebuilt)
        assert [(name, generation) for name, generation, _ in flips] == [(each.name, "2") for each in projections()]
        assert [(name, generation) for name, generation, _ in FLIPPED.findall(rolled_back)] == [("leaderboard", "1")]
        assert verify(built.ledger.datastore) == []
    slowest = {what: max(max(each.told.took[what]) for each in bettors) for what in bettors[0].told.took}
    _log.info("%d answers; slowest, in s: %s\n%s", sum(each.told.answers for each in bettors), slowest, rebuilt)


def _open_for_bets(built: Core) -> tuple[str, dict[str, str]]:
    """Open and draw the week that it is, with one game at its very end; returns it and an outcome on offer."""
    now = system_clock()
    week = week_at(now)
    if ends_at(week) - now < timedelta(minutes=5):
        pytest.fail("the week is about to end, and with it all betting: run it again in five minutes")
    origin = {"actor": "operator:test", "request": "test"}
    drawing.open_week(built.ledger, week=week, rules=Rules(late_entry=True), **origin)
    drawing.draw(built.ledger, week=week, **origin)
    return week, _offer(built, week, now, origin)


def _offer(built: Core, week: str, now: datetime, origin: dict[str, str]) -> dict[str, str]:
    game = game_id(week, "test", "g1")
    listing.schedule(
        built.ledger,
        week=week,
        game_id=game,
        external_id="g1",
        league="NFL",
        home="BAL",
        away="CIN",
        starts_at=ends_at(week) - timedelta(seconds=1),
        source="test",
        **origin,
    ).result()
    [quoted] = listing.quote(
        built.ledger,
        week=week,
        game_id=game,
        market="moneyline",
        line=None,
        prices={"home": -250, "away": 205},
        source="test",
        at=max(now, starts_at(week)),
        **origin,
    ).result()
    odds = str(quoted.event.odds_id)  # type: ignore[attr-defined]
    return {"market_id": str(market_id(game, "moneyline")), "odds_id": odds, "outcome": "away"}


def _secrets() -> dict[str, str]:
    names = ("FAIRPOOL_SEED_MASTER", "FAIRPOOL_TOKEN_KEY", "FAIRPOOL_PEOPLE_KEY", "FAIRPOOL_LOG_KEY")
    return {"FAIRPOOL_API_PORT": "0", **{name: secrets.token_hex(32) for name in names}}


@contextmanager
def _api(configured: dict[str, str]) -> Iterator[str]:
    """Run an API process; gives its URL once it is ready."""
    command = [sys.executable, "-m", "fairpool", "api"]
    process = subprocess.Popen(command, env=configured, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().removeprefix("listening on ").strip()
        assert httpx.get(f"{url}/healthz", timeout=60, trust_env=False).is_success
        yield url
        process.terminate()
        process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0


def _run(configured: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "fairpool", *arguments],
        env=configured,
        capture_output=True,
        timeout=240,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
