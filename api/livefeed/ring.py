"""The newest part of a log as streams read it, kept once for all of them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from operator import attrgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

from api.livefeed.telling import Told
from ledger.facts import Fact

_POSITION: Final = attrgetter("position")


class Page(NamedTuple):
    """What concerns somebody behind position `after`, up to and with `until`, in order."""

    after: int
    until: int
    own: list[Fact]
    told: list[Told]


class Ring:
    """All that concerns somebody behind `floor`, up to and with `head`: facts of accounts, and what everybody is told.

    It covers at least the newest `kept` positions that it was given, and never much more.
    """

    def __init__(self, *, start: int, kept: int) -> None:
        self.floor = start
        self.head = start
        self._kept = kept
        self._own: defaultdict[UUID, list[Fact]] = defaultdict(list)
        self._told: list[Told] = []

    def __len__(self) -> int:
        """Return how many things are kept."""
        return len(self._told) + sum(map(len, self._own.values()))

    def append(self, page: Page) -> None:
        """Take what follows the head, and let go of the oldest."""
        assert page.after == self.head
        for fact in page.own:
            self._own[fact.stream].append(fact)
        self._told += page.told
        self.head = page.until
        # Letting go costs a look at every account, so it is done for a quarter of the ring at a time.
        if self.head - self.floor > self._kept + self._kept // 4:
            self._let_go(self.head - self._kept)

    def prepend(self, page: Page) -> None:
        """Take what comes right before the floor."""
        assert page.until == self.floor
        own: defaultdict[UUID, list[Fact]] = defaultdict(list)
        for fact in page.own:
            own[fact.stream].append(fact)
        for stream, facts in own.items():
            self._own[stream][:0] = facts
        self._told[:0] = page.told
        self.floor = page.after

    def own(self, entry: UUID, *, after: int, limit: int) -> list[Fact]:
        """Return at most `limit` facts of an entry's account behind a position, in order."""
        return _behind(self._own.get(entry, []), after, limit)

    def told(self, *, after: int, limit: int) -> list[Told]:
        """Return at most `limit` things of those that everybody is told behind a position, in order."""
        return _behind(self._told, after, limit)

    def has_moved(self, entry: UUID, *, after: int) -> bool:
        """Say whether an entry's account has a fact behind a position."""
        own = self._own.get(entry)
        return own is not None and own[-1].position > after

    def has_told(self, *, after: int) -> bool:
        """Say whether there is something that everybody is told behind a position."""
        return bool(self._told) and self._told[-1].position > after

    def _let_go(self, floor: int) -> None:
        self.floor = floor
        del self._told[: bisect_right(self._told, floor, key=_POSITION)]
        for stream, facts in list(self._own.items()):
            del facts[: bisect_right(facts, floor, key=_POSITION)]
            if not facts:
                del self._own[stream]


def _behind(kept: list[Any], after: int, limit: int) -> list[Any]:
    first = bisect_right(kept, after, key=_POSITION)
    return kept[first : first + limit]
