"""Rebuilding all projections of a week: against the library's own runner, and against a bare COPY of its events.

Ours is `fairpool projections rebuild` without its command line: processes start, read the log, fold it, write the rows,
make the indexes, compare all rows with the live ones, and let the new ones go live. The events are those of all logs.

The library's runner takes some hundred events of the middle of the betting and as many of the middle of the payouts:
of those, half and half, the log consists, and its rate does not depend on how many it has taken. Its tables, indexes
and folds are the same. COPY sends the same events to this process, which throws them away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from ledger.datastore import Datastore
from ledger.recorder import END, LogRecorder, open_logs
from projections.catalogue import projections
from projections.folding import Fold
from projections.pages import pages
from projections.positions import Positions
from projections.projection import PUBLIC
from projections.workers import Order, rebuild_in_processes
from tests.benchmarks.figures import Figure, Ground, Round, Sample
from tests.benchmarks.filled_log import fill_log, prepare
from tests.benchmarks.peers import stock_runner
from tests.examples import WEEK

_WORK: Final = "rebuilding all projections, two processes"
FIGURES: Final = (
    Figure(
        id="8",
        work=_WORK,
        peer="stock ProjectionRunner, same handlers, one event a transaction",
        unit="events/s",
        reach=40,
        dream=80,
    ),
    Figure(id="9", work=_WORK, peer="COPY of the same events", unit="events/s", reach=0.15, dream=0.3),
)
ACCOUNTS, ACCOUNTS_QUICK = 4_000, 1_000
BETS: Final = 50
# The peer takes so many events of the betting and of the payouts each in a round.
EVENTS, EVENTS_QUICK = 1_000, 300
_ENTIRE: Final = 2**62


@contextmanager
def rounds(ground: Ground) -> Iterator[Round]:
    """Fill a log, have the rows live at its end, and those of the peer at two places within it."""
    dsn = ground.postgres.dsn
    prepare(dsn)
    filled = fill_log(dsn, accounts=ACCOUNTS_QUICK if ground.quick else ACCOUNTS, bets=BETS, resolved=True)
    events = EVENTS_QUICK if ground.quick else EVENTS
    ground.tell(f"{filled.position} events")
    places = {f"stock_{share}": filled.position * share // 4 for share in (1, 3)}
    for name in places:
        _clone(dsn, name)
    stand = {name: _fold(make_conninfo(dsn, dbname=name), until=place) for name, place in places.items()}
    for name, place in stand.items():
        stock_runner.begin(make_conninfo(dsn, dbname=name), after=place)
    _fold(dsn, until=END)
    ground.tell("all rows are live")

    def measure() -> Mapping[str, Sample]:
        total, seconds = _rebuilt(dsn)
        ours = total / seconds
        copied = _copied(dsn)
        peers = [stock_runner.seconds_for(make_conninfo(dsn, dbname=name), events=events) for name in stand]
        return {"8": Sample(ours, len(peers) * events / sum(peers)), "9": Sample(ours, copied)}

    yield measure


def _rebuilt(dsn: str) -> tuple[int, float]:
    began = time.perf_counter()
    done = rebuild_in_processes(dsn, Order(tuple(each.name for each in projections())), processes=2)
    seconds = time.perf_counter() - began
    assert all(each.flip.differing == 0 and not each.flip.uncompared for each in done)
    return max(each.facts for each in done), seconds


def _copied(dsn: str) -> float:
    """Return how many events a second COPY sends, in order."""
    began = time.perf_counter()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor, Path("/dev/null").open("wb") as sink:
        with cursor.copy("COPY (SELECT * FROM events ORDER BY log, notification_id) TO STDOUT") as copy:
            for block in copy:
                sink.write(block)
        events = cursor.rowcount
    return events / (time.perf_counter() - began)


def _clone(dsn: str, name: str) -> None:
    """Make a database of the same logs, for the peer."""
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as connection:
        original = str(conninfo_to_dict(dsn)["dbname"])
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(original)))


def _fold(dsn: str, *, until: int) -> int:
    """Bring the rows of all projections to a position of the week, or to the end of each log, and return it."""
    datastore = Datastore(dsn)
    try:
        with datastore.connection() as connection:
            for log in open_logs(datastore):
                end = min(LogRecorder(datastore, log).head().position, until if log == WEEK else END)
                _write(datastore, connection, log, end)
    finally:
        datastore.close()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return until


def _write(datastore: Datastore, connection: Connection[Any], log: str, end: int) -> None:
    """Bring the rows of all projections to a position of one log, as one reading of a rebuild does."""
    folds = [Fold(each, log, PUBLIC, position=0, rows_kept=_ENTIRE) for each in projections()]
    for page in pages(LogRecorder(datastore, log), until=end):
        for fold in folds:
            fold.take(connection, page, until=end)
    positions = Positions(datastore, ())
    for fold in folds:
        with connection.transaction():
            fold.write(connection, positions)
            positions.forget(connection, PUBLIC)
            positions.put(connection, fold.projection.label, {log: end})
