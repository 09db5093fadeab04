"""Registrations: who takes part in a week, under which rules, and how many do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from ledger.events import EntryEnrolled, EntryWithdrawn
from ledger.facts import Fact
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import NumberOf, View
from projections.weeks import week_of


class Registration(Row, frozen=True):
    """An entry's enrolment, under the id of its stream; `withdrawn_at` is null while it takes part.

    `rules_hash` is that of the rules accepted. `enrolled_at` and `position` are those of the last change.
    """

    TABLE: ClassVar[str] = "registrations"
    KEY: ClassVar[str] = "registration"

    log: str
    registration: UUID
    entry: UUID
    week: str
    via: str
    rules_hash: str
    enrolled_at: datetime
    withdrawn_at: datetime | None
    position: int


class RegistrationCount(Row, frozen=True):
    """How many entries of a log's week take part."""

    TABLE: ClassVar[str] = "registration_counts"
    KEY: ClassVar[str] = "week"

    log: str
    week: str
    registered: int = 0


class RegistrationsProjection(Projection):
    """Folds `entry.*`."""

    name = "registrations"
    tables = (Registration, RegistrationCount)
    FOLDS = (EntryEnrolled, EntryWithdrawn)

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The registration whose stream the fact is in, and its week's count."""
        match fact.event:
            case EntryEnrolled() | EntryWithdrawn():
                yield Registration, fact.stream
                yield RegistrationCount, week_of(fact.log)

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case EntryEnrolled() as event:
                rows.put(_enrolled(fact, event))
                _count(rows, fact, 1)
            case EntryWithdrawn():
                registration = rows.need(Registration, fact.stream)
                rows.put(replace(registration, withdrawn_at=fact.at, position=fact.position))
                _count(rows, fact, -1)


class Registrations(View):
    """What readers ask of registrations."""

    NAME = "registrations"

    def registered(self, weeks: Sequence[str]) -> dict[str, int]:
        """Return how many entries take part in some weeks; weeks without any are missing."""
        found = self._all("registered", NumberOf, weeks=list(weeks))
        return {each.week: each.number for each in found}


def _enrolled(fact: Fact, event: EntryEnrolled) -> Registration:
    return Registration(
        log=fact.log,
        registration=fact.stream,
        entry=event.entry,
        week=week_of(fact.log),
        via=event.via,
        rules_hash=event.rules_hash,
        enrolled_at=fact.at,
        withdrawn_at=None,
        position=fact.position,
    )


def _count(rows: Rows, fact: Fact, change: int) -> None:
    week = week_of(fact.log)
    count = rows.get(RegistrationCount, week) or RegistrationCount(fact.log, week)
    rows.put(replace(count, registered=count.registered + change))
