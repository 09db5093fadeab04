"""What a week's log holds of its draw, for those who read it: commitment, roster, seed, and each entry's place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar
from uuid import UUID

from ledger.draw import cut, roster_text, shuffle, shuffle_key
from ledger.events import EntryEnrolled, EntryWithdrawn, PoolsDrawn, RosterFrozen, WeekOpened
from ledger.facts import Fact, decode, fact_of
from ledger.ledger import Ledger
from ledger.recorder import LogRecorder

_WEEKS_KEPT: Final = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Drawn:
    """How far the draw of a week is: `frozen` and `drawn` are None until they are in its log."""

    opened: Fact
    frozen: Fact | None = None
    drawn: Fact | None = None

    @property
    def opening(self) -> WeekOpened:
        """What the week was opened with."""
        assert isinstance(self.opened.event, WeekOpened)
        return self.opened.event

    @property
    def roster(self) -> RosterFrozen | None:
        """What was frozen."""
        return self.frozen.event if self.frozen and isinstance(self.frozen.event, RosterFrozen) else None

    @property
    def pools(self) -> PoolsDrawn | None:
        """What was drawn."""
        return self.drawn.event if self.drawn and isinstance(self.drawn.event, PoolsDrawn) else None

    @property
    def key(self) -> bytes | None:
        """The key of the shuffle, None before the draw."""
        if self.roster is None or self.pools is None:
            return None
        beacon = self.roster.beacon
        return shuffle_key(
            seed=bytes.fromhex(self.pools.seed),
            week=self.opening.week,
            roster_hash=self.roster.roster_hash,
            chain=beacon.chain if beacon else "",
            round=beacon.round if beacon else 0,
            randomness_hex=self.pools.randomness,
        )


class Place(NamedTuple):
    """Where an entry came out of the draw: 1 has the lowest score."""

    number: int
    pool_name: str


class Draws:
    """Reads draws from the logs. A frozen roster never changes, nor do places: those of a few weeks are kept.

    None of it is checked here: that is for the audit, and for strangers.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rosters: dict[str, str] = {}
        self._places: dict[str, Mapping[UUID, Place]] = {}
        self._lock = threading.Lock()

    def draw(self, week: str) -> Drawn | None:
        """Return how far the draw of a week is, None where the week was not opened."""
        topics = (WeekOpened.TOPIC, RosterFrozen.TOPIC, PoolsDrawn.TOPIC)
        facts = {record.topic: fact_of(record) for record in self._ledger.recorder(week).read_topics(*topics)}
        opened, frozen, drawn = (facts.get(topic) for topic in topics)
        return Drawn(opened, frozen, drawn) if opened else None

    def roster(self, week: str, drawn: Drawn) -> str:
        """Return a frozen roster as it was hashed; reading one of many thousands of entries takes seconds, once."""
        with self._lock:
            return _kept(self._rosters, week, lambda: roster_text(week, self._entries(week, drawn)))

    def places(self, week: str, drawn: Drawn) -> Mapping[UUID, Place]:
        """Return the places of a week that is drawn; computing those of many thousands takes seconds, once."""
        with self._lock:
            return _kept(self._places, week, lambda: self._computed(week, drawn))

    def _computed(self, week: str, drawn: Drawn) -> Mapping[UUID, Place]:
        key = drawn.key
        assert key is not None
        pools = cut(week, shuffle(key, self._entries(week, drawn)), drawn.opening.rules.pool_max)
        dealt = ((entry, pool.name) for pool in pools for entry in pool.entries)
        return {entry: Place(number, name) for number, (entry, name) in enumerate(dealt, start=1)}

    def _entries(self, week: str, drawn: Drawn) -> list[UUID]:
        assert drawn.roster is not None
        return enrolled(self._ledger.recorder(week), until=drawn.roster.position)


def _kept(kept: dict[str, T], week: str, make: Callable[[], T]) -> T:
    """Return what is kept of a week, made where it is not; what has been kept longest goes."""
    if week not in kept:
        kept[week] = make()
        while len(kept) > _WEEKS_KEPT:
            del kept[next(iter(kept))]
    return kept[week]


def enrolled(recorder: LogRecorder, *, until: int) -> list[UUID]:
    """Return the entries that are enrolled and not withdrawn at a position."""
    found: dict[UUID, UUID] = {}
    for record in recorder.read_topics(EntryEnrolled.TOPIC, EntryWithdrawn.TOPIC):
        if record.position > until:
            break
        event = decode(record)
        if isinstance(event, EntryEnrolled):
            found[record.stream] = event.entry
        else:
            found.pop(record.stream, None)
    return list(found.values())
