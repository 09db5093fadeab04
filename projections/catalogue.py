"""All projections there are, and the migrations that make their tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.aggregate import LedgerError
from ledger.datastore import Datastore
from ledger.migrate import Migration
from ledger.sql import queries
from projections.accounts import AccountsProjection
from projections.bets import BetsProjection
from projections.board import BoardProjection
from projections.cases import CasesProjection
from projections.journal import JournalProjection
from projections.leaderboard import LeaderboardProjection
from projections.payments_fold import PaymentsProjection
from projections.pools import PoolsProjection
from projections.projection import PUBLIC, Projection
from projections.registrations import RegistrationsProjection
from projections.settlements import SettlementsProjection
from projections.tree import TreeProjection
from projections.weeks import WeeksProjection

_VERSION: Final = re.compile(r"schema_(?P<label>v\d+)(_\d+)?")


class UnknownProjection(LedgerError, LookupError):
    """No projection has this name."""

    code = "unknown_projection"


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
        CasesProjection(),
        TreeProjection(),
        JournalProjection(),
    )
    chosen = tuple(each for each in every if name in (None, each.name))
    if not chosen:
        raise UnknownProjection(f"no projection is called {name!r}: choose {', '.join(each.name for each in every)}")
    return chosen


def search_path(chosen: Sequence[Projection]) -> str:
    """Return the search path of a process: the schemas of its versions of projections, then `public`."""
    return ",".join([*(each.home for each in chosen if each.home != PUBLIC), PUBLIC])


def datastore_of(dsn: str, chosen: Sequence[Projection], *, clock_tolerance_seconds: int = 0) -> Datastore:
    """Return a datastore whose connections look for tables where these projections have theirs."""
    options = conninfo_to_dict(dsn).get("options") or ""
    placed = make_conninfo(dsn, options=f"{options} -c search_path={search_path(chosen)}".strip())
    return Datastore(placed, clock_tolerance_seconds=clock_tolerance_seconds)


def migrations() -> Iterator[Migration]:
    """Yield the migrations of the positions, of the generations, and of each projection's tables.

    A `.sql` file's block `schema` is its first migration. What has run is never edited: a change of shape is a
    further block, `schema_2`, and a rebuild; one that the release before could not live with is a new `VERSION`, whose
    tables its block `schema_v2` makes. Then it is noted which tables the projection has.
    """
    for file in ("positions", "generations"):
        yield from _blocks(file)
    for projection in projections():
        yield from _blocks(projection.name)
        yield registration(projection)


def registration(projection: Projection) -> Migration:
    """Return the migration that notes which tables a projection has; it runs again, under another name, for others."""
    tables = [row_type.TABLE for row_type in projection.tables]
    return Migration(
        f"projections/{projection.label} has {', '.join(tables)}",
        f"CALL register_projection('{projection.label}', '{projection.home}', '{{{','.join(tables)}}}')",
    )


def in_schema(schema: str, sql: str) -> str:
    """Let a block make its tables in a schema of their own, which the service may look into."""
    return (
        f"CREATE SCHEMA IF NOT EXISTS {schema};\nGRANT USAGE ON SCHEMA {schema} TO fairpool_service;\n"
        f"SET LOCAL search_path = {schema}, {PUBLIC};\n{sql}\n;\nSET LOCAL search_path = {PUBLIC};"
    )


def _blocks(file: str) -> Iterator[Migration]:
    for block, sql in queries("projections", f"{file}.sql").items():
        version = _VERSION.fullmatch(block)
        if version is not None:
            yield Migration(f"projections/{file}.sql#{block}", in_schema(f"{file}_{version['label']}", sql))
        elif block.startswith("schema"):
            yield Migration(f"projections/{file}.sql#{block}", sql)
