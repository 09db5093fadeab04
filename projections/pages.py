"""Pages of a log: facts for the projections that read them, and what can be had where one cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from ledger.facts import Fact, Record, UnknownTopic, UnreadableEvent, fact_of
from ledger.recorder import END, PAGE, LogRecorder
from projections.projection import Projection


@dataclass(frozen=True, slots=True)
class Page:
    """Consecutive records, and the facts of those before the first one that cannot be read, if there is one.

    `error` says which one cannot, and why.
    """

    records: Sequence[Record]
    facts: Sequence[Fact]
    error: str | None

    @classmethod
    def of(cls, records: Sequence[Record]) -> Page:
        """Read what can be read."""
        facts: list[Fact] = []
        try:
            for record in records:
                facts.append(fact_of(record))
        except (UnknownTopic, UnreadableEvent) as error:
            return cls(records, facts, str(error))
        return cls(records, facts, None)

    def facts_for(self, projection: Projection) -> Sequence[Fact]:
        """Return the facts that a projection can take: all, where it does not look into them."""
        if projection.READS_EVENTS or self.error is None:
            return self.facts
        return [*self.facts, *(_unread(record) for record in self.records[len(self.facts) :])]


def pages(recorder: LogRecorder, *, after: int = 0, until: int = END, limit: int = PAGE) -> Iterator[Page]:
    """Yield the pages of a log behind a position, up to another; raises LogArchived."""
    while after < until and (records := recorder.read(after=after, until=until, limit=limit)):
        yield Page.of(records)
        after = records[-1].position


class _Unread:
    """Stands in for an event that cannot be read."""

    TOPIC: ClassVar[str] = "an event that cannot be read"


def _unread(record: Record) -> Fact:
    return Fact(
        log=record.log,
        stream=record.stream,
        version=record.version,
        event=cast(Any, _Unread()),
        actor=record.actor,
        request=record.request,
        cause=record.cause,
        position=record.position,
        recorded_at=record.recorded_at,
        record=record,
    )
