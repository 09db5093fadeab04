"""All projections there are, and the migrations that make their tables."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.migrate import Migration
from ledger.sql import queries
from projections.accounts import AccountsProjection
from projections.bets import BetsProjection
from projections.board import BoardProjection
from projections.journal import JournalProjection
from projections.leaderboard import LeaderboardProjection
from projections.payments_fold import PaymentsProjection
from projections.pools import PoolsProjection
from projections.projection import Projection
from projections.registrations import RegistrationsProjection
from projections.settlements import SettlementsProjection
from projections.tree import TreeProjection
from projections.weeks import WeeksProjection


class UnknownProjection(LookupError):
    """No projection has this name."""


def projections(name: str | None = None) -> tuple[Projection, ...]:
    """Return all projections, or the one called `name`; raises UnknownProjection."""
    every = (
        WeeksProjection(),
        PoolsProjection(),
        AccountsProjection(),
        BetsProjection(),
        LeaderboardProjection(),
        BoardProjection(),
        SettlementsProjection(),
        RegistrationsProjection(),
        PaymentsProjection(),
        TreeProjection(),
        JournalProjection(),
    )
    chosen = tuple(each for each in every if name in (None, each.name))
    if not chosen:
        raise UnknownProjection(f"no projection is called {name!r}: choose {', '.join(each.name for each in every)}")
    return chosen


def migrations() -> Iterator[Migration]:
    """Yield the migrations of the positions table and of each projection's tables.

    A `.sql` file's block `schema` is its first migration. What has run is never edited: a change of shape is a
    further block, `schema_2`, and a rebuild.
    """
    for file in ("positions", *(each.name for each in projections())):
        for block, sql in queries("projections", f"{file}.sql").items():
            if block.startswith("schema"):
                yield Migration(f"projections/{file}.sql#{block}", sql)
