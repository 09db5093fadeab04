"""The feed's stream: each message comes at least once, perhaps twice, in nearly any order, to whoever takes it."""

from __future__ import annotations

from itertools import islice
from typing import Final

from tests.simulation.scheduler import Scheduler, Signal

WINDOW: Final = 8


class Bus:
    """Messages that were published and not acknowledged; `redeliveries` is how likely one comes again all the same."""

    def __init__(self, scheduler: Scheduler, *, redeliveries: float) -> None:
        self._random = scheduler.random
        self.news = Signal(scheduler)
        self._redeliveries = redeliveries
        self._pending: dict[int, bytes] = {}
        self._published = 0
        self.delivered = 0

    def publish(self, body: bytes) -> None:
        """Have a message delivered."""
        self._published += 1
        self._pending[self._published] = body
        self.news.notify()

    def has_news(self) -> bool:
        """Say whether there is something to deliver."""
        return bool(self._pending)

    def deliver(self) -> tuple[int, bytes]:
        """Return one of the messages that have waited longest, which another process may be at work on."""
        self.delivered += 1
        return self._random.choice(list(islice(self._pending.items(), WINDOW)))

    def acknowledge(self, number: int) -> None:
        """Let a message go, or lose the acknowledgement."""
        if self._random.random() >= self._redeliveries:
            self._pending.pop(number, None)
