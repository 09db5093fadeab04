"""The command line: `fairpool [--data DIR] COMMAND`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from fairpool.commands import DATA_IS_CHOSEN
from fairpool.commands.lazy import Lazy, add_lazily
from fairpool.settings import Settings
from ledger.mendable import Mendable

COMMANDS: Final = (
    Lazy(
        "up",
        "fairpool.commands.up:up",
        "Run everything here until Ctrl-C: embedded Postgres and NATS unless configured, API and workers.",
    ),
    Lazy(
        "demo",
        "fairpool.commands.demo:demo",
        "Play one whole week through the real API, NATS and store, money included; end with standings and an audit.",
    ),
    Lazy("migrate", "fairpool.commands.migrate:migrate_database", "Bring the database to this release's schema."),
    Lazy(
        "openapi",
        "fairpool.commands.openapi:openapi",
        "Print the OpenAPI document of the API, as a development service has it; needs no database.",
    ),
    Lazy("api", "fairpool.commands.roles:api", "Answer HTTP."),
    Lazy(
        "project",
        "fairpool.commands.roles:project",
        "Keep the projections up to date, and make the generations that are asked for.",
    ),
    Lazy("settle", "fairpool.commands.roles:settle", "Settle games as their results come."),
    Lazy(
        "clock",
        "fairpool.commands.roles:clock",
        "Do what falls due: draws, locks, closes, deadlines, finals; mind silent sources and vanished games.",
    ),
    Lazy(
        "publish",
        "fairpool.commands.roles:publish",
        "Sign checkpoints of the logs, and send events and checkpoints out on NATS.",
    ),
    Lazy(
        "pay",
        "fairpool.commands.roles:pay",
        "Follow up payments: give what was paid for, refund, enrol subscribers, pay prizes.",
    ),
    Lazy(
        "feed", "fairpool.commands.feed:commands", "Take the feed (the role), publish a file into it, or convert one."
    ),
    Lazy(
        "week",
        "fairpool.commands.week:commands",
        "Open, draw, close, settle and finalise weeks by hand; archive and restore them.",
    ),
    Lazy("audit", "fairpool.commands.audit:commands", "Replay, verify and export a log."),
    Lazy(
        "dispute", "fairpool.commands.disputes:commands", "Preview, correct and void what is in dispute; see its cases."
    ),
    Lazy(
        "projections",
        "fairpool.commands.projections:commands",
        "Inspect, verify, rebuild and roll back the projections.",
    ),
    Lazy(
        "attention",
        "fairpool.commands.attention:attention",
        "List all that waits for a person, and what to do about it.",
    ),
    Lazy("games", "fairpool.commands.games:commands", "See where games stand, and stop stakes on one by hand."),
    Lazy(
        "dead-letters",
        "fairpool.commands.dead_letters:commands",
        "See what the feed could not apply; try it again, or drop it.",
    ),
    Lazy("user", "fairpool.commands.user:commands", "Make users."),
    Lazy("keys", "fairpool.commands.keys:commands", "Keys of access tokens and checkpoints, and API keys."),
    Lazy(
        "payments",
        "fairpool.commands.payments:commands",
        "Reconcile a week's money; see payments, and hold or release prizes.",
    ),
    Lazy(
        "bench",
        "fairpool.commands.bench:bench",
        "Measure how quick all this is, beside peers and limits in the same run; needs a checkout of the source.",
    ),
)


def application() -> typer.Typer:
    """Build the command line; its commands are imported when they run."""
    app = typer.Typer(
        help="A weekly betting game played on credits, on a ledger that anyone can check.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_options)
    add_lazily(app, COMMANDS)
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
    except _mendable() as error:
        sys.stderr.write(f"fairpool: {error}\n")
        sys.exit(1)


def _mendable() -> tuple[type[Exception], ...]:
    """Return what a user can mend: it is told in one line, where a fault of ours keeps its traceback.

    Only who fails comes here, and imports the database's driver for it.
    """
    from psycopg import OperationalError

    return (Mendable, FileNotFoundError, OperationalError, PermissionError, ValidationError)
