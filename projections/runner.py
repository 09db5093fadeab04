"""The runner: takes what is new in every log to every projection, in batches, rows and position together."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import psycopg
from psycopg import Connection

from ledger.datastore import OUTAGES, Datastore, cursor_on
from ledger.recorder import LogArchived, LogRecorder
from projections.pages import Page
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
        self._projections: Mapping[str, Projection] = {each.label: each for each in projections}
        self._far_behind: set[str] = set()
        labels = {each.name: each.label for each in projections}
        self.positions = Positions(datastore, tuple(labels), labels=labels)
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
            except OUTAGES as error:
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

    def arriving(self) -> list[str]:
        """Return the projections of a new version that have not yet caught up with the logs, nearly."""
        new = {each.label for each in self._projections.values() if each.VERSION > 1}
        return sorted({each.name for each in self.status() if each.name in new and each.lag > BATCH}) if new else []

    def _advance(self, log: str, limit: int) -> int:
        """Take one batch of a log to all projections; where there is much to do, in two threads.

        One of them folds while the other waits for the database, which has work for a core of its own.
        """
        names = list(self._projections)
        if log in self._far_behind:
            with ThreadPoolExecutor(max_workers=2) as threads:
                taken = sum(threads.map(lambda part: self._advance_some(log, part, limit), (names[::2], names[1::2])))
        else:
            taken = self._advance_some(log, names, limit)
        if 2 * taken >= limit * len(names):
            self._far_behind.add(log)
        else:
            self._far_behind.discard(log)
        return taken

    def _advance_some(self, log: str, names: Sequence[str], limit: int) -> int:
        """Take one batch of a log to those of some projections that nobody else is at work on."""
        taken = 0
        with self._datastore.connection() as connection, connection.transaction():
            # A crash may lose the newest batches, rows and positions together: they are then read again.
            cursor_on(connection).execute("SET LOCAL synchronous_commit = off")
            standing = self.positions.lock_free(connection, log, names)
            for position, group in groupby(standing, key=itemgetter(1)):
                those = [name for name, _ in group]
                taken += self._take(connection, log, those, after=position, limit=limit)
        return taken

    def _take(self, connection: Connection[Any], log: str, names: list[str], *, after: int, limit: int) -> int:
        """Take the facts behind `after` to projections that all stand there."""
        began = time.monotonic()
        try:
            page = Page(LogRecorder(self._datastore, log).read(after=after, limit=limit))
        except LogArchived:
            return 0
        if not page.records:
            return 0
        come_to: dict[int, list[str]] = defaultdict(list)
        for name in names:
            end = max(after, page.end_for(self._projections[name]))
            if self._apply(connection, log, name, page):
                come_to[end].append(name)
        for position, those in come_to.items():
            rate = (position - after) / max(time.monotonic() - began, 1e-6)
            self.positions.advance(connection, log, those, position, rate=rate)
            if page.error is not None and position < page.records[-1].position:
                self._stop(connection, log, those, page.error)
        return sum((position - after) * len(those) for position, those in come_to.items())

    def _apply(self, connection: Connection[Any], log: str, name: str, page: Page) -> bool:
        """Fold a page into a projection's rows; where it cannot take a fact, stop it and keep nothing of the page."""
        projection = self._projections[name]
        facts = page.facts_for(projection)
        if not facts:
            return True
        try:
            rows = load(connection, log, projection.touched(facts))
            projection.fold(rows, facts)
            save(connection, log, rows.changes())
        except ProjectionStopped as error:
            self._stop(connection, log, [name], str(error))
            return False
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            batch = f"{page.records[0].token} to {page.records[-1].token}"
            self._stop(connection, log, [name], f"{name} stopped in {batch}: the rows do not fit: {error}")
            return False
        return True

    def _stop(self, connection: Connection[Any], log: str, names: list[str], error: str) -> None:
        logger.error("projections %s of log %s are stopped: %s", ", ".join(names), log, error)
        self.positions.stop(connection, log, names, error)
