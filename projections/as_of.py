"""A log as it was at one position, whatever comes meanwhile: aggregates that are the reader's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar
from uuid import UUID

from ledger.aggregate import Aggregate, Context
from ledger.facts import fact_of
from ledger.recorder import LogRecorder

A = TypeVar("A", bound=Aggregate)
STREAMS_AT_ONCE: Final = 200


class AsOf:
    """Folds streams up to `position`. What is triggered on such an aggregate is in no desk and goes into no log."""

    def __init__(self, recorder: LogRecorder, *, position: int) -> None:
        self._recorder = recorder
        self.position = position

    def one(self, kind: type[A], stream: UUID) -> A:
        """Return a new aggregate of a stream, blank where it had no event yet."""
        return next(self.each(kind, [stream]))

    def each(self, kind: type[A], streams: Sequence[UUID]) -> Iterator[A]:
        """Yield a new aggregate of each of some streams, which are read 200 at a time."""
        for start in range(0, len(streams), STREAMS_AT_ONCE):
            chunk = streams[start : start + STREAMS_AT_ONCE]
            aggregates = {stream: self._blank(kind, stream) for stream in chunk}
            for record in self._recorder.read_streams(chunk):
                if record.position <= self.position:
                    aggregates[record.stream].fold(fact_of(record, keeps_record=False))
            yield from aggregates.values()

    def _blank(self, kind: type[A], stream: UUID) -> A:
        aggregate = kind.blank(stream)
        aggregate.context = Context(log=self._recorder.log, actor="preview", request="preview")
        return aggregate
