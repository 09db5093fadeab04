"""A new version of a projection's code: old and new processes side by side on one database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple
from uuid import UUID

import psycopg
import pytest

from ledger.datastore import Datastore
from ledger.events import StakePlaced
from ledger.facts import Fact
from ledger.migrate import Migration
from ledger.recorder import LogRecorder
from projections.catalogue import datastore_of, in_schema, projections, registration, search_path
from projections.generations import Generations
from projections.projection import Key, Projection
from projections.rebuild import drop_version, rebuild
from projections.rows import Row, Rows
from projections.runner import BATCH, Runner
from tests.projections.book import KINDS_OF_MOVES, random_week

MOVES = [(number % KINDS_OF_MOVES, number * 7, number * 11) for number in range(60)]
TOTALS = "SELECT * FROM totals ORDER BY entry"
SCHEMA = """
CREATE TABLE totals (log text NOT NULL, entry uuid NOT NULL, staked bigint NOT NULL, PRIMARY KEY (entry, log));
GRANT SELECT, INSERT, UPDATE, DELETE ON totals TO fairpool_service;
"""
SCHEMA_V2 = """
CREATE TABLE totals (
  log text NOT NULL, entry uuid NOT NULL, bets integer NOT NULL, credits bigint NOT NULL, PRIMARY KEY (entry, log)
);
CREATE INDEX totals_by_log ON totals (log);
GRANT SELECT, INSERT, UPDATE, DELETE ON totals TO fairpool_service;
"""


class Total(Row, frozen=True):
    TABLE: ClassVar[str] = "totals"
    KEY: ClassVar[str] = "entry"

    log: str
    entry: UUID
    staked: int


class TotalV2(Row, frozen=True):
    TABLE: ClassVar[str] = "totals"
    KEY: ClassVar[str] = "entry"

    log: str
    entry: UUID
    bets: int
    credits: int


class Totals(Projection):
    """How much each entry staked."""

    name = "totals"
    tables = (Total,)

    def keys(self, fact: Fact) -> Iterator[Key]:
        if isinstance(fact.event, StakePlaced):
            yield self.tables[0], fact.stream

    def apply(self, rows: Rows, fact: Fact) -> None:
        if isinstance(fact.event, StakePlaced):
            known = rows.get(Total, fact.stream) or Total(fact.log, fact.stream, 0)
            rows.put(Total(fact.log, fact.stream, known.staked + fact.event.stake))


class TotalsV2(Totals):
    """And how often."""

    tables = (TotalV2,)  # type: ignore[assignment]
    VERSION = 2

    def apply(self, rows: Rows, fact: Fact) -> None:
        if isinstance(fact.event, StakePlaced):
            known = rows.get(TotalV2, fact.stream) or TotalV2(fact.log, fact.stream, 0, 0)
            rows.put(TotalV2(fact.log, fact.stream, known.bets + 1, known.credits + fact.event.stake))


class Release(NamedTuple):
    """What a process of a release has: its connections, its runner."""

    datastore: Datastore
    runner: Runner

    def totals(self) -> list[tuple[object, ...]]:
        with self.datastore.connection() as connection:
            return list(connection.cursor(row_factory=psycopg.rows.tuple_row).execute(TOTALS, prepare=True))


def release(dsn: str, projection: Projection) -> Release:
    datastore = datastore_of(dsn, [projection])
    return Release(datastore, Runner(datastore, [projection]))


def test_two_releases_run_side_by_side(dsn: str) -> None:
    """Each has rows of its own shape, follows by itself, is rebuilt by itself, and the old one leaves no trace."""
    old_code, new_code = Totals(), TotalsV2()
    with psycopg.connect(dsn, autocommit=True) as owner:
        for sql in (SCHEMA, registration(old_code).sql, in_schema("totals_v2", SCHEMA_V2), registration(new_code).sql):
            with owner.transaction():
                owner.execute(sql.encode())
    assert isinstance(registration(new_code), Migration)
    assert (old_code.label, new_code.label, new_code.home) == ("totals", "totals_v2", "totals_v2")
    old, new = release(dsn, old_code), release(dsn, new_code)
    book = random_week("2026-W47", MOVES)
    bets = [stake for _, stake in book.bets.values()]
    book.append_to(LogRecorder(old.datastore, book.log), facts=len(book.facts) // 2)
    while old.runner.step():
        pass
    book.append_to(LogRecorder(old.datastore, book.log))
    assert old.runner.arriving() == new.runner.arriving() == [], "so few facts are no reason to wait"
    with psycopg.connect(dsn, autocommit=True) as owner:
        behind = "UPDATE heads SET position = position + %s WHERE log = %s"
        owner.execute(behind, [BATCH, book.log])
        assert (old.runner.arriving(), new.runner.arriving()) == ([], ["totals_v2"])
        owner.execute(behind, [-BATCH, book.log])
    assert new.runner.step() > old.runner.step() > 0, "the new release catches up by itself"
    for each in (old, new):
        assert each.runner.wait_for(book.log, len(book.facts), timeout=0, names=["totals"])
    assert sum(int(str(row[2])) for row in old.totals()) == sum(bet.stake for bet in bets)
    assert sum(int(str(row[2])) for row in new.totals()) == len(bets)
    expected = new.totals(), old.totals()
    [rebuilt] = rebuild(new.datastore, chosen=[new_code])
    assert (rebuilt.flip.differing, rebuilt.flip.kept) == (0, "totals_v2_g1")
    assert (new.totals(), old.totals()) == expected
    old.datastore.close()
    drop_version(new.datastore, dsn, label="totals")
    assert "totals" not in Generations(new.datastore).versions()
    assert new.totals() == expected[0]
    new.datastore.close()


def test_the_catalogue_says_where_a_release_looks() -> None:
    """In the schemas of its own versions first."""
    assert search_path(projections()) == "public"
    assert search_path([Totals(), TotalsV2()]) == "totals_v2,public"
    assert in_schema("bets_v2", "SELECT 1").index("search_path = bets_v2") < in_schema("bets_v2", "SELECT 1").index("1")


def test_a_version_that_nobody_has_is_not_dropped(dsn: str, datastore: Datastore) -> None:
    """The operator sees which there are."""
    with pytest.raises(LookupError, match="'bets_v7': choose accounts, bets"):
        drop_version(datastore, dsn, label="bets_v7")
