"""A few worker threads of one's own, so that following logs neither waits for requests nor holds them up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

T = TypeVar("T")


class Threads:
    """Runs calls that wait for the database, at most `number` at once."""

    def __init__(self, number: int) -> None:
        self._limiter = CapacityLimiter(number)

    async def run(self, call: Callable[[], T]) -> T:
        """Return what a call returns, made in a thread."""
        return await to_thread.run_sync(call, limiter=self._limiter)
