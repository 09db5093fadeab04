"""`fairpool week`: what an operator does with weeks, and sees of them."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from fairpool.commands.lazy import Lazy, add_lazily
from fairpool.commands.output import print_json, print_table
from fairpool.core import Core, core
from fairpool.servers import database
from ledger import closing, drawing, weeks
from ledger.archives import Archive
from ledger.facts import Fact
from ledger.outlook import Outlook, outlook
from ledger.rules import Rules
from projections.weeks import Weeks

BY_HAND: Final = "by hand"
Week = Annotated[str, typer.Argument(help="A week such as 2026-W47.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Reason = Annotated[str, typer.Option(help="Why it is done by hand: kept in the ledger, and public.")]

ARCHIVES: Final = (
    Lazy(
        "archive",
        "fairpool.commands.archives:archive",
        "Seal a final week, export it, verify the export, and drop its events from the database.",
    ),
    Lazy(
        "restore", "fairpool.commands.archives:restore", "Bring an archived week back from its export, byte for byte."
    ),
)


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(
        help="Open, draw, close, settle and finalise weeks by hand; archive and restore them.", no_args_is_help=True
    )
    group.command("list")(list_weeks)
    group.command("show")(show)
    group.command("open")(open_week)
    group.command("draw")(draw)
    group.command("close")(close)
    group.command("settle")(settle)
    group.command("finalise")(finalise)
    add_lazily(group, ARCHIVES)
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
        archived = {archive.log for archive in built.ledger.archives.away()}
    if as_json:
        print_json([_plain(row) | {"archived": row.week in archived} for row in rows])
    else:
        states = {row.week: "archived" if row.week in archived else row.state for row in rows}
        print_table(
            "weeks",
            ["week", "state", "entries", "starts", "ends"],
            [[row.week, states[row.week], row.roster_size or 0, row.starts_at, row.ends_at] for row in rows],
        )


def show(context: typer.Context, week: Week, as_json: Json = False) -> None:
    """Show one week, and what it waits for."""
    weeks.starts_at(week)
    with _projected(context) as built:
        archive = built.ledger.archives.archive(week)
        is_away = archive is not None and archive.is_away
        ahead = None if is_away else outlook(built.ledger, week=week)
        row = Weeks(built.ledger.datastore).week(week)
    if as_json:
        waits = None if ahead is None else asdict(ahead)
        print_json(_plain(row) | {"outlook": waits, "archive": _archive(archive)})
        return
    for name, value in _plain(row).items():
        typer.echo(f"{name}: {value}")
    if archive is not None:
        for name, value in (_archive(archive) or {}).items():
            typer.echo(f"archive {name}: {value}")
    if ahead is not None:
        _show_outlook(ahead)


def _show_outlook(ahead: Outlook) -> None:
    for game in ahead.games:
        typer.echo(
            f"waits for the {game.waits_for} of {game.external_id}: {game.away} at {game.home}, {game.starts_at}"
        )
    if ahead.open_stakes:
        typer.echo(f"waits for {ahead.open_stakes} open stakes")
    for case in ahead.open_cases:
        typer.echo(f"waits for case {case}, which is open")
    typer.echo(f"games without a result are void at: {ahead.deadline}")
    typer.echo(f"final at: {ahead.final_at or 'a time after it is settled'}")
    typer.echo(f"sealed at: {ahead.sealed_at or 'no'}")


def open_week(context: typer.Context, week: Week, reason: Reason = BY_HAND) -> None:
    """Open a week for enrolments, with the default rules."""
    _do(
        context,
        lambda built, who: drawing.open_week(
            built.ledger, week=week, rules=Rules(), actor=who, request=f"{week}/open", reason=reason
        ),
    )


def draw(context: typer.Context, week: Week, reason: Reason = BY_HAND) -> None:
    """Draw the pools of a week that has started."""
    _do(
        context,
        lambda built, who: drawing.draw(built.ledger, week=week, actor=who, request=f"{week}/draw", reason=reason),
    )


def close(context: typer.Context, week: Week, reason: Reason = BY_HAND) -> None:
    """Stop the stakes of a week that is over."""
    _do(
        context,
        lambda built, who: closing.close_week(
            built.ledger, week=week, actor=who, request=f"{week}/close", reason=reason
        ).result(),
    )


def settle(context: typer.Context, week: Week, reason: Reason = BY_HAND) -> None:
    """Settle what has a result, and declare the week settled if nothing waits."""

    def act(built: Core, who: str) -> Fact:
        built.start("projections", built.projections.run)
        built.settler.step()
        return closing.settle_week(built.ledger, week=week, actor=who, request=f"{week}/settle", reason=reason)

    _do(context, act)


def finalise(
    context: typer.Context,
    week: Week,
    override: Annotated[
        bool, typer.Option(help="End the correction window early, and past open cases; --reason says why.")
    ] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why it is done by hand, or early: kept in the ledger, and public.")
    ] = None,
) -> None:
    """Make a settled week final."""
    if override and (reason is None or not reason.strip()):
        raise typer.BadParameter("an override needs a reason, which is public: say it with --reason")
    request = closing.override_request(reason or "") if override else f"{week}/finalise"
    _do(
        context,
        lambda built, who: closing.finalise_week(
            built.ledger, week=week, actor=who, request=request, override=override, reason=reason or BY_HAND
        ),
    )


def here() -> str:
    """Return who acts on this machine, as the ledger calls them."""
    return f"operator:{getpass.getuser()}"


def _do(context: typer.Context, act: Callable[[Core, str], Fact]) -> None:
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        fact = act(built, here())
    typer.echo(f"{fact.event.TOPIC} at {fact.token}")


def _archive(archive: Archive | None) -> dict[str, Any] | None:
    return None if archive is None else _plain(archive) | {"root": archive.root.hex()}


def _plain(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__slots__} if row is not None else {}
