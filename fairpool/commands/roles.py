"""One role a process, for production: `api`, `project`, `feed`, `settle`, `clock`, `publish`, `pay`.

What only one role needs, that one imports: a settler starts without the web server, and the API without NATS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import typer

from fairpool import loop
from fairpool.commands.lazy import importing
from fairpool.core import Core, Died, core, payments
from fairpool.garbage import collect_rarely
from fairpool.servers import Addresses, database, stream
from fairpool.settings import Settings
from fairpool.stopping import heeding_signals
from fairpool.waiting import await_database, await_nats

Role = Callable[[Core, Addresses], Awaitable[None]]


def api(context: typer.Context) -> None:
    """Answer HTTP."""
    with importing():
        from fairpool.web import serving

    async def role(built: Core, _: Addresses) -> None:
        async with payments(built, works=False), serving(built) as url:
            typer.echo(f"listening on {url}")
            await stopped(built)

    _run(context, role)


def project(context: typer.Context) -> None:
    """Keep the projections up to date, and make the generations that are asked for."""

    async def role(built: Core, _: Addresses) -> None:
        built.start_projections()
        await stopped(built)

    _run(context, role)


def feed(context: typer.Context) -> None:
    """Take games, quotes and results from NATS."""
    from fairpool.streams import feed_consumer

    async def role(built: Core, _: Addresses) -> None:
        with stream(context.obj) as addresses:
            async with feed_consumer(built, addresses.nats_url):
                await stopped(built)

    _run(context, role, needs_nats=True)


def settle(context: typer.Context) -> None:
    """Settle games as their results come."""

    async def role(built: Core, _: Addresses) -> None:
        built.start("settler", built.settler.run)
        await stopped(built)

    _run(context, role)


def clock(context: typer.Context) -> None:
    """Do what falls due: draws, locks, closes, deadlines, finals; mind silent sources and vanished games."""

    async def role(built: Core, _: Addresses) -> None:
        built.start_clock()
        await stopped(built)

    _run(context, role)


def publish(context: typer.Context) -> None:
    """Sign checkpoints of the logs, and send events and checkpoints out on NATS."""
    from fairpool.streams import ledger_stream

    async def role(built: Core, _: Addresses) -> None:
        with stream(context.obj) as addresses:
            async with ledger_stream(built, addresses.nats_url):
                built.start("notary", built.notary.run)
                await stopped(built)

    _run(context, role, needs_nats=True)


def pay(context: typer.Context) -> None:
    """Follow up payments: give what was paid for, refund, enrol subscribers, pay prizes."""

    async def role(built: Core, _: Addresses) -> None:
        async with payments(built, works=True):
            await stopped(built)

    _run(context, role)


async def stopped(built: Core) -> None:
    """Wait until the service is to stop; raises Died where a part ended by itself."""
    while not built.stop.is_set():
        await asyncio.sleep(0.1)
    if built.died:
        raise Died("a part of the service ended") from built.died[0]


def await_servers(settings: Settings, addresses: Addresses, *, needs_nats: bool) -> None:
    """Wait for servers that start at the same time; raises ServerAway."""
    await_database(addresses.dsn, seconds=settings.startup_patience_seconds)
    if needs_nats and addresses.nats_url:
        await_nats(addresses.nats_url, seconds=settings.startup_patience_seconds)


def _run(context: typer.Context, role: Role, *, needs_nats: bool = False) -> None:
    with heeding_signals() as signals, database(context.obj) as addresses:
        await_servers(context.obj, addresses, needs_nats=needs_nats)
        with core(context.obj, addresses.dsn) as built:
            signals.stop(built.stop)
            collect_rarely()
            loop.run(_as_coroutine(role, built, addresses))
        signals.ended()


async def _as_coroutine(role: Role, built: Core, addresses: Addresses) -> None:
    await role(built, addresses)
