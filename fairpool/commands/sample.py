"""`fairpool up --sample`: a week of the sample, with simulated players, on a clock that is moved over the API."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

import typer

from fairpool import loop
from fairpool.clocks import HandClock
from fairpool.commands.roles import stopped
from fairpool.commands.up import greet
from fairpool.core import Core, core
from fairpool.crowd import crowd
from fairpool.plan import Plan, plan
from fairpool.play import Play, mark_simulated
from fairpool.sample import nfl_week
from fairpool.servers import Addresses
from fairpool.settings import Settings
from fairpool.stopping import Signals
from fairpool.streams import feed_consumer, ledger_stream
from fairpool.web import serving
from ledger import drawing
from ledger.aggregate import LedgerError
from ledger.datastore import OUTAGES
from ledger.rules import Rules
from ledger.weeks import ends_at, starts_at

SAMPLE_PLAYERS: Final = 24
SAMPLE_BETS: Final = 96
_log = logging.getLogger(__name__)
# The sample opens on Wednesday noon, New York: everything is quoted, nothing has started.
SAMPLE_OPENS: Final = timedelta(days=2, hours=12)


def up_with_sample(settings: Settings, addresses: Addresses, signals: Signals) -> None:
    """Run everything in one process until it is stopped; a week that was opened before goes on."""
    chosen = plan(nfl_week(), players=SAMPLE_PLAYERS, bets=SAMPLE_BETS, seed=1)
    clock = HandClock(starts_at(chosen.week) - timedelta(hours=1))
    settings = settings.model_copy(update={"opens_weeks": False, "confirm_signup": False})
    with core(settings, addresses.dsn, clock=clock) as built:
        mark_simulated(built)
        built.start_projections()
        built.start("watch", built.watch.run)
        built.start("notary", built.notary.run)
        loop.run(_run_sample(built, addresses.nats_url, chosen, clock, signals))


async def _run_sample(built: Core, nats_url: str, chosen: Plan, clock: HandClock, signals: Signals) -> None:
    is_new = chosen.week not in built.ledger.weeks()
    if not is_new:
        recorded_at = built.ledger.recorder(chosen.week).head().recorded_at
        clock.set(max(clock(), recorded_at or clock()))
    async with feed_consumer(built, nats_url) as (publisher, consumer), ledger_stream(built, nats_url):
        stage = Play(built, clock=clock, lines=chosen.lines, publisher=publisher, consumer=consumer)
        async with serving(built, test_clock=stage) as url:
            if is_new:
                await _open_sample(built, stage, url, chosen)
            living = asyncio.create_task(_live(built, stage), name="simulated time")
            signals.stop(built.stop)
            greet(url, stage.now(), ends=ends_at(chosen.week), week=chosen.week)
            await stopped(built)
            living.cancel()
            await asyncio.gather(living, return_exceptions=True)


async def _open_sample(built: Core, stage: Play, url: str, chosen: Plan) -> None:
    """Open the sample week, enrol simulated players, draw, and let them bet."""
    typer.echo(f"opening the sample week {chosen.week} with {chosen.players} simulated players …")
    # Who signs up at the sample comes after its draw, and wants to play.
    rules = Rules(late_entry=True)
    await asyncio.to_thread(
        drawing.open_week, built.ledger, week=chosen.week, rules=rules, actor="operator:sample", request="sample"
    )
    async with crowd(url, size=chosen.players, seed=chosen.seed) as players:
        await players.sign_up()
        await players.enrol(chosen.week)
        await stage.advance(starts_at(chosen.week) + SAMPLE_OPENS)
        await players.bet(count=chosen.bets, picks=await players.picks(chosen.days), grant=rules.grant)


async def _live(built: Core, stage: Play) -> None:
    """React to what comes while the clock stands still; a failure here ends the service."""
    try:
        while True:
            await asyncio.sleep(0.5)
            try:
                await stage.react()
            except (LedgerError, *OUTAGES) as error:
                _log.warning("simulated time waits: %s", error)
    except Exception as error:
        built.die(error)
