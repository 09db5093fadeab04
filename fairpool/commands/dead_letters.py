"""`fairpool dead-letters`: messages of the feed that could not be applied."""

from __future__ import annotations

import typer

from fairpool.commands.output import print_table
from fairpool.core import core
from fairpool.servers import database


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="See what the feed could not apply.", no_args_is_help=True)
    group.callback()(_group)
    group.command("list")(list_letters)
    return group


def _group() -> None:
    """A group with one command stays a group."""


def list_letters(context: typer.Context) -> None:
    """List the messages that nothing became of yet."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        letters = built.inbox.dead_letters()
    print_table(
        "dead letters",
        ["id", "received", "source", "game", "reason"],
        [[each.id, each.received_at, each.source or "", each.game_id or "", each.reason] for each in letters],
    )
