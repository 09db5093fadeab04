"""A week's log in memory, with the real use cases on it: for machines, which ask too many things for a database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast
from uuid import UUID

from ledger.aggregate import Aggregate, Context
from ledger.book import Book, Decision
from ledger.deciding import Asked, decide
from ledger.events import Event
from ledger.facts import Fact, Record, record_of
from ledger.ids import week_stream
from ledger.instants import Instant
from ledger.ledger import Ledger
from ledger.recorder import LogRecorder
from tests.examples import WEEK, at, week_opened

T = TypeVar("T")


class _Reader:
    """What a book reads of a log: streams that it dropped."""

    def __init__(self, facts: list[Fact]) -> None:
        self.log = WEEK
        self._facts = facts

    def read_streams(self, streams: Sequence[UUID]) -> Iterator[Record]:
        return (record_of(fact) for fact in self._facts if fact.stream in streams)


class InMemory:
    """A desk and its ledger in one: each command is decided and appended at once, a minute behind the one before."""

    def __init__(self, now: datetime | None = None) -> None:
        self.now = now or at("Tue 12:00")
        self.facts: list[Fact] = []
        self.book = Book(cast(LogRecorder, _Reader(self.facts)))
        self.book.is_loaded = True
        self.happen(week_stream(WEEK), week_opened())

    @property
    def ledger(self) -> Ledger:
        """What use cases are given."""
        return cast(Ledger, self)

    def desk(self, log: str) -> InMemory:
        assert log == WEEK
        return self

    def ask(
        self,
        command: Callable[[Decision], T],
        *,
        actor: str,
        request: str,
        cause: str | None = None,
        alone: bool = False,
        account: UUID | None = None,
        accounts: Sequence[UUID] = (),
        bulk: bool = False,
    ) -> Future[T]:
        """Decide and append, as a desk does with a batch of one."""
        asked: Asked[T] = Asked(
            command,
            Context(log=WEEK, actor=actor, request=request, cause=cause),
            Future(),
            alone=alone,
            account=account,
        )
        (decided,) = decide(self.book, [asked], now=self.now)
        self._append(decided.facts)
        if decided.refusal is not None:
            self.book.drop({fact.stream for fact in decided.triggered})
        decided.tell()
        return asked.future

    def happen(self, stream: UUID, *events: Event) -> None:
        """Append what no command is asked for."""
        for event in events:
            version = sum(fact.stream == stream for fact in self.facts) + 1
            fact = Fact(log=WEEK, stream=stream, version=version, event=event, actor="tester", request="given")
            self._append([fact])
            self.book.apply([record_of(fact)], loading=event.TOPIC.startswith(("week.", "game.", "case.")))

    def aggregate(self, kind: type[Aggregate], stream: UUID) -> Any:
        return self.book.get(kind, stream)

    def _append(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            fact.position, fact.recorded_at = len(self.facts) + 1, Instant.of(self.now)
            self.facts.append(fact)
        if facts:
            self.now += timedelta(minutes=1)
        self.book.known = len(self.facts)
