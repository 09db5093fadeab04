"""`fairpool migrate`."""

from __future__ import annotations

import typer

from fairpool.schema import all_migrations
from fairpool.servers import database
from fairpool.stopping import heeding_signals
from fairpool.waiting import await_database
from ledger.migrate import migrate


def migrate_database(context: typer.Context) -> None:
    """Bring the database to this release's schema."""
    with heeding_signals(), database(context.obj) as addresses:
        await_database(addresses.dsn, seconds=context.obj.startup_patience_seconds)
        for name in migrate(addresses.dsn, all_migrations()) or ["nothing to do"]:
            typer.echo(name)
