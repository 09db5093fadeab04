"""What a run leaves for the documentation: its table, the layers of a bet, and plots, each a file in one folder."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import plots, table
from tests.benchmarks.figures import Series
from tests.benchmarks.results import Layer, Measured

WRITTEN: Final = "Written by `fairpool bench --plots`, and by nobody else."
_LAYER: Final = "µs a bet; behind a dash the limit of the layer, in the same run"
_TIMES: Final = "times the limit"


def write(folder: Path, report: Mapping[str, Any], measured: Sequence[Measured]) -> None:
    """Write figures.json, figures.md, figures.svg, layers.md, and an SVG for each plot; makes the folder.

    What the run did not measure stays as it is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if report["rows"]:
        (folder / "figures.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
        (folder / "figures.md").write_text(figures_page(report))
        (folder / "figures.svg").write_text(plots.ratios(report["rows"]))
    layers = [layer for each in measured for layer in each.layers]
    if layers:
        (folder / "layers.md").write_text(layers_page(layers))
    drawn: dict[str, list[Series]] = {}
    for series in chain.from_iterable(each.series for each in measured):
        drawn.setdefault(series.plot, []).append(series)
    for title, lines in drawn.items():
        (folder / f"{file_name(title)}.svg").write_text(plots.lines(title, lines))


def figures_page(report: Mapping[str, Any]) -> str:
    """Return the table of a run as Markdown, with what it was measured on under it."""
    rows = [table.cells(row) for row in report["rows"]]
    under = "".join(f"- {line}\n" for line in table.lines_under(report))
    return f"# The figures of one run\n\n{WRITTEN}\n\n{table.markdown(table.COLUMNS, rows)}\n{under}"


def layers_page(layers: Sequence[Layer]) -> str:
    """Return where the time of one bet goes, as Markdown: a table for each part, each layer followed by its limit."""
    pages = [f"# Where the time of one bet goes\n\n{WRITTEN}\n"]
    for part in dict.fromkeys(layer.part for layer in layers):
        own = [layer for layer in layers if layer.part == part]
        columns = (_LAYER, *own[0].columns, _TIMES)
        rows = [row for layer in own for row in _layer_rows(layer)]
        pages.append(f"## {part}\n\n{table.markdown(columns, rows, words=(_LAYER,))}")
    return "\n".join(pages)


def _layer_rows(layer: Layer) -> Iterator[tuple[str, ...]]:
    yield layer.layer, *map(table.number, layer.costs), ""
    if layer.limit:
        times = f"{table.number(layer.costs[-1] / layer.limits[-1])}×"
        yield f"– {layer.limit}", *map(table.number, layer.limits), times


def file_name(title: str) -> str:
    """Return the name of a plot's file, without its suffix: bets-per-second of `Bets per second`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
