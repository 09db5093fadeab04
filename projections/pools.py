"""Pools: the groups of entries that compete, and how many are in each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from ledger.events import AccountOpened, PoolsDrawn
from ledger.facts import Fact
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import NumberOf, View
from projections.weeks import week_of


class Pool(Row, frozen=True):
    """A pool. `opened` accounts are in it; `size` counts those that the draw put there and who came late."""

    TABLE: ClassVar[str] = "pools"
    KEY: ClassVar[str] = "pool_id"

    log: str
    pool_id: UUID
    week: str
    name: str
    size: int
    opened: int
    position: int


class PoolsProjection(Projection):
    """Folds the draw, and the accounts opened in it and after it."""

    name = "pools"
    tables = (Pool,)
    FOLDS = (PoolsDrawn, AccountOpened)

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The account's pool."""
        match fact.event:
            case AccountOpened(pool_id=pool_id):
                yield Pool, pool_id

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case PoolsDrawn(pools=pools):
                for drawn in pools:
                    rows.add(_pool(fact, pool_id=drawn.pool_id, name=drawn.name, size=drawn.size))
            case AccountOpened(pool_id=pool_id, pool_name=name):
                pool = rows.get(Pool, pool_id) or _pool(fact, pool_id=pool_id, name=name, size=0)
                opened = pool.opened + 1
                rows.put(replace(pool, opened=opened, size=max(pool.size, opened), position=fact.position))


class Pools(View):
    """What readers ask of pools."""

    NAME = "pools"

    def pool(self, pool_id: UUID) -> Pool | None:
        """Return a pool by id."""
        return self._one("pool", Pool, pool_id=pool_id)

    def pools_of_week(
        self, week: str, *, name: str | None = None, is_back: bool = False, limit: int | None = None
    ) -> list[Pool]:
        """Return a week's pools in order of name, A to Z, then AA: from behind one's name on.

        With `is_back` those before it, the nearest first.
        """
        return self._all("pools_of_week", Pool, week=week, name=name, is_back=is_back, limit=limit)

    def pool_called(self, week: str, name: str) -> Pool | None:
        """Return a week's pool by its name or the text of its id."""
        return self._one("pool_called", Pool, week=week, name=name)

    def pools_in(self, weeks: Sequence[str]) -> dict[str, int]:
        """Return how many pools some weeks have; weeks without any are missing."""
        return {each.week: each.number for each in self._all("pools_in", NumberOf, weeks=list(weeks))}


def _pool(fact: Fact, *, pool_id: UUID, name: str, size: int) -> Pool:
    return Pool(
        log=fact.log,
        pool_id=pool_id,
        week=week_of(fact.log),
        name=name,
        size=size,
        opened=0,
        position=fact.position,
    )
