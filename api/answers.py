"""The ledger's answers, brought into the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
_Waiter = asyncio.Future[Any]


class Answers:
    """Brings what desks answer in their threads to those who wait in the event loop.

    A desk answers a whole batch at once, and the loop is woken once for it: by `asyncio.wrap_future` each answer would
    wake it, and take a twentieth of a bet's time.
    """

    def __init__(self) -> None:
        self._given: deque[tuple[_Waiter, Future[Any]]] = deque()
        self._is_woken = False

    async def to(self, asked: Future[T]) -> T:
        """Wait for an answer. Whoever gives up waiting does not take back a command that may stand already."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        asked.add_done_callback(partial(self._give, loop, waiter))
        return await waiter

    def _give(self, loop: asyncio.AbstractEventLoop, waiter: _Waiter, answer: Future[Any]) -> None:
        """Note an answer; in whatever thread gives it."""
        self._given.append((waiter, answer))
        # Who finds the loop woken is taken along: it takes what was given after it lets itself be woken again.
        if not self._is_woken and not loop.is_closed():
            self._is_woken = True
            loop.call_soon_threadsafe(self._take)

    def _take(self) -> None:
        self._is_woken = False
        while self._given:
            waiter, answer = self._given.popleft()
            if waiter.done():
                continue
            error = answer.exception()
            if error is None:
                waiter.set_result(answer.result())
            else:
                waiter.set_exception(error)
