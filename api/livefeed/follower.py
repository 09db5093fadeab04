"""Follows one log for all the streams that listen to it here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Protocol
from uuid import UUID

from api.livefeed.reader import LogReader
from api.livefeed.ring import Page, Ring
from api.livefeed.standings import PoolFeed, StandingsReader, Watcher
from api.livefeed.threads import Threads
from ledger.events import AccountOpened
from ledger.facts import Fact

Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]


class Listener(Watcher, Protocol):
    """Somebody who listens to a log."""

    def notice(self, ring: Ring) -> None:
        """Take note that the ring has moved on."""
        ...

    def end(self, reason: str, detail: str) -> None:
        """Say goodbye and end."""
        ...


class Follower:
    """The ring of a log, and the feeds of those of its pools that somebody watches."""

    def __init__(
        self,
        reader: LogReader,
        *,
        start: int,
        kept: int,
        standings: StandingsReader,
        every: float,
        threads: Threads,
        spawn: Spawn,
    ) -> None:
        self.reader = reader
        self.ring = Ring(start=start, kept=kept)
        self.listeners: set[Listener] = set()
        self._kept = kept
        self._standings = standings
        self._every = every
        self._threads = threads
        self._spawn = spawn
        self._feeds: dict[UUID, tuple[PoolFeed, asyncio.Task[None]]] = {}
        self._feed_of: dict[UUID, PoolFeed] = {}
        self._reading = asyncio.Lock()

    async def advance(self, visible: int) -> None:
        """Read what is new up to a position which the projections have come to, and tell those who listen."""
        async with self._reading:
            while self.ring.head < visible:
                page = await self._page(after=self.ring.head, until=visible)
                self.ring.append(page)
                for fact in page.own:
                    self._tell_feed(fact)
                for listener in self.listeners:
                    listener.notice(self.ring)

    async def reach_back(self, position: int) -> bool:
        """Let the ring cover all behind a position; False where that is too far back."""
        async with self._reading:
            if position >= self.ring.floor:
                return True
            if self.ring.head - position > self._kept:
                return False
            pages = [await self._page(after=position, until=self.ring.floor)]
            while pages[-1].until < self.ring.floor:
                pages.append(await self._page(after=pages[-1].until, until=self.ring.floor))
            for page in reversed(pages):
                self.ring.prepend(page)
            return True

    def watch(self, pool_id: UUID, watcher: Watcher) -> PoolFeed:
        """Return the feed of a pool, which wakes the watcher when there are new standings."""
        if pool_id not in self._feeds or self._feeds[pool_id][1].done():
            read = partial(self._threads.run, partial(self._standings.read, pool_id))
            feed = PoolFeed(read, ring=self.ring, every=self._every, found=self._found)
            self._feeds[pool_id] = feed, self._spawn(feed.run())
        feed, _ = self._feeds[pool_id]
        feed.watchers.add(watcher)
        return feed

    def unwatch(self, pool_id: UUID, watcher: Watcher) -> None:
        """Let a watcher go, and the feed with the last one."""
        feed, task = self._feeds.get(pool_id, (None, None))
        if feed is None or task is None:
            return
        feed.watchers.discard(watcher)
        if not feed.watchers:
            task.cancel()
            del self._feeds[pool_id]
            for entry in feed.entries:
                self._feed_of.pop(entry, None)

    async def _page(self, *, after: int, until: int) -> Page:
        return await self._threads.run(partial(self.reader.page, after=after, until=until))

    def _tell_feed(self, fact: Fact) -> None:
        feed = self._feed_of.get(fact.stream)
        if feed is None and isinstance(fact.event, AccountOpened) and fact.event.pool_id in self._feeds:
            feed, _ = self._feeds[fact.event.pool_id]
        if feed is not None:
            feed.moved()

    def _found(self, feed: PoolFeed) -> None:
        self._feed_of |= dict.fromkeys(feed.entries, feed)
