"""`fairpool audit replay`: a log's books, recomputed from its events."""

from __future__ import annotations

from typing import Annotated

import typer

from fairpool import audit
from fairpool.commands.output import print_json, print_table, progress_bar
from fairpool.core import core
from fairpool.servers import database


def replay(
    context: typer.Context,
    log: Annotated[str, typer.Argument(help="A week such as 2026-W47.")],
    until: Annotated[int | None, typer.Option(help="Position to stop at; the end of the log by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Recompute a week's books from its events, and hold the projections against them."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        recorder = built.ledger.recorder(log)
        recorder.head()
        with progress_bar(f"replaying {log}") as progress:
            result = audit.replay(recorder, progress=progress, until=until)
    if as_json:
        print_json(audit.summary(result))
    else:
        show(result)
    if not result.is_ok:
        raise typer.Exit(1)


def show(result: audit.Audit) -> None:
    """Print a replay for people."""
    rows = [[name, -books.issuance, books.available, books.escrow, books.house] for name, books in audit.pools(result)]
    total = result.total
    rows.append(["all", -total.issuance, total.available, total.escrow, total.house])
    title = f"{result.log} at position {result.position}"
    print_table(title, ["pool", "issued", "available", "escrow", "house"], rows)
    bets = result.replay.bets
    typer.echo("bets: " + ", ".join(f"{bets[each]} {each}" for each in ("open", "won", "lost", "push", "void")))
    for problem in result.faults + result.differences:
        typer.echo(problem)
    typer.echo("audit: ok" if result.is_ok else "audit: NOT OK")
