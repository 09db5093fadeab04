"""`fairpool attention`: all that waits for a person, each with what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from fairpool.commands.output import print_json
from fairpool.core import core
from fairpool.feed_care import care
from fairpool.servers import database
from feeds.attention import lines


def attention(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """List all that waits for a person, and what to do about it."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        while built.projections.step():
            pass
        matters = care(built).attention.matters()
    if as_json:
        print_json([asdict(matter) for matter in matters])
        return
    for line in lines(matters):
        typer.echo(line)
    if not matters:
        typer.echo("nothing waits for you")
