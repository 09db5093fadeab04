"""One client's stream: where it is in the log, and what it is told from there on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Final
from uuid import UUID

from api.livefeed.follower import Follower
from api.livefeed.frames import EventId, Message, frame, framed, pulse
from api.livefeed.hub import Hub
from api.livefeed.ring import Ring
from api.livefeed.shapes import Bye, GoneBack, Reset
from api.livefeed.standings import PoolFeed, Standings
from api.livefeed.telling import OwnAccount, Told
from api.refusal import Refusal
from ledger.datastore import OUTAGES
from ledger.facts import Fact

_AT_ONCE: Final = 64
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a client listens to: topics of a log, with its own entry, or the pool that an auditor watches."""

    log: str
    topics: frozenset[str]
    entry: UUID | None = None
    pool_id: UUID | None = None
    tells_entries: bool = False


class Stream:
    """Reads on in the ring from its own position; what a slow client has not taken yet stays there.

    `verify` raises Refusal when the client may not listen any more; `retry` is how many milliseconds it is told to
    wait before it comes back.
    """

    def __init__(
        self,
        hub: Hub,
        wanted: Wanted,
        *,
        last_event_id: str | None,
        verify: Callable[[], Awaitable[object]],
        retry: int,
    ) -> None:
        self._hub = hub
        self._wanted = wanted
        self._last_event_id = last_event_id
        self._verify = verify
        self._retry = retry
        # Until it has begun, the stream is where the client was.
        self._at = EventId.read(last_event_id or "") or EventId(wanted.log, 0)
        self._account: OwnAccount | None = None
        self._feed: PoolFeed | None = None
        self._unwatch: Callable[[], None] | None = None
        self._shown: Standings | None = None
        self._bye: Bye | None = None
        self._woken = asyncio.Event()
        self._is_waiting = False
        self._pulse_at = 0.0

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """Yield the stream's bytes, until it is told to end."""
        try:
            follower = await self._hub.join(self._wanted.log, self)
            yield await self._start(follower)
            while self._bye is None:
                chunk = await self._next(follower)
                if chunk:
                    yield chunk
                elif self._bye is None:
                    await self._wait()
        except OUTAGES as error:
            _log.warning("a live stream of %s ends: the database does not answer: %s", self._wanted.log, error)
            self._bye = Bye(reason="unavailable", detail="The database does not answer: come back in a moment.")
        yield frame(Message("bye", self._bye.model_dump_json()), self._at)

    def notice(self, ring: Ring) -> None:
        """Wake up for what the ring has new; go on past what is for others."""
        known = self._at.whole
        is_moved = self._account is not None and ring.has_moved(self._account.entry, after=known)
        if self._is_waiting and not is_moved and not ring.has_told(after=known):
            self._at = max(self._at, EventId(self._wanted.log, ring.head))
        else:
            self.wake()

    def wake(self) -> None:
        """Look again."""
        self._woken.set()

    def end(self, reason: str, detail: str) -> None:
        """Say goodbye and end."""
        self._bye = Bye(reason=reason, detail=detail)
        self.wake()

    def close(self) -> None:
        """Give back what the stream holds."""
        if self._unwatch is not None:
            self._unwatch()
        self._hub.leave(self._wanted.log, self)

    async def _start(self, follower: Follower) -> bytes:
        self._pulse_at = _now() + self._hub.limits.heartbeat
        if self._last_event_id is None:
            begun = await self._begin(follower)
        else:
            gone = await self._resume(follower, self._last_event_id)
            begun = await self._begin(follower, gone=gone) if gone is not None else b""
        return pulse(self._at, retry=self._retry) + begun

    async def _begin(self, follower: Follower, *, gone: GoneBack | None = None) -> bytes:
        """Begin where the ring ends, with the balance as it stands there; `gone` is why the client cannot go on."""
        at = EventId(self._wanted.log, follower.ring.head)
        self._account = await self._account_at(follower, at)
        self._at, self._shown = at, None
        self._watch(follower)
        messages = [Message("reset", Reset(reason=gone).model_dump_json())] if gone is not None else []
        if self._account is not None and "balance" in self._wanted.topics:
            messages += self._account.balance()
        return b"".join(frame(message, at) for message in messages)

    async def _resume(self, follower: Follower, last_event_id: str) -> GoneBack | None:
        """Go on behind the last event that the client has; return why that cannot be."""
        at = EventId.read(last_event_id)
        if at is None or at.log != self._wanted.log:
            return "unknown_position"
        # A client may know more than the projections do yet, from the answer to a bet: never more than the log.
        if at.position > follower.ring.head and at.position > await self._hub.threads.run(follower.reader.head):
            return "unknown_position"
        if not await follower.reach_back(at.whole):
            return "too_far_back"
        self._account = await self._account_at(follower, at)
        self._at = at
        self._watch(follower)
        return None

    async def _account_at(self, follower: Follower, at: EventId) -> OwnAccount | None:
        entry = self._wanted.entry
        if entry is None or self._wanted.topics.isdisjoint({"balance", "standings"}):
            return None
        return await self._hub.threads.run(partial(follower.reader.account, entry, until=at.whole))

    def _watch(self, follower: Follower) -> None:
        """Watch the pool, once there is one: a player's comes with the draw."""
        pool_id = self._account.pool_id if self._account is not None else self._wanted.pool_id
        if self._feed is None and pool_id is not None and "standings" in self._wanted.topics:
            self._feed = follower.watch(pool_id, self)
            self._unwatch = partial(follower.unwatch, pool_id, self)

    async def _next(self, follower: Follower) -> bytes:
        """Return what is to be sent next, nothing if there is nothing."""
        if _now() >= self._pulse_at:
            return await self._pulse()
        if self._at.whole < follower.ring.floor:
            return await self._begin(follower, gone="fell_behind")
        while self._at.whole < follower.ring.head:
            if news := self._news(follower.ring):
                self._watch(follower)
                return news
        return self._standings()

    def _news(self, ring: Ring) -> bytes:
        """Return some of what the ring has behind the stream's place, and move there."""
        known, log = self._at.whole, self._wanted.log
        own = ring.own(self._account.entry, after=known, limit=_AT_ONCE) if self._account is not None else []
        told = ring.told(after=known, limit=_AT_ONCE)
        items: list[Fact | Told] = [*own, *told]
        items.sort(key=attrgetter("position"))
        is_all = len(items) < _AT_ONCE
        frames: list[bytes] = []
        for item in items[:_AT_ONCE]:
            at = self._at if item.position == self._at.position else EventId(log, item.position)
            frames += framed(self._messages(item), at)
        self._at = EventId(log, ring.head if is_all else items[_AT_ONCE - 1].position)
        return b"".join(frames)

    def _messages(self, item: Fact | Told) -> list[Message]:
        """Return what the client is told of something, and fold what is its own."""
        topics = self._wanted.topics
        if isinstance(item, Told):
            return [item.message] if topics & item.topics else []
        assert self._account is not None
        messages = self._account.told_of(item)
        return messages if "balance" in topics else []

    def _standings(self) -> bytes:
        """Return the pool's standings if they are newer than those that were sent."""
        if self._feed is None or self._feed.shown is None or self._feed.shown is self._shown:
            return b""
        self._shown = self._feed.shown
        entry = self._wanted.entry
        return frame(self._shown.message(entry=entry, tells_entries=self._wanted.tells_entries), self._at)

    async def _pulse(self) -> bytes:
        """Ask anew whether the client may listen."""
        self._pulse_at = _now() + self._hub.limits.heartbeat
        try:
            await self._verify()
        except Refusal as refusal:
            self.end(refusal.code, str(refusal))
            return b""
        return pulse(self._at)

    async def _wait(self) -> None:
        self._is_waiting = True
        try:
            async with asyncio.timeout_at(self._pulse_at):
                await self._woken.wait()
        except TimeoutError:
            return
        finally:
            self._is_waiting = False
            self._woken.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
