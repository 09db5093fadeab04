"""Every fault there is, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults import kills
from tests.faults.rounds import Fault


def chosen(words: Sequence[str] | None, *, scale: float) -> list[Fault]:
    """Return the faults whose names have one of these words, or all; `scale` times the rounds."""
    every = [*kills.faults(scale)]
    return [each for each in every if not words or any(word.lower() in each.name.lower() for word in words)]
