"""`fairpool audit verify`: everything that can be recomputed, recomputed; silent when all of it holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from fairpool.commands.output import print_json, progress_bar
from fairpool.core import core
from fairpool.servers import database
from fairpool.verifying.database import DatabaseVerifier
from fairpool.verifying.exports import ExportVerifier
from fairpool.verifying.verified import NotVerifiable, Progress, Verified
from ledger.proofs.notes import NoteError, Verifier


def verify(
    context: typer.Context,
    log: Annotated[str | None, typer.Argument(help="A week such as 2026-W47, or `office`.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The office and every week, and that none is missing.")
    ] = False,
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="An export, in place of the database: its folder, a folder of those, or a file."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A verifier key that counts; by default those that the office published.")
    ] = None,
    projections: Annotated[
        bool, typer.Option(help="Also compare the projections, row by row: most of the work on a large log.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the first difference of each kind, `<kind>: <where>: <what>`; nothing at all if there is none."""
    if everything == (log is not None):
        raise typer.BadParameter("name one log, or --all")
    try:
        keys = [Verifier.parse(text) for text in key or ()]
        verified = []
        for each in _verified(context, log, from_, keys, projections=projections):
            verified.append(each)
            _tell(each, is_quiet=as_json)
    except (NoteError, NotVerifiable) as error:
        sys.stderr.write(f"fairpool: {error}\n")
        raise typer.Exit(1) from error
    is_ok = all(each.is_ok for each in verified)
    if as_json:
        print_json({"logs": [each.summary for each in verified], "ok": is_ok})
    if not is_ok:
        raise typer.Exit(1)


def _verified(
    context: typer.Context, log: str | None, place: Path | None, keys: list[Verifier], *, projections: bool
) -> Iterator[Verified]:
    with progress_bar(f"verifying {log or 'everything'}") as progress:
        if place is not None:
            yield from _all_or(ExportVerifier(place, keys=keys), log, progress)
            return
        with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built:
            folder = built.settings.checkpoints_folder
            verifier = DatabaseVerifier(built.ledger, folder=folder, keys=keys, projections=projections)
            yield from _all_or(verifier, log, progress)


def _all_or(verifier: DatabaseVerifier | ExportVerifier, log: str | None, progress: Progress) -> Iterator[Verified]:
    if log is None:
        yield from verifier.verify_all(progress=progress)
    else:
        yield verifier.verify(log, progress=progress)


def _tell(verified: Verified, *, is_quiet: bool) -> None:
    """Print differences where a machine reads them, and what the verification could not rest on beside that."""
    for remark in verified.remarks:
        sys.stderr.write(f"fairpool: {remark}\n")
    if not is_quiet:
        for finding in verified.findings:
            typer.echo(str(finding))
