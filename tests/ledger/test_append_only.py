"""Events are append-only: by what the service may do, and by triggers that stop everybody else."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import sql

from ledger.datastore import Datastore
from ledger.recorder import LogRecorder
from tests.ledger.appending import A, append, fact, places

CHANGES = [
    sql.SQL(change).format(sql.Identifier(table))
    for table in ("events", "events_2026_w47")
    for change in ("UPDATE {} SET topic = 'x'", "DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET log = 'office'")
]
"""What nobody may do, on the table or directly on a log's partition."""


def test_service_can_neither_change_nor_delete_events(recorder: LogRecorder, datastore: Datastore) -> None:
    """Its role has no such right, on the table or on a log's partition."""
    append(recorder, fact(A, 1))
    for statement in CHANGES:
        with datastore.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
    assert places(recorder) == [(1, A, 1)]


def test_superuser_can_neither_change_nor_delete_events(recorder: LogRecorder, dsn: str) -> None:
    """Triggers refuse it, also where replication would skip ordinary ones."""
    append(recorder, fact(A, 1))
    with psycopg.connect(dsn, autocommit=True) as connection:
        for role in ("origin", "replica"):
            connection.execute(sql.SQL("SET session_replication_role = {}").format(sql.Literal(role)))
            for statement in CHANGES:
                with pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
                    connection.execute(statement)
    assert places(recorder) == [(1, A, 1)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (x int)",
        "INSERT INTO heads (log) VALUES ('2026-W50')",
        "DELETE FROM heads",
        "DROP TABLE events",
        "ALTER TABLE events DISABLE TRIGGER append_only",
        "UPDATE entries SET week = '2026-W48'",
    ],
)
def test_service_cannot_touch_the_schema(recorder: LogRecorder, datastore: Datastore, statement: str) -> None:
    """It opens logs by a function that does nothing else."""
    with datastore.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())
