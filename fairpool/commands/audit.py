"""`fairpool audit`: what whoever trusts nobody runs. Each command has a module of its own."""

from __future__ import annotations

from typing import Final

import typer

from fairpool.commands.lazy import Lazy, add_lazily

COMMANDS: Final = (
    Lazy(
        "replay",
        "fairpool.commands.replay:replay",
        "Recompute a week's books from its events; at the end of a log here, hold the projections against them.",
    ),
    Lazy(
        "verify",
        "fairpool.commands.verify:verify",
        "Print the first difference of each kind, `<kind>: <where>: <what>`; nothing at all if there is none.",
    ),
    Lazy("export", "fairpool.commands.exports:export", "Write a log's events, the same bytes every time."),
    Lazy(
        "draw",
        "fairpool.commands.draws:draw",
        "Do a week's draw over from its log, and say step by step whether it comes out the same.",
    ),
    Lazy(
        "receipt",
        "fairpool.commands.receipts:receipt",
        "Write a bet's receipt: what the ledger holds of it, with the proof against a signed checkpoint.",
    ),
    Lazy(
        "check-receipt",
        "fairpool.commands.receipts:check_receipt",
        "Check a bet's receipt, offline, and print what it proves; needs no database.",
    ),
)


def commands() -> typer.Typer:
    """Build the group."""
    group = typer.Typer(help="Replay, verify and export a log.", no_args_is_help=True)
    add_lazily(group, COMMANDS)
    return group
