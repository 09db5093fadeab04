"""Migrations run once, in order, and are never changed afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ledger.migrate import Migration, MigrationChanged, migrate, migrations_of

FIRST = Migration("test/0001_a.sql", "CREATE TABLE a (x int)")
SECOND = Migration("test/0002_b.sql", "CREATE TABLE b (x int); INSERT INTO a VALUES (1)")


def test_migrations_run_once_in_order(dsn: str) -> None:
    """What ran is remembered by name and digest, and what is new runs after it."""
    assert migrate(dsn, [FIRST]) == [FIRST.name]
    assert migrate(dsn, [FIRST, SECOND]) == [SECOND.name]
    assert migrate(dsn, [FIRST, SECOND]) == []
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT x FROM a").fetchall() == [(1,)]


def test_edited_migration_is_refused(dsn: str) -> None:
    """A database that ran another text is not touched: the message says what to do."""
    migrate(dsn, [FIRST])
    edited = FIRST._replace(sql=FIRST.sql + " -- a comment is an edit too")
    with pytest.raises(MigrationChanged, match="run with another text: add a new migration"):
        migrate(dsn, [edited, SECOND])
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT to_regclass('b')").fetchone() == (None,)


def test_failing_migration_leaves_nothing_behind(dsn: str) -> None:
    """It runs in a transaction of its own: those before it stay, and it can be run again once it is mended."""
    broken = Migration(SECOND.name, "CREATE TABLE b (x int); SELECT 1 / 0")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(dsn, [FIRST, broken])
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT to_regclass('a')::text, to_regclass('b')").fetchone() == ("a", None)
    assert migrate(dsn, [FIRST, SECOND]) == [SECOND.name]


def test_processes_that_start_at_once_migrate_once(dsn: str) -> None:
    """They wait for one another: each migration is run by one of them."""
    together = threading.Barrier(4)

    def starting(_: int) -> list[str]:
        together.wait()
        return migrate(dsn, [FIRST, SECOND])

    with ThreadPoolExecutor(4) as threads:
        ran = list(threads.map(starting, range(4)))
    assert sorted(name for names in ran for name in names) == [FIRST.name, SECOND.name]


def test_ledger_has_migrations_in_order_of_their_numbers() -> None:
    """Named by package and file, with the text that is run."""
    migrations = list(migrations_of("ledger"))
    assert [migration.name for migration in migrations] == sorted(migration.name for migration in migrations)
    assert migrations[0].name == "ledger/0001_events.sql"
    assert "CREATE TABLE events" in migrations[0].sql
