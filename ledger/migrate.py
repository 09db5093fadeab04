"""Migrations: numbered `.sql` files, each run once, in order, under one lock, never changed afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

_CONNECT_SECONDS = 10
_LOCK = 0x6661_6972_706F_6F6C  # "fairpool"


class MigrationChanged(Exception):
    """A migration that has run was edited: restore its text and add a new file instead."""


class Migration(NamedTuple):
    """One file: `name` is package and file name, for instance `ledger/0001_events.sql`."""

    name: str
    sql: str

    @property
    def digest(self) -> str:
        """The sha256 of its text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(package: str) -> Iterator[Migration]:
    """Yield the migrations of a package in order."""
    folder = files(package).joinpath("migrations")
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".sql"):
            yield Migration(f"{package}/{file.name}", file.read_text(encoding="utf-8"))


def migrate(dsn: str, migrations: Iterable[Migration]) -> list[str]:
    """Run what has not run yet, each in a transaction of its own, and return the names of what ran.

    `dsn` names a role that may create tables and roles. Raises MigrationChanged.
    """
    ran = []
    # Of several hosts in the DSN one may be gone without a word.
    parts = {"connect_timeout": _CONNECT_SECONDS, **conninfo_to_dict(dsn)}
    with psycopg.connect(make_conninfo("", **parts), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (name text PRIMARY KEY, digest text NOT NULL, ran_at timestamptz NOT NULL DEFAULT now())"
        )
        done: dict[str, str] = dict(connection.execute("SELECT name, digest FROM migrations").fetchall())
        for migration in migrations:
            if migration.name in done:
                if done[migration.name] != migration.digest:
                    raise MigrationChanged(f"{migration.name} has run with another text: add a new migration instead")
                continue
            with connection.transaction():
                connection.execute(migration.sql)
                connection.execute(
                    "INSERT INTO migrations (name, digest) VALUES (%s, %s)",
                    (migration.name, migration.digest),
                )
            ran.append(migration.name)
    return ran
