"""Generations: made, interrupted, taken up again, refused, gone back to and dropped."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from msgspec.structs import replace

from ledger.datastore import Datastore, cursor_on
from ledger.facts import Fact
from ledger.recorder import LogRecorder
from projections.accounts import Account, Accounts, AccountsProjection
from projections.builder import Builder
from projections.catalogue import projections
from projections.generations import Act, GenerationOutdated, Generations, NothingKept, RebuildRunning
from projections.projection import ProjectionStopped
from projections.rebuild import RebuildFailed, VersionInUse, drop, drop_version, rebuild, rollback, verify
from projections.rows import Rows
from tests.projections.book import KINDS_OF_MOVES, Book, random_week
from tests.projections.conftest import Project

MOVES = [(number % KINDS_OF_MOVES, number * 7, number * 11) for number in range(150)]
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 20, tzinfo=UTC)
LABELS = [projection.label for projection in projections()]
DYING = """
import os, sys
from ledger.datastore import Datastore
from projections.rebuild import rebuild

def die(done, total):
    if done > total // 2:
        os._exit(9)

rebuild(Datastore(sys.argv[1]), progress=die, segment=40)
"""


class Interrupted(BaseException):
    """The process ends here, for all that the database knows."""


class Moody(AccountsProjection):
    """A projection whose rows depend on how often it has been folded."""

    def __init__(self) -> None:
        self.mood = 0

    def apply(self, rows: Rows, fact: Fact) -> None:
        super().apply(rows, fact)
        self.mood += 1
        account = rows.get(Account, fact.stream) if (Account, fact.stream) in set(self.keys(fact)) else None
        if account is not None:
            rows.put(replace(account, granted=self.mood))


def interrupted_after(pages: int) -> Callable[[int, int], None]:
    left = [pages]

    def tell(done: int, total: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted

    return tell


def states(datastore: Datastore, label: str) -> list[tuple[int, str]]:
    return [(each.generation, each.state) for each in Generations(datastore).generations([label])]


def schemas(datastore: Datastore) -> set[str]:
    with datastore.connection() as connection:
        found = cursor_on(connection).execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '_g[0-9]+$'")
        return {name for (name,) in found}


def test_an_interrupted_rebuild_goes_on_where_it_stood(dsn: str, datastore: Datastore, project: Project) -> None:
    """Wherever it ended, and in however small segments: the live rows are untouched until the new ones are right."""
    book = random_week("2026-W47", MOVES)
    project(book)
    names = ("accounts", "bets", "board", "tree")
    chosen = [each for each in projections() if each.name in names]
    stood = []
    for pages in (0, 2, 3, 4):
        with pytest.raises(Interrupted):
            rebuild(datastore, chosen=chosen, segment=10, progress=interrupted_after(pages))
        [unfinished] = [each for each in Generations(datastore).generations(["bets"]) if each.is_unfinished]
        stood.append(unfinished.done)
        assert verify(datastore) == []
    assert stood == sorted(stood)
    assert 0 < stood[0] < stood[-1] < len(book.facts)
    assert states(datastore, "bets") == [(1, "live"), (2, "building")]
    book.open_account(book.entry(77), "A")
    project(book)
    rebuilt = {each.name: each for each in rebuild(datastore, chosen=chosen, segment=10)}
    assert all(each.flip.differing == 0 and not each.flip.uncompared for each in rebuilt.values())
    assert rebuilt["bets"].facts == len(book.facts) - stood[-1]
    assert verify(datastore) == []
    assert states(datastore, "bets") == [(1, "kept"), (2, "live")]
    _killed_and_taken_up(dsn, datastore, book)


def _killed_and_taken_up(dsn: str, datastore: Datastore, book: Book) -> None:
    """A process that is killed leaves generations that a builder finishes, in a process of its own."""
    died = subprocess.run([sys.executable, "-c", DYING, dsn], cwd=ROOT, check=False)
    assert died.returncode == 9
    unfinished = [each for each in Generations(datastore).generations(LABELS) if each.is_unfinished]
    assert {each.label for each in unfinished} == set(LABELS)
    assert all(0 < each.done < len(book.facts) for each in unfinished)
    builder = Builder(datastore, projections(), dsn=dsn, clock=lambda: NOW)
    assert builder.step() == len(LABELS)
    assert builder.step() == 0
    assert verify(datastore) == []
    assert {state for label in LABELS for _, state in states(datastore, label)} == {"live", "kept"}
    assert states(datastore, "bets") == [(2, "kept"), (3, "live")], "the one before the one before is dropped"
    assert states(datastore, "weeks") == [(1, "kept"), (2, "live")]


def test_going_back_and_dropping(dsn: str, datastore: Datastore, project: Project) -> None:
    """The rows from before come back with all that came since; what nobody reads is dropped."""
    book = random_week("2026-W47", MOVES)
    project(book)
    with pytest.raises(NothingKept):
        rollback(datastore, name="accounts")
    with datastore.connection() as connection:
        cursor_on(connection).execute(
            "UPDATE accounts SET bought_back = bought_back + 7 WHERE entry = %s", [book.entry(0)]
        )
    with psycopg.connect(dsn) as somebody:
        somebody.execute("CREATE TEMPORARY VIEW mine AS SELECT * FROM accounts")
        somebody.commit()
        [rebuilt] = rebuild(datastore, name="accounts")
    first = rebuilt.flip.first
    assert rebuilt.flip.differing == 1
    assert first is not None
    assert (first.table, first.key, first.column) == ("accounts", book.entry(0), "bought_back")
    assert first.found == first.expected + 7
    book.open_account(book.entry(77), "A")
    project(book)
    act = Act(reason="as it was", actor="operator:7", request="back", at=NOW)
    for back in (rollback(datastore, name="accounts", act=act), rollback(datastore, name="accounts", act=act)):
        assert back is None or back.flip.differing == 1
        account = Accounts(datastore).account(book.entry(0))
        assert account is not None
        assert account.bought_back == first.found, "the same act again changes nothing"
        assert Accounts(datastore).account(book.entry(77)) is not None
    assert Generations(datastore).live("accounts").actor == "operator:7"
    with pytest.raises(GenerationOutdated):
        drop(datastore, name="accounts", seen=2)
    with Generations(datastore).claimed(["accounts"]), pytest.raises(RebuildRunning, match="accounts"):
        drop(datastore)
    rollback(datastore, name="accounts", seen=1)
    assert verify(datastore) == []
    assert [each.schema for each in drop(datastore)] == ["accounts_g1"]
    assert not schemas(datastore) - {"accounts_g2"}
    assert states(datastore, "accounts") == [(2, "live")]
    with pytest.raises(VersionInUse):
        drop_version(datastore, dsn, label="accounts")


def test_who_makes_what_is_dropped_gives_it_up(datastore: Datastore, project: Project) -> None:
    """A rebuild under way is dropped as one that stands still is; the one who dropped it waits for that."""
    book = random_week("2026-W47", MOVES)
    project(book)
    dropped: list[str] = []

    def drop_it() -> None:
        dropped.extend(each.schema for each in drop(datastore, name="bets"))

    dropping = threading.Thread(target=drop_it)

    def meanwhile(done: int, total: int) -> None:
        if not dropping.is_alive():
            dropping.start()
        unfinished = Generations(datastore).unfinished("bets")
        while unfinished is not None and unfinished.error is None:
            unfinished = Generations(datastore).unfinished("bets")

    with pytest.raises(RebuildFailed, match="bets_g2 was dropped while it was made"):
        rebuild(datastore, name="bets", segment=50, progress=meanwhile)
    dropping.join()
    assert dropped == ["bets_g2"]
    assert states(datastore, "bets") == [(1, "live")]
    assert schemas(datastore) == set()


def test_what_would_be_wrong_does_not_go_live(datastore: Datastore, project: Project) -> None:
    """Rows that differ from the live ones and from a replay are no better; nor is what a rebuild could not finish."""
    book = random_week("2026-W47", MOVES)
    runner = project(book)
    with pytest.raises(RebuildFailed, match=r"not what a replay gives.*accounts.* granted"):
        rebuild(datastore, chosen=[Moody()])
    assert verify(datastore) == []
    [_, failed] = Generations(datastore).generations(["accounts"])
    assert failed.state == "building"
    assert "replay" in str(failed.error)
    drop(datastore)
    # From here on the log holds what this release cannot read: only the tree needs not to.
    recorder = LogRecorder(datastore, book.log)
    recorder.insert_events([StoredEvent(UUID(int=9), 1, "week.teleported", b"{}")])
    while runner.step():
        pass
    stopped = {each.name: each for each in runner.status() if each.error}
    assert set(stopped) == set(LABELS) - {"tree"}
    assert {each.position for each in stopped.values()} == {len(book.facts)}
    assert all(each.lag == 1 and each.lag_seconds(NOW + timedelta(days=365)) > 0 for each in stopped.values())
    with pytest.raises(ProjectionStopped, match=r"week\.teleported") as refused:
        rebuild(datastore)
    assert isinstance(refused.value, RebuildFailed)
    assert [each.name for each in refused.value.done] == ["tree"]
    assert states(datastore, "bets") == [(1, "live"), (2, "building")]
    assert verify(datastore, name="tree") == []


def test_a_week_that_is_away_keeps_its_rows(dsn: str, datastore: Datastore, project: Project) -> None:
    """Its events are in no table any more, so its rows are copied; those of the others are folded anew."""
    away, here = random_week("2026-W47", MOVES), random_week("2026-W48", MOVES)
    project(away)
    runner = project(here)
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("DELETE FROM heads WHERE log = '2026-W47'")
        owner.execute("DROP TABLE events_2026_w47")
        owner.execute("UPDATE accounts SET available = 5")
    rebuild(datastore, name="accounts")
    assert {each.available for each in Accounts(datastore).members(away.pool("A"))} == {5}
    assert verify(datastore) == []
    with datastore.connection() as connection:
        assert runner.positions.at(connection, away.log)["accounts"] == len(away.facts)
    rate = next(each.rate for each in runner.status() if each.name == "bets")
    assert rate is not None
    assert rate > 0
    assert {each.generation for each in runner.status() if each.name == "accounts"} == {2}
