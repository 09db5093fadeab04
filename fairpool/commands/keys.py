"""`fairpool keys`: the keys that access tokens are signed with, and API keys for programs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from fairpool.clocks import system_clock
from fairpool.commands.output import print_json, print_table, say
from fairpool.core import core
from fairpool.secrets_file import TokenKeys, rotate_token_key, token_keys
from fairpool.servers import database
from fairpool.web import api_keys


class Role(StrEnum):
    """What a program may be."""

    AUDITOR = "auditor"
    SERVICE = "service"


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Keys of access tokens, and API keys.", no_args_is_help=True)
    group.command("list")(list_keys)
    group.command("rotate")(rotate)
    group.command("create-api")(create_api)
    return group


def list_keys(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False
) -> None:
    """Show which keys access tokens are signed with, and until when those of retired ones are accepted."""
    rows = _rows(token_keys(context.obj))
    if as_json:
        print_json([{"kid": kid, "use": use, "accepted_until": until} for kid, use, until in rows])
    else:
        print_table("token keys", ("kid", "use", "accepted until"), [(*row[:2], row[2] or "-") for row in rows])


def rotate(
    context: typer.Context,
    accept_hours: Annotated[
        int, typer.Option(min=0, help="How long tokens of the old key are accepted; 0 after it leaked.")
    ] = 24,
) -> None:
    """Sign access tokens with a new key from the next start on.

    Restart all API processes together within the hours: those that still run know nothing of the new key.
    """
    accepted_for = timedelta(hours=accept_hours)
    rotation = rotate_token_key(context.obj, now=system_clock(), accepted_for=accepted_for)
    for line in rotation.to_set:
        typer.echo(line)
    if rotation.to_set:
        say("The key comes from the settings: set these in its place, then restart the API.")
    else:
        say(f"New key {rotation.keys.signing.kid}. Restart the API: a running one signs with the old key.")


def create_api(
    context: typer.Context,
    role: Annotated[Role, typer.Option(help="What the program may do at the most.")],
    name: Annotated[str, typer.Option(help="Whose key it is.")],
    scope: Annotated[list[str] | None, typer.Option(help="A scope of the role's; all if none is given.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="After how many days it expires; never if not given.")] = None,
) -> None:
    """Make an API key and print it, which nobody can do again."""
    expires_at = system_clock() + timedelta(days=days) if days is not None else None
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        _, text = api_keys(built).create(role=role.value, name=name, scopes=scope, expires_at=expires_at)
    typer.echo(text)


def _rows(keys: TokenKeys) -> list[tuple[str, str, datetime | None]]:
    retired = [(key.kid, "accepted", datetime.fromtimestamp(key.until, UTC)) for key in keys.retired]
    return [(keys.signing.kid, "signs", None), *retired]
