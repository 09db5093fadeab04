"""Pages of a log: facts for the projections that read them, and what can be had where one cannot be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import attrgetter
from typing import Any, ClassVar, Final, cast

from ledger.facts import Fact, Record, UnknownTopic, UnreadableEvent, fact_of
from ledger.recorder import END, PAGE, LogRecorder
from projections.projection import Projection

_POSITION: Final = attrgetter("position")


class Page:
    """Consecutive records, and the facts of those before the first one that cannot be read, if there is one.

    `error` says which one cannot, and why.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.facts: list[Fact] = []
        self.error: str | None = None
        self._of_type: dict[type[Any], list[Fact]] = defaultdict(list)
        try:
            for record in records:
                fact = fact_of(record)
                self.facts.append(fact)
                self._of_type[type(fact.event)].append(fact)
        except (UnknownTopic, UnreadableEvent) as error:
            self.error = str(error)

    def end_for(self, projection: Projection) -> int:
        """Return the position that a projection can come to by this page; 0 where it can read nothing of it."""
        if projection.READS_EVENTS and self.error is not None:
            return self.facts[-1].position if self.facts else 0
        return self.records[-1].position if self.records else 0

    def facts_for(self, projection: Projection, *, after: int = 0, until: int = END) -> Sequence[Fact]:
        """Return the facts that a projection takes, of those between two positions."""
        if not projection.READS_EVENTS:
            facts = [*self.facts, *(_unread(record) for record in self.records[len(self.facts) :])]
        else:
            facts = self._taken_by(projection)
        if facts and (facts[0].position <= after or facts[-1].position > until):
            return [fact for fact in facts if after < fact.position <= until]
        return facts

    def _taken_by(self, projection: Projection) -> list[Fact]:
        """Most pages hold nothing for most projections, and the others take nearly all."""
        taken = [facts for kind, facts in self._of_type.items() if issubclass(kind, projection.FOLDS)]
        if len(taken) == len(self._of_type):
            return self.facts
        if len(taken) == 1:
            return taken[0]
        return sorted((fact for facts in taken for fact in facts), key=_POSITION)


def pages(recorder: LogRecorder, *, after: int = 0, until: int = END, limit: int = PAGE) -> Iterator[Page]:
    """Yield the pages of a log behind a position, up to another; raises LogArchived."""
    while after < until and (records := recorder.read(after=after, until=until, limit=limit)):
        yield Page(records)
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
