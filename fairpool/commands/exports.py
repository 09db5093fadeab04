"""`fairpool audit export`: a log as files that anyone can read."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fairpool.commands.output import progress_bar, say
from fairpool.core import Core, core
from fairpool.exports.export import Progress, export_file, export_folder, export_to, no_progress
from fairpool.exports.forms import Form
from fairpool.exports.published import published
from fairpool.servers import database


class Format(StrEnum):
    """What can be asked for: a form, or all of them."""

    JSONL = Form.JSONL
    CSV = Form.CSV
    PARQUET = Form.PARQUET
    HLEDGER = Form.HLEDGER
    BEANCOUNT = Form.BEANCOUNT
    ALL = "all"


def export(
    context: typer.Context,
    log: Annotated[str, typer.Argument(help="A week such as 2026-W47, or `office`.")],
    format: Annotated[
        Format, typer.Option(help="The form of the export; `all` writes every one in one pass.")
    ] = Format.JSONL,
    out: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="File to write; or a folder (one that exists, or a path that ends in /), which gets the form with "
            "checkpoints.txt and manifest.json. Standard output by default.",
        ),
    ] = None,
    until: Annotated[
        int | None, typer.Option(min=0, help="Position to stop at; the end of the log by default.")
    ] = None,
) -> None:
    """Write a log's events, the same bytes every time."""
    if out is None and format in (Format.ALL, Format.PARQUET):
        raise typer.BadParameter(f"{format.value} does not go to standard output: name a place with --out")
    # A bar must not be drawn between lines that go to the same terminal.
    quiet = out is None and sys.stdout.isatty()
    bar = nullcontext(no_progress) if quiet else progress_bar(f"exporting {log}")
    with database(context.obj) as addresses, core(context.obj, addresses.dsn) as built, bar as progress:
        size = _export(built, log, format=format, out=out, until=until, progress=progress)
    say(f"{size} events of {log} as {format.value}")


def _export(built: Core, log: str, *, format: Format, out: str | None, until: int | None, progress: Progress) -> int:
    """Write where it was asked for, and return how many events."""
    recorder = built.ledger.recorder(log)
    if out is not None and (format is Format.ALL or out.endswith("/") or Path(out).is_dir()):
        manifest = export_folder(
            recorder,
            Path(out),
            published=published(built.ledger, log=log, origin=built.settings.origin),
            forms=list(Form) if format is Format.ALL else [Form(format.value)],
            until=until,
            progress=progress,
        )
        return manifest.size
    form = Form(format.value)
    if out is not None:
        return export_file(recorder, form, Path(out), until=until, progress=progress)
    size = export_to(recorder, form, sys.stdout.buffer, until=until, progress=progress)
    sys.stdout.flush()
    return size
