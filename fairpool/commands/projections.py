"""`fairpool projections`: where they stand, whether they are right, and making them anew."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fairpool.commands.output import print_json, print_table, progress_bar
from fairpool.core import core
from fairpool.servers import database
from projections import rebuild as rebuilding

Name = Annotated[str | None, typer.Argument(help="A projection; all by default.")]
Week = Annotated[str | None, typer.Option(help="A week; all by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Inspect, verify and rebuild the projections.", no_args_is_help=True)
    group.command("status")(status)
    group.command("verify")(verify)
    group.command("rebuild")(rebuild)
    return group


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show how far each projection has come in each log; exit code 1 if one is stopped."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        rows = built.projections.status()
    if as_json:
        print_json([asdict(row) | {"lag": row.lag} for row in rows])
    else:
        print_table(
            "projections",
            ["name", "week", "position", "head", "lag", "error"],
            [[row.name, row.log, row.position, row.head, row.lag, row.error or ""] for row in rows],
        )
    if any(row.error for row in rows):
        raise typer.Exit(1)


def verify(context: typer.Context, name: Name = None, week: Week = None) -> None:
    """Hold the rows against a replay of the log; silent when they agree, else exit code 1."""
    with (
        database(context.obj) as addresses,
        core(context.obj, addresses.dsn) as built,
        progress_bar("verifying") as progress,
    ):
        differences = rebuilding.verify(built.ledger.datastore, name=name, log=week, progress=progress)
    for difference in differences:
        typer.echo(str(difference))
    if differences:
        raise typer.Exit(1)


def rebuild(context: typer.Context, name: Name = None, week: Week = None) -> None:
    """Fold the logs again from their first events, and exchange the rows."""
    with (
        database(context.obj) as addresses,
        core(context.obj, addresses.dsn) as built,
        progress_bar("rebuilding") as progress,
    ):
        rebuilding.rebuild(built.ledger.datastore, name=name, log=week, progress=progress)
    typer.echo(f"rebuilt {name or 'all projections'} of {week or 'all logs'}")
