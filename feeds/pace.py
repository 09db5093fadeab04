"""The pace of a settlement: as quick as it can be while nobody else appends, and in small steps beside others.

Who appends has the log to itself for as long as that takes, and whoever comes right back is ahead of those who wait.
"""

from __future__ import annotations

import time
from typing import Final

from ledger.events import ChunkSettled
from ledger.facts import Fact

# With two chunks in the queue there is always one to decide while another is appended.
CHUNKS_AHEAD: Final = 2
# Beside 500 stakes a second on 10,000 accounts nearly every chunk of 500 bets was left out twice, as some of its
# accounts had moved; smaller ones settle the game in the same time, and nobody waits long for them.
BETS_BESIDE_OTHERS: Final = 50
PAUSE_SECONDS_MAX: Final = 0.05


class Pace:
    """How many bets a chunk has, how many chunks wait behind one that is appended, and how long others come first."""

    def __init__(self, bets_at_most: int, *, known: int) -> None:
        self._most = bets_at_most
        self._fewest = min(BETS_BESIDE_OTHERS, bets_at_most)
        # The first chunk shows whether others are at work.
        self._begins = True
        self._beside_others = False
        self._next = known + 1
        self._asked_at = 0.0
        self._pause = 0.0
        self.bets = bets_at_most

    @property
    def ahead(self) -> int:
        """How many chunks are asked for before one is answered: beside others, most would be decided in vain."""
        return 0 if self._begins or self._beside_others else CHUNKS_AHEAD

    def give_way(self) -> None:
        """Leave the log to others for half as long as the last chunk took; with nobody else there is no pause."""
        if self._pause:
            time.sleep(self._pause)
        self._asked_at = time.monotonic()

    def note(self, chunk: Fact) -> None:
        """Note a chunk that was appended: whoever else appended stands between it and the one before."""
        assert isinstance(chunk.event, ChunkSettled)
        self._begins = False
        self._beside_others = chunk.position > self._next
        self._next = chunk.position + 1 + chunk.event.bets
        self.bets = self._fewest if self._beside_others else min(2 * self.bets, self._most)
        took = time.monotonic() - self._asked_at
        self._pause = min(took / 2, PAUSE_SECONDS_MAX) if self._beside_others else 0.0
