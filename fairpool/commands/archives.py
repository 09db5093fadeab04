"""`fairpool week archive` and `week restore`: for who owns the database, and nobody over the network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairpool.archives import archive as archiving
from fairpool.archives import restore as restoring
from fairpool.archives.keeping import keeping
from fairpool.commands.output import progress_bar, say
from fairpool.commands.week import BY_HAND, Week, here
from fairpool.core import core
from fairpool.servers import database
from ledger import weeks
from ledger.mendable import Mendable
from ledger.proofs.notes import NoteError, Verifier

Reason = Annotated[str, typer.Option(help="Why: kept in the ledger, and public.")]


class UnreadableKey(Mendable):
    """What was given is no verifier key."""


def archive(
    context: typer.Context,
    week: Week,
    reason: Reason,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the export goes: archives/WEEK of the data by default.")
    ] = None,
) -> None:
    """Seal a final week, export it, verify the export, and drop its events from the database.

    Players go on seeing how the week ended. Cut short anywhere, it goes on when it is run again. Keep the folder: it is
    then the only place of the week's events.
    """
    weeks.starts_at(week)
    folder = out or context.obj.data / "archives" / week
    with (
        database(context.obj) as addresses,
        core(context.obj, addresses.dsn) as built,
        progress_bar(f"archiving {week}") as progress,
    ):
        found = archiving.archive(
            keeping(built, addresses.dsn),
            week=week,
            folder=folder,
            reason=reason,
            actor=here(),
            progress=progress,
            tell=say,
        )
    typer.echo(f"{week} is archived: {found.size} events, root {found.root.hex()}, manifest {found.manifest_sha256}")


def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder of the archive.")],
    reason: Reason = BY_HAND,
    key: Annotated[
        list[str] | None, typer.Option(help="A verifier key that counts; by default those of the service.")
    ] = None,
) -> None:
    """Bring an archived week back from its export, byte for byte.

    The export is verified first, and must be the one that was archived.
    """
    try:
        keys = [Verifier.parse(text) for text in key or ()]
    except NoteError as error:
        raise UnreadableKey(str(error)) from error
    with (
        database(context.obj) as addresses,
        core(context.obj, addresses.dsn) as built,
        progress_bar(f"restoring {folder}") as progress,
    ):
        found = restoring.restore(
            keeping(built, addresses.dsn),
            folder,
            keys=keys,
            reason=reason,
            actor=here(),
            progress=progress,
            tell=say,
        )
    typer.echo(f"{found.log} is restored: {found.size} events, root {found.root.hex()}")
