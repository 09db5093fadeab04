"""`fairpool projections`: where they stand, whether they are right, and making them anew while everything goes on."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Final

import typer

from fairpool.commands.output import print_json, print_table, progress_bar
from fairpool.core import Core, core
from fairpool.servers import database
from projections import rebuild as rebuilding
from projections.catalogue import projections
from projections.generations import Act
from projections.rebuild import RebuildFailed
from projections.rebuilds import ProjectionState, Rebuilds, summary
from projections.runner import BATCH
from projections.workers import Order, rebuild_in_processes

BY_HAND: Final = "by hand"
Name = Annotated[str | None, typer.Argument(help="A projection; all by default.")]
Week = Annotated[str | None, typer.Option(help="A week; all by default.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option(help="Why it is done: kept in the ledger, and public.")]


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Inspect, verify, rebuild and roll back the projections.", no_args_is_help=True)
    for command in (status, verify, rebuild, rollback, drop):
        group.command(command.__name__)(command)
    return group


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show how far each projection has come in each log, and its generations; exit code 1 if one is stopped."""
    with _built(context) as (built, _):
        states, now = Rebuilds(built.ledger).states(), built.clock()
    rows = [(row, row.lag_seconds(now)) for state in states for row in state.logs]
    generations = [each for state in states for each in state.generations]
    if as_json:
        print_json(
            {
                "projections": [asdict(row) | {"lag": row.lag, "lag_seconds": seconds} for row, seconds in rows],
                "generations": [asdict(each) for each in generations],
            }
        )
    else:
        print_table(
            "projections",
            ["name", "week", "gen", "position", "head", "lag", "age", "facts/s", "error"],
            [
                [
                    *(row.name, row.log, row.generation, row.position, row.head, row.lag, f"{seconds:.1f} s"),
                    *(f"{row.rate:,.0f}" if row.rate is not None else "", row.error or ""),
                ]
                for row, seconds in rows
            ],
        )
        _print_generations(states)
    if any(row.error for row, _ in rows):
        raise typer.Exit(1)


def verify(context: typer.Context, name: Name = None, week: Week = None) -> None:
    """Hold the rows against a replay of the log; silent when they agree, else exit code 1."""
    with _built(context) as (built, _), progress_bar("verifying") as progress:
        differences = rebuilding.verify(built.ledger.datastore, name=name, log=week, progress=progress)
    for difference in differences:
        typer.echo(str(difference))
    if differences:
        raise typer.Exit(1)


def rebuild(
    context: typer.Context,
    name: Name = None,
    week: Week = None,
    reason: Reason = BY_HAND,
    processes: Annotated[int, typer.Option(min=1, help="How many processes fold, for as many cores.")] = min(
        2, os.cpu_count() or 1
    ),
) -> None:
    """Make the rows anew beside those that players read, compare them, and let them go live in one moment.

    What was interrupted goes on where it stood. The rows from before are kept: see `rollback` and `drop`.
    """
    names = tuple(each.name for each in projections(name))
    with _built(context) as (built, dsn), progress_bar("rebuilding") as progress:
        act = _act(built, reason)
        # Others may go on betting all the while: what is left after a whole step is as little as what comes meanwhile.
        while built.projections.step() >= BATCH:
            pass
        try:
            rebuilt = rebuild_in_processes(dsn, Order(names, log=week, act=act), processes=processes, progress=progress)
            failed = None
        except RebuildFailed as error:
            rebuilt, failed = list(error.done), error
        outcome = f"rebuilt {', '.join(each.name for each in rebuilt) or 'nothing'} of {week or 'all logs'}"
        Rebuilds(built.ledger).note(name=name, week=week, outcome=outcome, act=act)
    _tell(summary(rebuilt))
    if failed is not None:
        raise failed


def rollback(
    context: typer.Context, name: Annotated[str, typer.Argument(help="A projection.")], reason: Reason = BY_HAND
) -> None:
    """Go back to the rows from before the last rebuild or rollback, with all that came since."""
    with _built(context) as (built, _):
        done = Rebuilds(built.ledger).rollback(name=name, act=_act(built, reason))
    _tell(summary([done] if done is not None else []))


def drop(
    context: typer.Context,
    name: Name = None,
    version: Annotated[
        int | None, typer.Option(min=1, help="Drop the tables of this version, which no process runs any more.")
    ] = None,
    reason: Reason = BY_HAND,
) -> None:
    """Drop rows that nobody reads: what a rebuild kept or left unfinished, or the tables of an old version."""
    with _built(context) as (built, dsn):
        rebuilds, act = Rebuilds(built.ledger), _act(built, reason)
        if version is None:
            dropped = [each.schema for each in rebuilds.drop(name=name, act=act)]
        elif name is None:
            raise typer.BadParameter("name the projection whose version is to be dropped")
        else:
            dropped = [rebuilds.drop_version(dsn, name=name, version=version, act=act)]
    _tell([f"dropped {each}" for each in dropped] or ["there was nothing to drop"])


@contextmanager
def _built(context: typer.Context) -> Iterator[tuple[Core, str]]:
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        yield built, addresses.dsn


def _act(built: Core, reason: str) -> Act:
    """Return who asks, as the operating system knows them, under an id of its own."""
    return Act(
        reason=reason, actor=f"operator:{getpass.getuser()}", request=str(built.ledger.new_id()), at=built.clock()
    )


def _print_generations(states: list[ProjectionState]) -> None:
    others = [each for state in states for each in state.generations if each.state != "live"]
    if others:
        print_table(
            "other generations",
            ["name", "gen", "state", "week", "facts", "of", "error"],
            [
                [each.label, each.generation, each.state, each.week or "", each.done, each.total, each.error or ""]
                for each in others
            ],
        )


def _tell(lines: list[str]) -> None:
    for line in lines:
        typer.echo(line)
