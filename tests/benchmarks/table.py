"""The figures as a table: for a terminal, for a pipe, for a page."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

COLUMNS: Final = ("#", "work", "peer or limit", "ours", "theirs", "unit", "ratio", "spread", "reach", "dream", "met")
_WORDS: Final = ("work", "peer or limit", "unit")
_WIDE: Final = 1_000


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a row of a report as texts, one for each of COLUMNS."""
    sign = "≥" if row["at_least"] else "≤"
    spread = row["spread"]
    return (
        row["id"],
        row["work"],
        row["peer"],
        number(row["ours"]),
        number(row["theirs"]),
        row["unit"],
        number(row["ratio"]),
        f"{number(spread[0])} – {number(spread[1])}" if spread else "–",
        f"{sign} {number(row['reach'])}",
        f"{sign} {number(row['dream'])}",
        "failed" if "error" in row else "yes" if row["met"] else "no",
    )


def number(value: float | None) -> str:
    """Return a number with three digits that count, or all that stand before the point; a dash where there is none."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def lines_under(report: Mapping[str, Any]) -> list[str]:
    """Return what stands under the table: on what it was measured, how, and what failed."""
    machine, settings = report["machine"], report["settings"]
    rough = ", a rough run" if settings["quick"] else ""
    return [
        *(f"{row['id']} failed: {row['error']}" for row in report["rows"] if "error" in row),
        f"medians of {settings['rounds']} interleaved rounds{rough}; spread: the least and the greatest ratio",
        f"machine: {machine['cores']} cores, {machine['cpu']}, {machine['memory_mb'] / 1024:.0f} GB, "
        f"{machine['kernel']}, {machine['file_system']}, fdatasync of 8 kB {machine['fdatasync_us']} µs (median)",
        "settings: "
        + ", ".join(f"{name} {value}" for name, value in settings.items() if name not in ("quick", "rounds")),
    ]


def show(report: Mapping[str, Any]) -> None:
    """Print a report on standard output."""
    table = Table(show_lines=sys.stdout.isatty())
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in _WORDS else "right")
    for row in report["rows"]:
        table.add_row(*cells(row))
    # A terminal wraps what does not fit; a file or a pipe has room for all.
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_WIDE)
    if report["rows"]:
        console.print(table)
    for line in lines_under(report):
        console.print(line, markup=False, soft_wrap=True)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]], *, words: Sequence[str] = _WORDS) -> str:
    """Return a table for a page; the columns named `words` are set left, all others are numbers."""
    ruler = ["---" if column in words else "---:" for column in columns]
    return "".join(f"| {' | '.join(line)} |\n" for line in (columns, ruler, *rows))
