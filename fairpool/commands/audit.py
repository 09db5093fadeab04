"""`fairpool audit`: what whoever trusts nobody runs. Each command has a module of its own."""

from __future__ import annotations

import typer

from fairpool.commands.draws import draw
from fairpool.commands.exports import export
from fairpool.commands.receipts import check_receipt, receipt
from fairpool.commands.replay import replay
from fairpool.commands.verify import verify


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Replay, verify and export a log.", no_args_is_help=True)
    group.command("replay")(replay)
    group.command("verify")(verify)
    group.command("export")(export)
    group.command("draw")(draw)
    group.command("receipt")(receipt)
    group.command("check-receipt")(check_receipt)
    return group
