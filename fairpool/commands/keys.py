"""`fairpool keys`: the keys that access tokens and checkpoints are signed with, and API keys for programs."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from fairpool.clocks import system_clock
from fairpool.commands.output import print_json, print_table, say
from fairpool.core import core
from fairpool.log_keys import retire_log_key, rotate_log_key
from fairpool.secrets_file import TokenKeys, log_signer, rotate_token_key, token_keys
from fairpool.servers import database
from fairpool.settings import Settings
from fairpool.web import api_keys


class Role(StrEnum):
    """What a program may be."""

    AUDITOR = "auditor"
    SERVICE = "service"


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Keys of access tokens and checkpoints, and API keys.", no_args_is_help=True)
    group.command("list")(list_keys)
    group.command("verifier")(verifier)
    group.command("rotate")(rotate)
    group.command("retire")(retire)
    group.command("create-api")(create_api)
    return group


def list_keys(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False
) -> None:
    """Show which keys access tokens are signed with, until when retired ones are accepted, and that of checkpoints."""
    rows = _rows(token_keys(context.obj))
    checkpoints = log_signer(context.obj).verifier
    if as_json:
        tokens = [{"kid": kid, "use": use, "accepted_until": until} for kid, use, until in rows]
        print_json([*tokens, {"kid": checkpoints.key_id.hex(), "use": "checkpoints", "verifier": str(checkpoints)}])
    else:
        print_table("token keys", ("kid", "use", "accepted until"), [(*row[:2], row[2] or "-") for row in rows])
        typer.echo(f"checkpoints: {checkpoints}")


def verifier(context: typer.Context) -> None:
    """Print the verifier key of checkpoints, to be published where auditors find it without us."""
    typer.echo(str(log_signer(context.obj).verifier))


def rotate(
    context: typer.Context,
    accept_hours: Annotated[
        int, typer.Option(min=0, help="How long tokens of the old key are accepted; 0 after it leaked.")
    ] = 24,
    log: Annotated[bool, typer.Option("--log", help="Change the key of checkpoints, not that of tokens.")] = False,
) -> None:
    """Sign access tokens with a new key from the next start on, or with --log checkpoints from now on.

    Restart all API processes together within the hours: those that still run know nothing of the new key. A new key
    of checkpoints is taken up without a restart, unless it comes from the settings.
    """
    if log:
        _rotate_log(context.obj)
        return
    accepted_for = timedelta(hours=accept_hours)
    rotation = rotate_token_key(context.obj, now=system_clock(), accepted_for=accepted_for)
    for line in rotation.to_set:
        typer.echo(line)
    if rotation.to_set:
        say("The key comes from the settings: set these in its place, then restart the API.")
    else:
        say(f"New key {rotation.keys.signing.kid}. Restart the API: a running one signs with the old key.")


def retire(
    context: typer.Context, key_id: Annotated[str, typer.Argument(help="Its 8 hex digits, between the pluses.")]
) -> None:
    """Let a key of checkpoints sign no more; what it has signed stands. Needed where keys come from the settings."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        retire_log_key(context.obj, built.ledger, key_id=key_id, actor=f"operator:{getpass.getuser()}")
    say(f"Key {key_id} is retired.")


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


def _rotate_log(settings: Settings) -> None:
    with database(settings) as addresses, core(settings, addresses.dsn) as built:
        rotation = rotate_log_key(settings, built.ledger, actor=f"operator:{getpass.getuser()}")
    typer.echo(rotation.to_set or str(rotation.new))
    if rotation.to_set:
        say(
            f"The key comes from the settings: set this in its place, restart what signs checkpoints, "
            f"then run `fairpool keys retire {rotation.old.key_id.hex()}`. Its verifier key is {rotation.new}"
        )
    else:
        say("Publish this verifier key. A checkpoint of the old key covers it.")


def _rows(keys: TokenKeys) -> list[tuple[str, str, datetime | None]]:
    retired = [(key.kid, "accepted", datetime.fromtimestamp(key.until, UTC)) for key in keys.retired]
    return [(keys.signing.kid, "signs", None), *retired]
