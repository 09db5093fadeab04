"""What the event loop asks the ledger, and the answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from itertools import takewhile
from typing import Any, Final, TypeVar

from api.refusal import Refusal
from ledger.desk import PATIENCE_SECONDS, LedgerUnavailable

T = TypeVar("T")
_Waiter = asyncio.Future[Any]
# So many may delay one another, which takes them some milliseconds at the most.
TOGETHER_MAX: Final = 32
UNDER_WAY_MAX: Final = 4_096
"""How many commands may wait for the ledger: about half a second of work, beyond which waiting only makes it longer."""
# A desk that tries again answers before; one that hangs in the database cannot.
_ANSWERED_SECONDS: Final = PATIENCE_SECONDS + 2
_LOOKS: Final = 10


class Answers:
    """Brings what desks answer in their threads to those who wait in the event loop.

    A desk answers a whole batch at once, and the loop is woken once for it: by `asyncio.wrap_future` each answer would
    wake it, and take a twentieth of a bet's time. In the same way the desk is asked at once for all requests that came
    together: woken by the first of them, it would append that one alone, and the others in a second batch. That took an
    eighth of a bet's time.

    Nobody waits longer than `seconds`, or a tenth more; at most `most` commands are under way.
    """

    def __init__(self, *, most: int = UNDER_WAY_MAX, seconds: float = _ANSWERED_SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        # How many were asked and not answered, also of those whom nobody waits for any more.
        self._under_way = 0
        # Those who wait, in the order of their ends.
        self._waiting: dict[_Waiter, float] = {}
        self._asking: list[tuple[_Waiter, Callable[[], Future[Any]]]] = []
        self._given: deque[tuple[_Waiter, Future[Any]]] = deque()
        self._is_woken = False
        self._is_watching = False

    async def of(self, ask: Callable[[], Future[T]]) -> T:
        """Ask together with all who ask in these turns of the loop, and wait for the answer.

        Whoever gives up waiting does not take back a command that may stand already. Raises Refusal `overloaded`, and
        LedgerUnavailable where no answer comes in time: only the log knows whether the command stands.
        """
        if self._under_way >= self._most:
            raise Refusal("overloaded", "The ledger has as much to do as it takes: repeat the request, with its key.")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        self._under_way += 1
        self._waiting[waiter] = loop.time() + self._seconds
        if not self._is_watching:
            self._watch(loop)
        if not self._asking:
            loop.call_soon(self._ask, loop, 0)
        self._asking.append((waiter, ask))
        try:
            return await waiter
        finally:
            del self._waiting[waiter]

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
                self._under_way -= 1
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
            self._under_way -= 1
            if waiter.done():
                continue
            error = answer.exception()
            if error is None:
                waiter.set_result(answer.result())
            else:
                waiter.set_exception(error)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._is_watching = True
        loop.call_later(self._seconds / _LOOKS, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell those who have waited long enough."""
        self._is_watching = False
        if self._waiting:
            self._watch(loop)
        now = loop.time()
        for waiter in list(takewhile(lambda each: self._waiting[each] <= now, self._waiting)):
            if not waiter.done():
                waiter.set_exception(LedgerUnavailable("the database does not answer, nor say that it will not"))
