"""The draw of a large week, from the frozen roster to the last granted account, beside a COPY of the rows it wrote."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from fairpool.garbage import collect_rarely
from ledger import drawing
from ledger.events import EntryEnrolled
from ledger.facts import canonical
from ledger.ids import registration_stream
from ledger.rules import Rules, rules_hash
from ledger.weeks import starts_at
from tests.benchmarks.figures import Figure, Ground, Round, Sample
from tests.benchmarks.filled_log import open_ledger, prepare

ENTRIES: Final = 100_000
ENTRIES_QUICK: Final = 20_000
FIGURES: Final = (
    Figure(
        id="12",
        work=f"draw: {ENTRIES} entries to granted accounts in pools",
        peer="COPY of the same rows into a table with the same columns and indexes, text or binary",
        unit="rows/s",
        reach=0.3,
        dream=0.5,
    ),
)
_FORMATS: Final = ("text", "binary")
_PEER: Final = "CREATE TABLE plan_draw (LIKE events INCLUDING ALL)"
_WRITTEN: Final = SQL("COPY (SELECT * FROM {table} WHERE notification_id > {after}) TO STDOUT (FORMAT {format})")
_TAKE: Final = SQL("COPY plan_draw FROM STDIN (FORMAT {format})")
_ENROL: Final = SQL(
    "COPY {table} (originator_id, originator_version, topic, state, notification_id, log, schema, recorded_at, actor,"
    " request) FROM STDIN"
)


@contextmanager
def rounds(ground: Ground) -> Iterator[Round]:
    """Draw a week a round; each is opened when the one before is drawn."""
    dsn, entries = ground.postgres.dsn, ENTRIES_QUICK if ground.quick else ENTRIES
    prepare(dsn)
    # As every role does that may draw.
    collect_rarely()
    weeks = (f"2099-W{number:02}" for number in count(1))
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield lambda: _measure(dsn, connection, next(weeks), entries)


def _measure(dsn: str, connection: Connection[Any], week: str, entries: int) -> Mapping[str, Sample]:
    enrolled = _enrol(dsn, connection, week, entries)
    ours = _draw(dsn, week, enrolled)
    theirs = max(_copy(connection, week, enrolled, format) for format in _FORMATS)
    return {"12": Sample(ours, theirs)}


def _enrol(dsn: str, connection: Connection[Any], week: str, entries: int) -> int:
    """Open a week, write enrolments into its log by COPY, and return where it ends then."""
    ledger = open_ledger(dsn, since=starts_at(week) - timedelta(hours=1))
    try:
        drawing.open_week(ledger, week=week, rules=Rules(), actor="clock", request="open")
        recorder = ledger.recorder(week)
        head, rules = recorder.head(), rules_hash(Rules())
        with (
            connection.transaction(),
            connection.cursor().copy(_ENROL.format(table=Identifier(recorder.events_table_name))) as copy,
        ):
            for position in range(head.position + 1, head.position + 1 + entries):
                copy.write(_enrolment(uuid4(), position, f"{week}\t1\t{head.recorded_at}\tplayer\tenrol", rules))
        end = head.position + entries
        connection.execute("UPDATE heads SET position = %s WHERE log = %s", (end, week))
        connection.execute(SQL("VACUUM ANALYZE {}").format(Identifier(recorder.events_table_name)))
        return end
    finally:
        ledger.close()


def _enrolment(entry: UUID, position: int, envelope: str, rules: str) -> str:
    event = EntryEnrolled(entry=entry, payment_id=None, rules_hash=rules, via="free")
    return f"{registration_stream(entry)}\t1\t{event.TOPIC}\t{canonical(event).decode()}\t{position}\t{envelope}\n"


def _draw(dsn: str, week: str, enrolled: int) -> float:
    """Draw a week as a process that has read nothing of it yet, and return the rows per second that it wrote."""
    ledger = open_ledger(dsn, since=starts_at(week))
    try:
        began = time.perf_counter()
        drawing.draw(ledger, week=week, actor="clock", request="draw")
        taken = time.perf_counter() - began
        return (ledger.recorder(week).head().position - enrolled) / taken
    finally:
        ledger.close()


def _copy(connection: Connection[Any], week: str, enrolled: int, format: str) -> float:
    """Write the same rows by COPY, in one transaction, and return the rows per second."""
    cursor, named = connection.cursor(), SQL(format)
    table = Identifier(f"events_{week.lower().replace('-', '_')}")
    with cursor.copy(_WRITTEN.format(table=table, after=enrolled, format=named)) as copy:
        rows = b"".join(copy)
    connection.execute("DROP TABLE IF EXISTS plan_draw")
    connection.execute(_PEER)
    began = time.perf_counter()
    with cursor.copy(_TAKE.format(format=named)) as copy:
        copy.write(rows)
    return cursor.rowcount / (time.perf_counter() - began)
