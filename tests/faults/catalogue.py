"""Every fault there is, in the order in which they are played."""

from __future__ import annotations

from collections.abc import Sequence

from tests.faults import backups, feeds, kills, networks, standbys, storage, times
from tests.faults.rounds import Fault


def chosen(words: Sequence[str] | None, *, scale: float) -> list[Fault]:
    """Return the faults whose names have one of these words, or all; `scale` times the rounds."""
    every = [
        fault for kind in (kills, networks, feeds, storage, times, backups, standbys) for fault in kind.faults(scale)
    ]
    return [each for each in every if not words or any(word.lower() in each.name.lower() for word in words)]
