"""`fairpool audit receipt` and `check-receipt`: the proof of a bet, made from the ledger, and checked without it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from fairpool.commands.output import print_json
from fairpool.core import core
from fairpool.servers import database
from feeds.checkpoints import Checkpoints
from feeds.receipts import Receipts, UnknownBet
from ledger.ids import position_token
from ledger.instants import instant_text
from ledger.proofs.notes import Verifier
from ledger.proofs.receipts import NOT_PROVED, ProvenBet, check_bet
from ledger.statement import Movement, movements
from projections.bets import Bets
from projections.tree import Trees


def receipt(
    context: typer.Context,
    bet: Annotated[UUID, typer.Argument(help="The id of a bet.")],
    out: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None,
) -> None:
    """Write a bet's receipt: what the ledger holds of it, with the proof against a signed checkpoint."""
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
        while built.projections.step():
            pass
        datastore = built.ledger.datastore
        found = Bets(datastore).bet(bet)
        if found is None:
            raise UnknownBet(f"There is no bet {bet}.")
        text = Receipts(built.ledger, Trees(datastore), Checkpoints(datastore)).of_bet(found)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_bytes(text.encode())


def check_receipt(
    file: Annotated[Path, typer.Argument(help="A receipt.", exists=True, dir_okay=False)],
    key: Annotated[list[str], typer.Option(help="A verifier key that may have signed; any number of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check a bet's receipt, offline, and print what it proves; needs no database."""
    try:
        proven = check_bet(file.read_bytes().decode(), [Verifier.parse(each) for each in key])
    except (*NOT_PROVED, UnicodeDecodeError) as error:
        typer.echo(f"{file} proves nothing: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        print_json(_summary(proven))
    else:
        _show(proven)


def _show(proven: ProvenBet) -> None:
    checkpoint, terms = proven.checkpoint, proven.terms
    line = f" {terms.line}" if terms.line is not None else ""
    typer.echo(f"bet {proven.bet_id} of entry {proven.facts[0].stream}")
    typer.echo(f"on {terms.outcome}, {terms.market}{line} at {terms.price:+d}: {terms.potential_payout} if it wins")
    for movement in movements(proven.facts):
        token = position_token(movement.log, movement.position)
        typer.echo(f"{token}  {instant_text(movement.at)}  {_told(movement)}")
    root = base64.b64encode(checkpoint.root).decode()
    typer.echo(f"proved in {checkpoint.origin} at {checkpoint.size} events, root {root}")


def _told(movement: Movement) -> str:
    credits = f"{movement.amount:+d} credits, {movement.bet_status}"
    reason = f" ({movement.reason})" if movement.reason is not None else ""
    return f"{movement.kind}: {credits}{reason}"


def _summary(proven: ProvenBet) -> dict[str, Any]:
    checkpoint = proven.checkpoint
    return {
        "bet_id": proven.bet_id,
        "entry": proven.facts[0].stream,
        "stake": proven.terms.stake,
        "status": movements(proven.facts)[-1].bet_status,
        "payout": proven.payout,
        "positions": [fact.token for fact in proven.facts],
        "checkpoint": {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex()},
    }
