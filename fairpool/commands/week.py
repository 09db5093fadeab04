"""`fairpool week`: what an operator does with weeks, and sees of them."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from fairpool.commands.output import print_json, print_table
from fairpool.core import Core, core
from fairpool.servers import database
from ledger import closing, drawing, weeks
from ledger.facts import Fact
from ledger.rules import Rules
from projections.weeks import Weeks

Week = Annotated[str, typer.Argument(help="A week such as 2026-W47.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Open, draw, close, settle and finalise weeks by hand.", no_args_is_help=True)
    group.command("list")(list_weeks)
    group.command("show")(show)
    group.command("open")(open_week)
    group.command("draw")(draw)
    group.command("close")(close)
    group.command("settle")(settle)
    group.command("finalise")(finalise)
    return group


@contextmanager
def _projected(context: typer.Context) -> Iterator[Core]:
    """Give the ledger with its projections up to date."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        while built.projections.step():
            pass
        yield built


def list_weeks(context: typer.Context, as_json: Json = False) -> None:
    """List all weeks."""
    with _projected(context) as built:
        rows = Weeks(built.ledger.datastore).weeks()
    if as_json:
        print_json([_plain(row) for row in rows])
    else:
        print_table(
            "weeks",
            ["week", "state", "entries", "starts", "ends"],
            [[row.week, row.state, row.roster_size or 0, row.starts_at, row.ends_at] for row in rows],
        )


def show(context: typer.Context, week: Week, as_json: Json = False) -> None:
    """Show one week."""
    weeks.starts_at(week)
    with _projected(context) as built:
        built.ledger.recorder(week).head()
        row = Weeks(built.ledger.datastore).week(week)
    if as_json:
        print_json(_plain(row))
    else:
        for name, value in _plain(row).items():
            typer.echo(f"{name}: {value}")


def open_week(context: typer.Context, week: Week) -> None:
    """Open a week for enrolments, with the default rules."""
    _do(
        context,
        lambda built, who: drawing.open_week(built.ledger, week=week, rules=Rules(), actor=who, request=f"{week}/open"),
    )


def draw(context: typer.Context, week: Week) -> None:
    """Draw the pools of a week that has started."""
    _do(context, lambda built, who: drawing.draw(built.ledger, week=week, actor=who, request=f"{week}/draw"))


def close(context: typer.Context, week: Week) -> None:
    """Stop the stakes of a week that is over."""
    _do(
        context,
        lambda built, who: closing.close_week(built.ledger, week=week, actor=who, request=f"{week}/close").result(),
    )


def settle(context: typer.Context, week: Week) -> None:
    """Settle what has a result, and declare the week settled if nothing waits."""

    def act(built: Core, who: str) -> Fact:
        built.start("projections", built.projections.run)
        built.settler.step()
        return closing.settle_week(built.ledger, week=week, actor=who, request=f"{week}/settle")

    _do(context, act)


def finalise(
    context: typer.Context,
    week: Week,
    override: Annotated[bool, typer.Option(help="End the correction window early; --reason says why.")] = False,
    reason: Annotated[
        str, typer.Option(help="Why the window is ended early: it is kept in the ledger, and public.")
    ] = "",
) -> None:
    """Make a settled week final."""
    if override and not reason.strip():
        raise typer.BadParameter("an override needs a reason, which is public: say it with --reason")
    request = closing.override_request(reason) if override else f"{week}/finalise"
    _do(
        context,
        lambda built, who: closing.finalise_week(
            built.ledger, week=week, actor=who, request=request, override=override
        ),
    )


def _do(context: typer.Context, act: Callable[[Core, str], Fact]) -> None:
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        fact = act(built, f"operator:{getpass.getuser()}")
    typer.echo(f"{fact.event.TOPIC} at {fact.token}")


def _plain(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__} if row is not None else {}
