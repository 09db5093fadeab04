"""A drawing as SVG, and scales for its axes: the same bytes each time, readable on light pages and dark ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from math import ceil, floor, log, log10
from typing import Final

Scale = Callable[[float], float]
"""From a value to its place on the drawing."""

COLOURS: Final = ("a", "b", "c", "d")
# The panel comes with the drawing: its text is readable whatever page it stands on.
_STYLE: Final = """<style>
svg{font:12px system-ui,sans-serif;--panel:#fff;--ink:#24292f;--grid:#d8dee4}
svg{--a:#0969da;--b:#bc4c00;--c:#1a7f37;--d:#8250df}
@media(prefers-color-scheme:dark){
svg{--panel:#0d1117;--ink:#c9d1d9;--grid:#30363d}
svg{--a:#58a6ff;--b:#f0883e;--c:#3fb950;--d:#bc8cff}
}
.panel{fill:var(--panel)}.grid{stroke:var(--grid)}.mark{stroke:var(--ink)}text{fill:var(--ink)}
.a{color:var(--a)}.b{color:var(--b)}.c{color:var(--c)}.d{color:var(--d)}
.curve{fill:none;stroke:currentcolor;stroke-width:2}.dot,.bar,.label{fill:currentcolor}
.title{font-size:14px;font-weight:600}.end{text-anchor:end}.middle{text-anchor:middle}
</style>"""


class Drawing:
    """Shapes on a panel of so many pixels."""

    def __init__(self, width: float, height: float) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">',
            _STYLE,
            '<rect class="panel" width="100%" height="100%"/>',
        ]

    def text(self, x: float, y: float, text: str, kind: str = "start") -> None:
        """Write a text; `kind` is title, start, middle or end, and may name a colour."""
        self._parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> None:
        """Draw a straight line; `kind` is grid or mark."""
        self._parts.append(f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>')

    def bar(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Draw a filled rectangle."""
        self._parts.append(
            f'<rect class="bar {colour}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
        )

    def curve(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        """Draw a line through points, and a dot on each."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polyline class="curve {colour}" points="{path}"/>')
        self._parts += [f'<circle class="dot {colour}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y in points]

    def __str__(self) -> str:
        return "\n".join([*self._parts, "</svg>"]) + "\n"


def linear(first: float, last: float, start: float, end: float) -> Scale:
    """Return the scale that puts `first` at `start` and `last` at `end`."""
    return lambda value: start + (end - start) * (value - first) / ((last - first) or 1)


def logarithmic(first: float, last: float, start: float, end: float) -> Scale:
    """Return the scale on which equal factors are equal distances."""
    even = linear(log10(first), log10(last), start, end)
    return lambda value: even(log10(value))


def steps(top: float) -> list[float]:
    """Return zero and round numbers above it, evenly spaced, at most seven, up to one that is not below `top`."""
    rough = (top or 1) / 5
    unit = 10.0 ** floor(log10(rough))
    step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
    return [step * number for number in range(ceil(top / step - 1e-9) + 1)]


def powers(least: float, greatest: float, *, base: float = 10) -> list[float]:
    """Return powers of `base`, from one that is not above `least` to one that is not below `greatest`."""
    first, last = floor(log(least, base) + 1e-9), ceil(log(greatest, base) - 1e-9)
    return [float(base) ** power for power in range(first, last + 1)]


def short(value: float) -> str:
    """Return a number of an axis: 250, 20k, 10M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
