"""What a benchmark measures: figures, each a ratio to a peer or a limit measured in the same run, and plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fairpool.embedded import EmbeddedPostgres

FULL_ROUNDS: Final = 5
QUICK_ROUNDS: Final = 2


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio, ours to theirs, that is to be reached. `at_least`: more is better; else `reach` is the most allowed.

    `unit` is that of both measurements, such as `stakes/s` or `ms`.
    """

    id: str
    work: str
    peer: str
    unit: str
    reach: float
    dream: float
    at_least: bool = True

    def is_met(self, ratio: float) -> bool:
        """Say whether a ratio is good enough."""
        return ratio >= self.reach if self.at_least else ratio <= self.reach


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round measured of a figure: our work and the peer's, right after one another, in the figure's unit."""

    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        """Ours to theirs."""
        return self.ours / self.theirs


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a plot: how `y` depends on `x`. Series of the same plot share its name and axes."""

    plot: str
    label: str
    x_axis: str
    y_axis: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a benchmark stands on: a PostgreSQL of its own, as the service starts it (fsync on), and a folder.

    `quick` asks for smaller data. `tell` reports progress, one line at a time.
    """

    postgres: EmbeddedPostgres
    folder: Path
    quick: bool
    tell: Callable[[str], None]


Round = Callable[[], Mapping[str, Sample]]
"""One interleaved measurement of all figures of a benchmark, by the figures' ids."""
