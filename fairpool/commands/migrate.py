"""`fairpool migrate`."""

from __future__ import annotations

import typer

from fairpool.schema import all_migrations
from fairpool.servers import database
from ledger.migrate import migrate


def migrate_database(context: typer.Context) -> None:
    """Bring the database to this release's schema."""
    with database(context.obj) as addresses:
        for name in migrate(addresses.dsn, all_migrations()) or ["nothing to do"]:
            typer.echo(name)
