"""`fairpool feed`: take the feed, publish a file into it, or convert one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fairpool import loop
from fairpool.commands import roles
from fairpool.commands.output import say
from fairpool.servers import stream
from feeds.feedfile import read_lines
from feeds.jetstream import Publisher, connected, provision
from feeds.messages import encode
from feeds.nflverse import convert_file


def commands() -> typer.Typer:
    """Build the group; without a command it is the role that takes the feed."""
    group = typer.Typer(help="Take the feed (the role), publish a file into it, or convert one.")
    group.callback(invoke_without_command=True)(_role)
    group.command("publish")(publish)
    convert = typer.Typer(help="Convert a provider's file to the feed's format.", no_args_is_help=True)
    convert.callback()(_formats)
    convert.command("nflverse")(nflverse)
    group.add_typer(convert, name="convert")
    return group


def _role(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        roles.feed(context)


def _formats() -> None:
    """A group with one format stays a group."""


def publish(context: typer.Context, file: Annotated[Path, typer.Argument(help="JSON lines, ordered by `at`.")]) -> None:
    """Publish a feed file to NATS, in order; lines that the stream holds already are not stored twice."""
    lines = list(read_lines(file))

    async def run(url: str) -> int:
        async with connected(url) as client:
            publisher = Publisher(await provision(client))
            return sum([await publisher.publish(line) for line in lines])

    with stream(context.obj) as addresses:
        new = loop.run(run(addresses.nats_url))
    say(f"{new} messages published, {len(lines) - new} known already")


def nflverse(
    file: Annotated[Path, typer.Argument(help="The nflverse games table (CSV).")],
    season: Annotated[int, typer.Option(help="Season, for instance 2014.")],
    week: Annotated[int, typer.Option(help="Week of the season, for instance 5.")],
) -> None:
    """Write one NFL week of the nflverse games table as feed messages to standard output."""
    for message in convert_file(file, season=season, week=week):
        sys.stdout.buffer.write(encode(message) + b"\n")
    sys.stdout.flush()
