"""`fairpool dead-letters`: messages of the feed that could not be applied. They may be tried again beside the feed.

Reasons are public with the ledger: they name nobody.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fairpool.commands.output import print_json, print_table
from fairpool.core import Core, core
from fairpool.feed_care import care
from fairpool.servers import database
from feeds.inbox import DeadLetter

Number = Annotated[int, typer.Argument(metavar="ID", help="The number that `list` shows.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="See what the feed could not apply; try it again, or drop it.", no_args_is_help=True)
    group.command("list")(list_letters)
    group.command("show")(show)
    group.command("retry")(retry)
    group.command("drop")(drop)
    return group


def list_letters(
    context: typer.Context,
    all: Annotated[bool, typer.Option("--all", help="Also those that something became of.")] = False,
    as_json: Json = False,
) -> None:
    """List the messages that nothing became of yet, oldest first."""
    with _core(context) as built:
        limit = 2**31 - 1
        letters = built.inbox.dead_letters_page(with_resolved=all, limit=limit)[::-1]
    if as_json:
        print_json([_plain(each) for each in letters])
        return
    print_table(
        "dead letters",
        ["id", "received", "source", "game", "became", "reason"],
        [
            [each.id, each.received_at, each.source or "", each.game_id or "", each.resolved or "", each.reason]
            for each in letters
        ],
    )


def show(context: typer.Context, id: Number, as_json: Json = False) -> None:
    """Show a message, why it could not be applied, and what became of it."""
    with _core(context) as built:
        letter = _plain(care(built).letters.letter(id))
    if as_json:
        print_json(letter)
        return
    for name, value in letter.items():
        typer.echo(f"{name}: {value if value is not None else ''}")


def retry(
    context: typer.Context,
    id: Annotated[int | None, typer.Argument(metavar="[ID]", help="The number that `list` shows.")] = None,
    all: Annotated[bool, typer.Option("--all", help="All that nothing became of yet.")] = False,
    reason: Annotated[str, typer.Option(help="Why: it is kept in the ledger, and public.")] = "tried again",
) -> None:
    """Take a message again, or all, as if they came now. Exit code 1 if one still cannot be applied."""
    if (id is None) is not all:
        raise typer.BadParameter("name one message, or --all")
    with _core(context) as built:
        letters = care(built).letters
        ids = [id] if id is not None else [letter.id for letter in letters.unresolved()]
        tried = [letters.retry(each, actor=_operator(), request=_request(built), reason=reason) for each in ids]
    for letter in tried:
        typer.echo(f"{letter.id}: {letter.resolved or f'still dead: {letter.reason}'}")
    if any(letter.resolved is None for letter in tried):
        raise typer.Exit(1)


def drop(
    context: typer.Context,
    id: Number,
    reason: Annotated[str, typer.Option(help="Why: it is kept in the ledger, and public.")],
) -> None:
    """Let go of a message, which stays readable."""
    with _core(context) as built:
        letter = care(built).letters.drop(id, reason=reason, actor=_operator(), request=_request(built))
    typer.echo(f"{letter.id}: {letter.resolved}")


@contextmanager
def _core(context: typer.Context) -> Iterator[Core]:
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        yield built


def _operator() -> str:
    return f"operator:{getpass.getuser()}"


def _request(built: Core) -> str:
    return f"dead-letters/{built.ledger.new_id()}"


def _plain(letter: DeadLetter) -> dict[str, Any]:
    return asdict(letter) | {"body": letter.body.decode(errors="replace")}
