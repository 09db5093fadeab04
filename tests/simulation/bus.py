"""The feed's stream: each message comes at least once, perhaps twice, in nearly any order, to whoever takes it."""

from __future__ import annotations

from random import Random
from typing import Final

WINDOW: Final = 8


class Bus:
    """Messages that were published and not acknowledged; `redeliveries` is how likely one comes again all the same."""

    def __init__(self, random: Random, *, redeliveries: float) -> None:
        self._random = random
        self._redeliveries = redeliveries
        self._pending: dict[int, bytes] = {}
        self._published = 0
        self.delivered = 0

    def publish(self, body: bytes) -> None:
        """Have a message delivered."""
        self._published += 1
        self._pending[self._published] = body

    def has_news(self) -> bool:
        """Say whether there is something to deliver."""
        return bool(self._pending)

    def deliver(self) -> tuple[int, bytes]:
        """Return one of the messages that have waited longest, which another process may be at work on."""
        self.delivered += 1
        return self._random.choice(list(self._pending.items())[:WINDOW])

    def acknowledge(self, number: int) -> None:
        """Let a message go, or lose the acknowledgement."""
        if self._random.random() >= self._redeliveries:
            self._pending.pop(number, None)
