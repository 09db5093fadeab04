"""`fairpool up`: the whole service in one process, with embedded servers unless others are configured."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from fairpool import loop
from fairpool.clocks import HandClock, system_clock
from fairpool.commands.roles import stopped
from fairpool.core import Core, core, feed_consumer, ledger_stream, payments
from fairpool.crowd import crowd
from fairpool.demo import Plan, plan
from fairpool.play import Play
from fairpool.sample import nfl_week
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.standing_in import point_at, standing_in
from fairpool.servers import Addresses, servers
from fairpool.settings import Settings
from fairpool.web import serving
from ledger import drawing
from ledger.rules import Rules
from ledger.weeks import ends_at, starts_at

SAMPLE_PLAYERS: Final = 24
SAMPLE_BETS: Final = 96
# The sample opens on Wednesday noon, New York: everything is quoted, nothing has started.
SAMPLE_OPENS: Final = timedelta(days=2, hours=12)


def up(
    context: typer.Context,
    sample: Annotated[
        bool, typer.Option(help="Open a real NFL week of 2024 with simulated players, on a clock moved over the API.")
    ] = False,
    sandbox: Annotated[
        bool, typer.Option(help="Sell passes and buy-backs, and pay prizes, at a small Stripe where nothing is real.")
    ] = False,
    port: Annotated[int | None, typer.Option(help="Port of the API; 0 takes a free one.")] = None,
) -> None:
    """Run everything here until Ctrl-C: embedded Postgres and NATS unless configured, API and workers."""
    settings: Settings = context.obj if port is None else context.obj.model_copy(update={"api_port": port})
    with servers(settings) as addresses:
        if sample and sandbox:
            raise typer.BadParameter("the sample week is free: choose --sample or --sandbox")
        if sample:
            _up_with_sample(settings, addresses)
        elif sandbox:
            with standing_in(settings, system_clock) as (selling, provider):
                _up(selling, addresses, provider)
        else:
            _up(settings, addresses)
    typer.echo("stopped")


def _up(settings: Settings, addresses: Addresses, sandbox: Sandbox | None = None) -> None:
    async def run(built: Core) -> None:
        async with (
            feed_consumer(built, addresses.nats_url),
            ledger_stream(built, addresses.nats_url),
            payments(built, works=True),
            serving(built) as url,
        ):
            _greet(url, None)
            if sandbox is not None:
                point_at(sandbox, url)
                typer.echo(f"sandbox   {sandbox.base_url}, in Stripe's place")
            await stopped(built)

    with core(settings, addresses.dsn) as built:
        built.start("projections", built.projections.run)
        built.start("settler", built.settler.run)
        built.start("clock", built.deadlines.run)
        built.start("notary", built.notary.run)
        loop.run(run(built))


def _up_with_sample(settings: Settings, addresses: Addresses) -> None:
    chosen = plan(nfl_week(), players=SAMPLE_PLAYERS, bets=SAMPLE_BETS, seed=1)
    clock = HandClock(starts_at(chosen.week) - timedelta(hours=1))
    settings = settings.model_copy(update={"opens_weeks": False, "confirm_signup": False})
    with core(settings, addresses.dsn, clock=clock) as built:
        built.start("projections", built.projections.run)
        built.start("notary", built.notary.run)
        loop.run(_run_sample(built, addresses.nats_url, chosen, clock))


async def _run_sample(built: Core, nats_url: str, chosen: Plan, clock: HandClock) -> None:
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
            _greet(url, stage.now(), ends=ends_at(chosen.week), week=chosen.week)
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
            await stage.react()
    except Exception as error:
        built.die(error)


def _greet(url: str, now: datetime | None, *, ends: datetime | None = None, week: str = "") -> None:
    typer.echo(f"API       {url}/api")
    typer.echo(f"OpenAPI   {url}/api/openapi.json")
    typer.echo(f"health    {url}/healthz  {url}/readyz")
    if now is not None:
        typer.echo(f"week      {week}, open for bets; it ends at {ends}")
        typer.echo(f"clock     stands at {now}; move it with POST {url}/api/test-clock")
        typer.echo("players   player1@example.com … with the password `a long enough password`")
    typer.echo("stop with Ctrl-C")
