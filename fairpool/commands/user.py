"""`fairpool user`: the first operator, who makes the others."""

from __future__ import annotations

import getpass
import os
from enum import StrEnum
from typing import Annotated

import typer

from fairpool.core import core
from fairpool.servers import database
from fairpool.web import passwords, players


class Role(StrEnum):
    """What a user may be made."""

    AUDITOR = "auditor"
    OPERATOR = "operator"
    PLAYER = "player"


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Make users.", no_args_is_help=True)
    group.callback()(_group)
    group.command("create")(create)
    return group


def _group() -> None:
    """A group with one command stays a group."""


def create(
    context: typer.Context,
    role: Annotated[Role, typer.Option(help="What the user may do.")],
    email: Annotated[str, typer.Option(prompt="E-mail")],
    name: Annotated[str, typer.Option(help="Display name.")] = "Operator",
) -> None:
    """Make a user. The password is asked for, or taken from FAIRPOOL_PASSWORD."""
    password = os.environ.get("FAIRPOOL_PASSWORD") or getpass.getpass("Password: ")
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        password_hash = passwords(built).hash(password)
        user = players(built).create(
            email=email, name=name, password_hash=password_hash, role=role.value, is_verified=True
        )
    typer.echo(f"{role.value} {user.email} is {user.id}")
