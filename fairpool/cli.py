"""The command line: `fairpool [--data DIR] COMMAND`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from psycopg import OperationalError
from pydantic import ValidationError

from api.identity.keys import ScopeTooWide
from api.identity.mail import SmtpUrlError
from fairpool.commands import (
    DATA_IS_CHOSEN,
    audit,
    dead_letters,
    demo,
    feed,
    keys,
    migrate,
    openapi,
    payments,
    projections,
    roles,
    up,
    user,
    week,
)
from fairpool.core import Died
from fairpool.demo import NothingToPlay, WeekPlayedAlready
from fairpool.embedded import EmbeddedServerError
from fairpool.exports.movements import UnbookableEvent
from fairpool.log_keys import KeySigns, NotVouchedFor
from fairpool.money import MoneyMisconfigured
from fairpool.secrets_file import SecretUnusable
from fairpool.servers import NotConfigured
from fairpool.settings import Settings
from fairpool.web import PortTaken
from feeds.feedfile import FeedFileError
from feeds.nflverse import NflverseError
from ledger.aggregate import LedgerError
from ledger.facts import UnknownTopic, UnreadableEvent
from ledger.weeks import WeekIdError
from projections.catalogue import UnknownProjection

# What a user can mend is told in one line; anything else is a fault of ours and keeps its traceback.
_MENDABLE = (
    Died,
    EmbeddedServerError,
    FeedFileError,
    FileNotFoundError,
    KeySigns,
    LedgerError,
    MoneyMisconfigured,
    NflverseError,
    NotConfigured,
    NotVouchedFor,
    NothingToPlay,
    OperationalError,
    PermissionError,
    PortTaken,
    ScopeTooWide,
    SecretUnusable,
    SmtpUrlError,
    UnbookableEvent,
    UnknownProjection,
    UnknownTopic,
    UnreadableEvent,
    ValidationError,
    WeekIdError,
    WeekPlayedAlready,
)


def application() -> typer.Typer:
    """Build the command line."""
    app = typer.Typer(
        help="A weekly betting game played on credits, on a ledger that anyone can check.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_options)
    app.command("up")(up.up)
    app.command("demo")(demo.demo)
    app.command("migrate")(migrate.migrate_database)
    app.command("openapi")(openapi.openapi)
    for role in (roles.api, roles.project, roles.feed, roles.settle, roles.clock, roles.publish, roles.pay):
        if role is not roles.feed:
            app.command(role.__name__)(role)
    app.add_typer(feed.commands(), name="feed")
    app.add_typer(week.commands(), name="week")
    app.add_typer(audit.commands(), name="audit")
    app.add_typer(projections.commands(), name="projections")
    app.add_typer(dead_letters.commands(), name="dead-letters")
    app.add_typer(user.commands(), name="user")
    app.add_typer(keys.commands(), name="keys")
    app.add_typer(payments.commands(), name="payments")
    return app


def _options(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Data directory of the embedded servers, in place of FAIRPOOL_DATA.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what happens.")] = False,
) -> None:
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    context.obj = Settings() if data is None else Settings(data=data)
    context.meta[DATA_IS_CHOSEN] = data is not None


def main() -> None:
    """Run the command line; exit code 0 only if all is well."""
    try:
        application()()
    except _MENDABLE as error:
        sys.stderr.write(f"fairpool: {error}\n")
        sys.exit(1)
