"""Projections as the `eventsourcing` library runs them: its `ProjectionRunner`, one event a transaction.

The handlers are ours: each event is folded into all the projections that take it, by the same folds, and the rows that
changed are written with the library's tracking position in one transaction. The events are read by the library's own
subscription and decoded by msgspec, which is kinder to it than its own transcoding.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.persistence import ApplicationRecorder, InfrastructureFactory, Mapper, StoredEvent, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from ledger.datastore import Datastore
from ledger.events import event_types
from ledger.facts import Fact, Record, read_as
from ledger.instants import Instant
from ledger.recorder import LogRecorder
from projections.catalogue import projections
from projections.tables import load, save
from tests.examples import WEEK

_WARM_UP = 100
# The library's notifications say neither when nor by whom: none of the rows is larger or smaller for it.
_WHEN = Instant.parse("2026-11-22T12:00:00Z")


class FactMapper(Mapper[UUID]):
    """From what the library reads to what our handlers take."""

    def to_domain_event(self, stored_event: StoredEvent) -> Any:
        """Return the fact of a notification."""
        event = read_as(event_types()[stored_event.topic], stored_event.state)
        position = getattr(stored_event, "id", 0)
        envelope: dict[str, Any] = {
            "log": WEEK,
            "stream": stored_event.originator_id,
            "version": stored_event.originator_version,
            "actor": "library",
            "request": "",
            "cause": None,
            "position": position,
            "recorded_at": _WHEN,
        }
        record = Record(topic=stored_event.topic, schema=event.SCHEMA, state=stored_event.state, **envelope)
        return Fact(event=event, record=record, **envelope)


class Week(Application[UUID]):
    """The week's log as an application."""

    name = "week"

    def construct_mapper(self) -> Mapper[UUID]:
        """Decode by msgspec."""
        return FactMapper(transcoder=self.construct_transcoder())

    def construct_recorder(self) -> ApplicationRecorder:
        """Read the week's own partition."""
        return LogRecorder(Datastore(self.env["WEEK_DSN"]), WEEK)


class Tables(PostgresTrackingRecorder):
    """The tables of all projections; `moments` are when each event was committed."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.moments: list[float] = []
        self._projections = projections()

    def take(self, fact: Fact, tracking: Tracking) -> None:
        """Fold an event into the rows of each projection that takes it, and note its position with them."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            for projection in self._projections:
                if isinstance(fact.event, projection.FOLDS):
                    rows = load(cursor.connection, fact.log, projection.touched([fact]))
                    projection.fold(rows, [fact])
                    save(cursor.connection, fact.log, rows.changes())
        self.moments.append(time.perf_counter())


class Everything(Projection[Tables]):
    """All projections as one, which spares the library a commit for each of them."""

    name = "everything"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Take one event."""
        self.view.take(domain_event, tracking)


def seconds_for(dsn: str, *, events: int) -> float:
    """Return what the runner takes for the next events of the week, when it is warm."""
    with ProjectionRunner(
        application_class=Week, projection_class=Everything, view_class=Tables, env=_environment(dsn)
    ) as runner:
        after = runner.view.max_tracking_id(Week.name) or 0
        runner.wait(after + _WARM_UP + events, timeout=120)
        moments = runner.view.moments
        runner.stop()
    return moments[_WARM_UP + events - 1] - moments[_WARM_UP - 1]


def begin(dsn: str, *, after: int) -> None:
    """Let the runner begin behind a position, at which the tables of the database stand."""
    factory = InfrastructureFactory[Tables].construct(Environment(Everything.name, _environment(dsn)))
    view = factory.tracking_recorder(Tables)
    view.insert_tracking(Tracking(Week.name, after))
    view.datastore.close()


def _environment(dsn: str) -> Mapping[str, str]:
    parts = conninfo_to_dict(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts["port"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": str(parts["password"]),
        "WEEK_DSN": dsn,
    }
