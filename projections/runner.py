"""The runner: takes what is new in every log to every projection, in batches, rows and position together."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg
from psycopg import Connection

from ledger.datastore import Datastore, cursor_on
from ledger.facts import Fact, UnknownTopic, UnreadableEvent, fact_of
from ledger.recorder import LogRecorder
from projections.positions import Positions, ProjectionStatus
from projections.projection import Projection, ProjectionStopped
from projections.tables import load, save

BATCH: Final = 5_000
_POLL_SECONDS: Final = 0.02
_OUTAGE_SECONDS: Final = 0.5

logger = logging.getLogger(__name__)


class Runner:
    """Runs projections. Any number of runners, in any processes, may work on the same database.

    `positions` are those of all of them, `reading` those of the ones that players and operators read.
    """

    def __init__(self, datastore: Datastore, projections: Sequence[Projection]) -> None:
        self._datastore = datastore
        self._projections: Mapping[str, Projection] = {each.name: each for each in projections}
        self.positions = Positions(datastore, tuple(self._projections))
        self.reading = self.positions.among([each.name for each in projections if not each.IS_EVIDENCE])

    def run(self, stop: threading.Event) -> None:
        """Follow the logs until `stop` is set. Projections that were stopped by an error try again first."""
        retried = False
        while not stop.is_set():
            try:
                if not retried:
                    self.positions.retry()
                    retried = True
                # A batch of one fact costs nearly as much as one of hundreds: news gather for a moment.
                if self.step() < BATCH:
                    stop.wait(_POLL_SECONDS)
            except psycopg.OperationalError as error:
                logger.warning("projections wait for the database: %s", error)
                stop.wait(_OUTAGE_SECONDS)
                self._datastore.drop_dead_connections()

    def step(self, *, limit: int = BATCH) -> int:
        """Apply the next batch of each log that has news; return how many facts were taken, over all projections."""
        taken = sum(self._advance(log, limit) for log in self.positions.behind())
        if taken:
            self.positions.moved()
        return taken

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        """Wait until projections have come to a position (see `Positions.wait_for`)."""
        return self.positions.wait_for(log, position, timeout=timeout, names=names)

    def status(self) -> list[ProjectionStatus]:
        """Return where each projection stands in each log."""
        return self.positions.status()

    def _advance(self, log: str, limit: int) -> int:
        """Take one batch of a log to the projections that nobody else is at work on."""
        taken = 0
        with self._datastore.connection() as connection, connection.transaction():
            # A crash may lose the newest batches, rows and positions together: they are then read again.
            cursor_on(connection).execute("SET LOCAL synchronous_commit = off")
            standing = self.positions.lock_free(connection, log)
            for position, group in groupby(standing, key=itemgetter(1)):
                names = [name for name, _ in group]
                taken += self._take(connection, log, names, after=position, limit=limit)
        return taken

    def _take(self, connection: Connection[Any], log: str, names: list[str], *, after: int, limit: int) -> int:
        """Take the facts behind `after` to projections that all stand there."""
        records = LogRecorder(self._datastore, log).read(after=after, limit=limit)
        if not records:
            return 0
        try:
            facts = [fact_of(record) for record in records]
        except (UnknownTopic, UnreadableEvent) as error:
            self._stop(connection, log, names, str(error))
            return 0
        advanced = [name for name in names if self._apply(connection, log, name, facts)]
        self.positions.advance(connection, log, advanced, records[-1].position)
        return len(facts) * len(advanced)

    def _apply(self, connection: Connection[Any], log: str, name: str, facts: list[Fact]) -> bool:
        """Fold facts into a projection's rows; where it cannot take one, stop it and keep nothing of them."""
        projection = self._projections[name]
        try:
            rows = load(connection, log, projection.touched(facts))
            projection.fold(rows, facts)
            with connection.transaction():
                save(connection, log, rows.changes())
        except ProjectionStopped as error:
            self._stop(connection, log, [name], str(error))
            return False
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            batch = f"{facts[0].token} to {facts[-1].token}"
            self._stop(connection, log, [name], f"{name} stopped in {batch}: the rows do not fit: {error}")
            return False
        return True

    def _stop(self, connection: Connection[Any], log: str, names: list[str], error: str) -> None:
        logger.error("projections %s of log %s are stopped: %s", ", ".join(names), log, error)
        self.positions.stop(connection, log, names, error)
