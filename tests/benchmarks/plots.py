"""The plots of the documentation: how a cost depends on a size, and the figures beside what they were to reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.benchmarks.figures import Series
from tests.benchmarks.svg import COLOURS, Drawing, Scale, linear, logarithmic, powers, short, steps

WIDTH: Final = 720
HEIGHT: Final = 380
LEFT: Final = 60
RIGHT: Final = WIDTH - 30
TOP: Final = 64
BOTTOM: Final = HEIGHT - 50
# Of the bars: what stands left of them, and right.
LABELS: Final = 340
VALUES: Final = WIDTH - 110
ROW: Final = 26
# How many times the least x the greatest is, from which on the axis is logarithmic.
FAR: Final = 20
LABEL_LETTERS: Final = 52
_LETTER: Final = 6.5
MET, MISSED = "c", "b"


def lines(title: str, drawn: Sequence[Series]) -> str:
    """Draw series over the same axes: y from zero, x by powers of ten where its ends are far from one another."""
    drawing = Drawing(WIDTH, HEIGHT)
    drawing.text(LEFT, 22, title, "title")
    across, up = _axes(drawing, drawn)
    legend = RIGHT
    for series, colour in reversed(list(zip(drawn, COLOURS, strict=False))):
        drawing.curve([(across(x), up(y)) for x, y in series.points], colour)
        drawing.text(legend, 44, series.label, f"end label {colour}")
        legend -= round(_LETTER * len(series.label)) + 20
    return str(drawing)


def _axes(drawing: Drawing, drawn: Sequence[Series]) -> tuple[Scale, Scale]:
    """Draw the axes of some series, and return their scales."""
    xs = sorted({x for series in drawn for x, _ in series.points})
    if xs[0] > 0 and xs[-1] >= FAR * xs[0]:
        x_ticks = powers(xs[0], xs[-1])
        across = logarithmic(x_ticks[0], x_ticks[-1], LEFT, RIGHT)
    else:
        x_ticks = xs
        across = linear(xs[0], xs[-1], LEFT, RIGHT)
    y_ticks = steps(max(y for series in drawn for _, y in series.points))
    up = linear(0, y_ticks[-1], BOTTOM, TOP)
    for tick in y_ticks:
        drawing.line(LEFT, up(tick), RIGHT, up(tick))
        drawing.text(LEFT - 8, up(tick) + 4, short(tick), "end")
    for tick in x_ticks:
        drawing.line(across(tick), TOP, across(tick), BOTTOM)
        drawing.text(across(tick), BOTTOM + 18, short(tick), "middle")
    drawing.text(LEFT, 44, drawn[0].y_axis)
    drawing.text((LEFT + RIGHT) / 2, BOTTOM + 38, drawn[0].x_axis, "middle")
    return across, up


def ratios(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw a bar for each row of a report: how many times better it is than what it was at least to reach.

    What it was to reach is 1× on a logarithmic axis, for figures that are to be great and that are to be small; bars to
    the right reach it, bars to the left do not. A mark shows the dream.
    """
    bars = [(row, _better(row, row["ratio"]), _better(row, row["dream"])) for row in rows if row["ratio"]]
    values = [value for _, *both in bars for value in both]
    ticks = powers(min([*values, 0.5]), max([*values, 2]), base=2)
    across = logarithmic(ticks[0], ticks[-1], LABELS, VALUES)
    bottom = TOP + ROW * len(bars)
    drawing = Drawing(WIDTH, bottom + 16)
    drawing.text(12, 22, "Ratios, as multiples of what they were to reach; marks are dreams", "title")
    for tick in ticks:
        drawing.line(across(tick), TOP - 6, across(tick), bottom, "mark" if tick == 1 else "grid")
        # What is less than 1 is long to write: as a fraction it has room.
        drawing.text(across(tick), TOP - 12, f"{tick:g}×" if tick >= 1 else f"1/{1 / tick:g}", "middle")
    for number, (row, better, dream) in enumerate(bars):
        y = TOP + ROW * number
        start, end = sorted((across(1), across(better)))
        label = f"{row['id']}  {row['work']}"
        drawing.text(12, y + 15, label if len(label) <= LABEL_LETTERS else label[: LABEL_LETTERS - 1] + "…")
        drawing.bar(start, y + 4, end - start, 14, MET if row["met"] else MISSED)
        drawing.line(across(dream), y + 1, across(dream), y + 21, "mark")
        drawing.text(
            WIDTH - 12, y + 15, f"{row['ratio']:.3g} ({'≥' if row['at_least'] else '≤'} {row['reach']:g})", "end"
        )
    return str(drawing)


def _better(row: Mapping[str, Any], ratio: float) -> float:
    """Return by how many times a ratio is better than what the row was to reach."""
    return float(ratio / row["reach"] if row["at_least"] else row["reach"] / ratio)
