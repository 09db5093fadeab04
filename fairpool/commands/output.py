"""What commands print: tables and progress for people, JSON for machines, plain lines where there is no terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

_WIDE: Final = 1_000
_DRAW_SECONDS: Final = 0.1


def say(text: str) -> None:
    """Print a line for people, on standard error, so that standard output stays clean for machines."""
    Console(stderr=True, highlight=False).print(text)


def print_json(value: Any) -> None:
    """Print one JSON object on standard output."""
    typer.echo(json.dumps(value, separators=(",", ":"), default=str))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on standard output."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in ("pool", "entry", "player", "name", "week") else "right")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    # A terminal cuts what does not fit; a file or a pipe has room for every id.
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_WIDE)
    console.print(table)


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that takes how much is done, and of how much; it draws where there is a terminal.

    It draws when it is told, not from a thread of its own: so what is under way may fork.
    """
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        auto_refresh=False,
    )
    with bar:
        task, due = bar.add_task(title, total=None), time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal due
            if done >= total or time.monotonic() >= due:
                bar.update(task, completed=done, total=total, refresh=True)
                due = time.monotonic() + _DRAW_SECONDS

        yield tell
