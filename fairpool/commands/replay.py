"""`fairpool audit replay`: a log's books, recomputed from its events, as of any position or time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from fairpool import audit
from fairpool.commands.output import print_json, print_table, progress_bar
from fairpool.core import core
from fairpool.servers import database
from fairpool.verifying.exports import events_file
from fairpool.verifying.verified import NotVerifiable
from ledger.auditing.lines import LineError
from ledger.auditing.sources import FileSource, RecorderSource
from ledger.facts import UnknownTopic, UnreadableEvent
from ledger.statement import Movement

ROWS_SHOWN = 10


def replay(
    context: typer.Context,
    log: Annotated[str, typer.Argument(help="A week such as 2026-W47.")],
    until: Annotated[
        str | None,
        typer.Option(metavar="POSITION|TIME", help="As of a position, or an RFC 3339 time; the end by default."),
    ] = None,
    account: Annotated[
        UUID | None, typer.Option(metavar="ENTRY", help="Print this entry's statement, with its running balance.")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", help="An export, in place of the database: a folder or a file of lines.")
    ] = None,
    projections: Annotated[
        bool, typer.Option(help="Also compare the projections, row by row: most of the work on a large log.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Recompute a week's books from its events; at the end of a log here, hold the projections against them."""
    with _mendable():
        basis = None if until is None else audit.Until.parse(until)
        with progress_bar(f"replaying {log}") as progress:
            if from_ is not None:
                source = FileSource(events_file(from_, log))
                result = audit.replay_source(source, progress=progress, until=basis, entry=account)
            else:
                result = _of_database(context, log, basis, account, progress, projections=projections)
        if account is not None and not result.statement:
            raise NotVerifiable(f"entry {account} has no account in {log} {result.basis}")
    if as_json:
        print_json(audit.summary(result))
    elif result.statement is not None:
        _show_statement(result, result.statement, account)
    else:
        show_standings(result)
        show(result)
    if not result.is_ok:
        raise typer.Exit(1)


def show(result: audit.Audit) -> None:
    """Print a replay for people."""
    rows = [[name, -books.issuance, books.available, books.escrow, books.house] for name, books in audit.pools(result)]
    total = result.total
    rows.append(["all", -total.issuance, total.available, total.escrow, total.house])
    typer.echo(f"{result.log}, {result.basis}")
    print_table("trial balance", ["pool", "issued", "available", "escrow", "house"], rows)
    bets = result.replay.bets
    typer.echo("bets: " + ", ".join(f"{bets[each]} {each}" for each in ("open", "won", "lost", "push", "void")))
    _show_verdict(result)


def show_standings(result: audit.Audit) -> None:
    """Print the first of each pool."""
    for name, standings in result.replay.standings().items():
        shown = [[each.rank, each.entry, each.credits] for each in standings[:ROWS_SHOWN]]
        print_table(f"{name}: the first {len(shown)} of {len(standings)}", ["rank", "entry", "credits"], shown)


def _show_statement(result: audit.Audit, statement: list[Movement], entry: UUID | None) -> None:
    rows = [
        [each.position, f"{each.at:%Y-%m-%d %H:%M:%S}Z", each.kind, each.bet_status, each.amount, each.available]
        for each in statement
    ]
    columns = ["position", "at", "movement", "bet", "credits", "available"]
    typer.echo(f"entry {entry} in {result.log}, {result.basis}")
    print_table("statement", columns, [[cell if cell is not None else "" for cell in row] for row in rows])
    for each in statement:
        if (why := result.reasons.get(each.cause or "")) is not None:
            typer.echo(f"at {each.position}: {why.reason} (case {why.case_id})")
    _show_verdict(result)


def _show_verdict(result: audit.Audit) -> None:
    for problem in result.faults + result.differences:
        typer.echo(problem)
    typer.echo("audit: ok" if result.is_ok else "audit: NOT OK")


def _of_database(
    context: typer.Context,
    log: str,
    until: audit.Until | None,
    entry: UUID | None,
    progress: audit.Progress,
    *,
    projections: bool,
) -> audit.Audit:
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        recorder = built.ledger.recorder(log)
        if until is None and entry is None and projections:
            return audit.replay(recorder, progress=progress)
        return audit.replay_source(RecorderSource(recorder), progress=progress, until=until, entry=entry)


@contextmanager
def _mendable() -> Iterator[Any]:
    """Tell in one line what whoever asked can mend."""
    try:
        yield
    except (audit.BasisError, LineError, NotVerifiable, UnknownTopic, UnreadableEvent) as error:
        sys.stderr.write(f"fairpool: {error}\n")
        raise typer.Exit(1) from error
