"""A process in which many threads read the first events at the same moment, as desks and projections do at a start."""

from __future__ import annotations

import sys
import threading
from uuid import UUID

from ledger.events import Event
from ledger.facts import Record, canonical, decode
from ledger.instants import Instant
from tests.examples import corrected, game_scheduled, opened, quoted, recorded, stake_placed, week_opened

THREADS = 8
EVENTS = (week_opened(), stake_placed(), quoted(), game_scheduled(), recorded(), corrected(), *opened())


def record_of(event: Event) -> Record:
    return Record(
        log="2026-W47",
        position=1,
        stream=UUID(int=1),
        version=1,
        topic=event.TOPIC,
        schema=event.SCHEMA,
        state=canonical(event),
        recorded_at=Instant.parse("2026-11-17T15:00:00Z"),
        actor="tester",
        request="r",
        cause=None,
    )


def read_all(together: threading.Barrier) -> None:
    together.wait()
    for event in EVENTS:
        for _ in range(20):
            assert decode(record_of(event)) == event


if __name__ == "__main__":
    sys.setswitchinterval(1e-6)
    barrier = threading.Barrier(THREADS)
    readers = [threading.Thread(target=read_all, args=[barrier]) for _ in range(THREADS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
