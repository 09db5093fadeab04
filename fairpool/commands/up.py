"""`fairpool up`: the whole service in one process, with embedded servers unless others are configured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import typer

from fairpool import loop
from fairpool.clocks import leave_simulated_time, system_clock
from fairpool.commands.roles import await_servers, stopped
from fairpool.core import Core, core, payments
from fairpool.servers import Addresses, servers
from fairpool.settings import Settings
from fairpool.stopping import Signals, heeding_signals
from fairpool.streams import feed_consumer, ledger_stream
from fairpool.web import serving


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
    with heeding_signals() as signals, servers(settings) as addresses:
        await_servers(settings, addresses, needs_nats=True)
        if sample and sandbox:
            raise typer.BadParameter("the sample week is free: choose --sample or --sandbox")
        if sample:
            # Its players bring an HTTP client, which the service itself does not wait for.
            from fairpool.commands.sample import up_with_sample

            up_with_sample(settings, addresses, signals)
        elif sandbox:
            _up_with_sandbox(settings, addresses, signals)
        else:
            _up(settings, addresses, signals)
        signals.ended()
    typer.echo("stopped")


def _up_with_sandbox(settings: Settings, addresses: Addresses, signals: Signals) -> None:
    # It brings Stripe's client, which a service that sells nothing does not wait for.
    from fairpool.sandbox.standing_in import point_at, standing_in

    with standing_in(settings, system_clock) as (selling, sandbox):

        def tell(url: str) -> None:
            point_at(sandbox, url)
            typer.echo(f"sandbox   {sandbox.base_url}, in Stripe's place")

        _up(selling, addresses, signals, tell)


def _up(
    settings: Settings, addresses: Addresses, signals: Signals, tell: Callable[[str], None] = lambda url: None
) -> None:
    async def run(built: Core) -> None:
        async with (
            feed_consumer(built, addresses.nats_url),
            ledger_stream(built, addresses.nats_url),
            payments(built, works=True),
            serving(built) as url,
        ):
            greet(url, None)
            tell(url)
            await stopped(built)

    leave_simulated_time(settings.data)
    with core(settings, addresses.dsn, clock=system_clock) as built:
        signals.stop(built.stop)
        built.start_projections()
        built.start("settler", built.settler.run)
        built.start_clock()
        built.start("notary", built.notary.run)
        loop.run(run(built))


def greet(url: str, now: datetime | None, *, ends: datetime | None = None, week: str = "") -> None:
    """Say where everything is; `now` is where the clock stands, if it is one that stands."""
    typer.echo(f"API       {url}/api")
    typer.echo(f"OpenAPI   {url}/api/openapi.json")
    typer.echo(f"health    {url}/healthz  {url}/readyz")
    if now is not None:
        typer.echo(f"week      {week}, open for bets; it ends at {ends}")
        typer.echo(f"clock     stands at {now}; move it with POST {url}/api/test-clock")
        typer.echo("players   player1@example.com … with the password `a long enough password`")
    typer.echo("stop with Ctrl-C")
