"""Operators on the command line: what a person has to answer for asks who it is, as a log-in over HTTP does.

Whoever is here as over HTTP is one operator, `operator:<user id>`, so that nobody is their own second one.
"""

from __future__ import annotations

import getpass
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

import typer

from api.identity.actors import actor_of
from api.identity.players import Player, normalised
from fairpool.core import Core
from fairpool.web import passwords, players
from ledger.datastore import cursor_on
from ledger.mendable import Mendable
from ledger.sql import queries

GUESS_SECONDS: Final = 1.0
_ROLE: Final = "operator"

As = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="EMAIL",
        envvar="FAIRPOOL_OPERATOR",
        help="Who you are, an operator: see `fairpool user create`. The password is asked for, or FAIRPOOL_PASSWORD.",
    ),
]


class NotSignedIn(Mendable):
    """Whoever asks has not shown that they are an operator."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who signed in as an operator; `actor` is what the ledger calls them."""

    id: UUID
    email: str

    @property
    def actor(self) -> str:
        """What stands in the envelope of what they do, the same as over HTTP."""
        return actor_of(self.id)


def sign_in(built: Core, email: str, *, wait: Callable[[float], object] = time.sleep) -> Operator:
    """Return the operator with an e-mail address, whose password is FAIRPOOL_PASSWORD or asked for; or NotSignedIn.

    Passwords of an account are tried one after another, whoever tries from wherever, and a wrong one costs a second.
    """
    if not email:
        raise NotSignedIn("say who you are, with --as EMAIL or FAIRPOOL_OPERATOR")
    password = os.environ.get("FAIRPOOL_PASSWORD") or _asked_for(email)
    with built.ledger.datastore.connection() as connection, connection.transaction():
        guess = queries("fairpool.commands", "operators.sql")["one_guess_at_a_time"]
        cursor_on(connection).execute(guess, {"email": normalised(email)})
        account = players(built).player_with_email(email)
        is_right = passwords(built).verify(account.password_hash if account is not None else None, password)
        if account is None or not is_right or not _may_operate(built, account):
            wait(GUESS_SECONDS)
            raise NotSignedIn(f"{email} and this password are no operator's")
    return Operator(account.id, account.email)


def _may_operate(built: Core, account: Player) -> bool:
    is_confirmed = account.email_verified_at is not None or not built.settings.confirm_signup
    return account.role == _ROLE and is_confirmed


def _asked_for(email: str) -> str:
    if not sys.stdin.isatty():
        raise NotSignedIn("there is no terminal to ask for the password on: set FAIRPOOL_PASSWORD")
    return getpass.getpass(f"Password of {email}: ")
