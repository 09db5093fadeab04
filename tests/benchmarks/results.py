"""What a run has measured, and what it comes to: medians of interleaved pairs, as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec

from tests.benchmarks.figures import Figure, Sample, Series

DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Layer:
    """What one bet costs in a layer, in microseconds, for each of `columns`, such as sizes of the batch.

    `limit` says what bounds that layer from below, and `limits` what it took in the same run. Layers of the same part
    share its columns.
    """

    part: str
    layer: str
    columns: tuple[str, ...]
    costs: tuple[float, ...]
    limit: str = ""
    limits: tuple[float, ...] = ()


@dataclass(slots=True)
class Measured:
    """What one benchmark has measured so far. `error` says why it broke off; what it had measured stays."""

    name: str
    figures: tuple[Figure, ...] = ()
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    series: list[Series] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    def save(self, path: Path) -> None:
        """Write it to a file, whole or not at all: whoever ends this process finds what was measured until then."""
        beside = path.with_suffix(".new")
        beside.write_bytes(msgspec.json.encode(self))
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Measured:
        """Read what `save` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure and what was measured of it.

    `ours` and `theirs` are medians of the rounds. `ratio` is the median of the rounds' ratios, and `spread` their least
    and their greatest: in a round both are measured right after one another, so the ratio is little moved by a machine
    that drifts. What was not measured is None, and `error` says why.
    """

    id: str
    work: str
    peer: str
    unit: str
    ours: float | None
    theirs: float | None
    ratio: float | None
    spread: tuple[float, float] | None
    reach: float
    dream: float
    at_least: bool
    met: bool
    rounds: int
    error: str | None = None


def row(figure: Figure, samples: Sequence[Sample], *, error: str | None = None) -> Row:
    """Sum a figure's rounds up; a figure whose benchmark broke off is not met, whatever its rounds until then say."""
    ratios = [sample.ratio for sample in samples]
    ratio = median(ratios) if ratios else None
    return Row(
        id=figure.id,
        work=figure.work,
        peer=figure.peer,
        unit=figure.unit,
        ours=rounded(median(sample.ours for sample in samples)) if samples else None,
        theirs=rounded(median(sample.theirs for sample in samples)) if samples else None,
        ratio=None if ratio is None else rounded(ratio),
        spread=(rounded(min(ratios)), rounded(max(ratios))) if ratios else None,
        reach=figure.reach,
        dream=figure.dream,
        at_least=figure.at_least,
        met=ratio is not None and error is None and figure.is_met(ratio),
        rounds=len(samples),
        error=error,
    )


def rows(measured: Iterable[Measured], *, only: frozenset[str] = frozenset()) -> list[Row]:
    """Return the rows of all figures, or of `only` some, in the order of their ids.

    A benchmark that broke off before it named its figures is a row by its own name.
    """
    found = []
    for each in measured:
        if each.error and not each.figures:
            missing = Figure(each.name, each.name, "", "", reach=0, dream=0)
            found.append(row(missing, (), error=each.error))
        found += [
            row(figure, each.samples.get(figure.id, ()), error=each.error)
            for figure in each.figures
            if not only or figure.id in only
        ]
    return sorted(found, key=lambda one: _place(one.id))


def report(found: Sequence[Row], *, machine: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object that `--json` ends with; a row has an `error` only where there was one."""
    listed = [msgspec.to_builtins(each) for each in found]
    for each in listed:
        if each["error"] is None:
            del each["error"]
    return {"rows": listed, "machine": dict(machine), "settings": dict(settings)}


def rounded(value: float) -> float:
    """Return a measurement to four digits: it has no more, and files that keep it change less."""
    return float(f"{value:.{DIGITS}g}")


def _place(id: str) -> tuple[bool, int, str]:
    """Return what sorts 2 before 11, and both before m1."""
    number = id.removeprefix("m")
    return number != id, int(number) if number.isdigit() else 0, id
