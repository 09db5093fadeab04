"""Standings that are read once for all who watch a pool, and no more often than they need be."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol
from uuid import UUID

from api.identity.players import Players
from api.leaderboard import FORMER_PLAYER, LeaderboardShown, Line, PoolShown
from api.livefeed.frames import Message
from api.livefeed.ring import Ring
from ledger.datastore import OUTAGES, Datastore
from ledger.ids import position_token
from projections.leaderboard import Leaderboard, Standing
from projections.pools import Pools

_OUTAGE_SECONDS: Final = 0.5
_log = logging.getLogger(__name__)


class Watcher(Protocol):
    """Somebody who watches a pool."""

    def wake(self) -> None:
        """Look again: there are newer standings."""
        ...


class Standings:
    """A pool's standings at one time: what all see alike is written once, one's own line for each who asks."""

    def __init__(self, pool: PoolShown, as_of: str, lines: list[tuple[UUID, Line]]) -> None:
        self._lines = dict(lines)
        self._places = {entry: place for place, (entry, _) in enumerate(lines)}
        self._of_others = [line.model_dump_json() for _, line in lines]
        shell = LeaderboardShown(pool=pool, as_of=as_of, data=[]).model_dump_json()
        self._before, self._after = shell.rsplit("[]", 1)

    @property
    def entries(self) -> Collection[UUID]:
        """The entries that compete."""
        return self._places.keys()

    def message(self, *, entry: UUID | None, tells_entries: bool) -> Message:
        """Return the standings as the player of an entry sees them, or, where entries are told, an auditor."""
        lines = list(self._of_others)
        if tells_entries:
            lines = [line.model_copy(update={"entry": each}).model_dump_json() for each, line in self._lines.items()]
        if entry in self._places:
            mine = self._lines[entry].model_copy(update={"entry": entry, "is_me": True})
            lines[self._places[entry]] = mine.model_dump_json()
        return Message("standings", f"{self._before}[{','.join(lines)}]{self._after}")


class StandingsReader:
    """Reads the standings of pools, with the names of those who compete."""

    def __init__(self, datastore: Datastore, players: Players) -> None:
        self._leaderboard = Leaderboard(datastore)
        self._pools = Pools(datastore)
        self._players = players

    def read(self, pool_id: UUID) -> Standings:
        """Return a pool's standings; raises LookupError. Waits for the database: to be called in a worker thread."""
        pool = self._pools.pool(pool_id)
        if pool is None:
            raise LookupError(f"there is no pool {pool_id}, and somebody watches it")
        standings = self._leaderboard.leaderboard(pool_id)
        names = self._players.names_of(standing.entry for standing in standings)
        last = max((standing.position for standing in standings), default=pool.position)
        lines = []
        for place, standing in enumerate(standings, start=1):
            named = names.get(standing.entry)
            lines.append(_line(standing, place=place, name=named.name if named is not None else FORMER_PLAYER))
        return Standings(PoolShown.of(pool), position_token(pool.log, last), lines)


class PoolFeed:
    """The standings of a pool, read anew after movements, at most once in `every` seconds.

    `found` is told when it knows the entries that compete, so that the feed is told of their movements.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[Standings]],
        *,
        ring: Ring,
        every: float,
        found: Callable[[PoolFeed], None],
    ) -> None:
        self.watchers: set[Watcher] = set()
        self.shown: Standings | None = None
        self._read = read
        self._ring = ring
        self._every = every
        self._found = found
        self._moved = asyncio.Event()
        self._moved.set()

    @property
    def entries(self) -> Collection[UUID]:
        """The entries that are known to compete."""
        return self.shown.entries if self.shown is not None else ()

    def moved(self) -> None:
        """Note that something has moved in the pool."""
        self._moved.set()

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            before = self._ring.head
            try:
                self.shown = await self._read()
            except OUTAGES as error:
                _log.warning("standings wait for the database: %s", error)
                self._moved.set()
                await asyncio.sleep(_OUTAGE_SECONDS)
                continue
            self._found(self)
            # What moved while they were read could not be told to the feed, unless it knew all entries already.
            if any(self._ring.has_moved(entry, after=before) for entry in self.entries):
                self._moved.set()
            for watcher in self.watchers:
                watcher.wake()
            await asyncio.sleep(self._every)


def _line(standing: Standing, *, place: int, name: str) -> tuple[UUID, Line]:
    return standing.entry, Line.of(standing, place=place, name=name, is_me=False, entry=None)
