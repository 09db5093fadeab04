"""What many need at once and one thing brings: it is done once, and all of them get what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Has who comes while something is done wait for that; its failure, too, is for all of them.

    Behind a lock each would try again when its turn comes: of a database that is away, they would learn one by one.
    """

    def __init__(self) -> None:
        self._done: asyncio.Task[T] | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what comes of `work`, or of that which is under way."""
        if self._done is None or self._done.done():
            self._done = asyncio.create_task(work())
            self._done.add_done_callback(_note)
        # Who leaves does not take it from the others.
        return await asyncio.shield(self._done)


def _note(done: asyncio.Task[Any]) -> None:
    """Take note of a failure that everybody left before it came: the loop would report that nobody did."""
    if not done.cancelled():
        done.exception()
