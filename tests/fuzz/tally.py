"""What a run of malice came to: one line a target."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

FOUND_MAX: Final = 20


@dataclass
class Tally:
    """What was tried of one target, how it was answered (`2xx`, `4xx`, `closed`, …), and what was found."""

    target: str
    cases: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    def status(self, status: int) -> None:
        """Count an answer."""
        self.answered["503" if status == 503 else f"{status // 100}xx"] += 1

    def complain(self, what: str) -> None:
        """Note something that should not be; the first of them are enough."""
        if len(self.found) < FOUND_MAX:
            self.found.append(what)

    def __str__(self) -> str:
        """Return the line."""
        answered = ", ".join(f"{count} {kind}" for kind, count in sorted(self.answered.items()))
        seconds = time.monotonic() - self._began
        return f"{self.target}: {self.cases} cases in {seconds:.0f} s: {answered}; {len(self.found)} found"


@dataclass(frozen=True)
class Bounds:
    """How long a target is tried, and from which seed: at most `cases`, for `seconds`."""

    seed: int
    seconds: float = 60.0
    cases: int = 10**9

    def numbers(self) -> Numbers:
        """Return the numbers of the cases to come: each with the seed makes a case that can be made again."""
        return Numbers(self)


class Numbers:
    """The numbers of cases, until the time is over."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._next = 0
        self._ends_at = time.monotonic() + bounds.seconds

    def __iter__(self) -> Numbers:
        return self

    def __next__(self) -> int:
        if self._next >= self._bounds.cases or time.monotonic() >= self._ends_at:
            raise StopIteration
        self._next += 1
        return self._next
