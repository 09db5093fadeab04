"""What the event loop asks the ledger, and the answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Final, TypeVar

T = TypeVar("T")
_Waiter = asyncio.Future[Any]
# So many may delay one another, which takes them some milliseconds at the most.
TOGETHER_MAX: Final = 32


class Answers:
    """Brings what desks answer in their threads to those who wait in the event loop.

    A desk answers a whole batch at once, and the loop is woken once for it: by `asyncio.wrap_future` each answer would
    wake it, and take a twentieth of a bet's time. In the same way the desk is asked at once for all requests that came
    together: woken by the first of them, it would append that one alone, and the others in a second batch. That took an
    eighth of a bet's time.
    """

    def __init__(self) -> None:
        self._asking: list[tuple[_Waiter, Callable[[], Future[Any]]]] = []
        self._given: deque[tuple[_Waiter, Future[Any]]] = deque()
        self._is_woken = False

    async def to(self, asked: Future[T]) -> T:
        """Wait for an answer. Whoever gives up waiting does not take back a command that may stand already."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        asked.add_done_callback(partial(self._give, loop, waiter))
        return await waiter

    async def of(self, ask: Callable[[], Future[T]]) -> T:
        """Ask together with all who ask in these turns of the loop, and wait for the answer, as `to` does."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        if not self._asking:
            loop.call_soon(self._ask, loop, 0)
        self._asking.append((waiter, ask))
        return await waiter

    def _ask(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """Ask, unless the last turn has brought more than there were `before`: then the next may, too."""
        if before < len(self._asking) < TOGETHER_MAX:
            loop.call_soon(self._ask, loop, len(self._asking))
            return
        asking, self._asking = self._asking, []
        for waiter, ask in asking:
            try:
                asked = ask()
            except Exception as error:
                if not waiter.done():
                    waiter.set_exception(error)
            else:
                asked.add_done_callback(partial(self._give, loop, waiter))

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
