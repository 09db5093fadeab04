"""`given(Account, …events).when(command).then(…events)` or `.raises(error)`: how the tests of aggregates read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import pytest

from ledger.aggregate import Aggregate, Context
from ledger.events import Event
from ledger.facts import Fact
from ledger.instants import Instant
from tests.examples import WEEK, at

A = TypeVar("A", bound=Aggregate)
STREAM = UUID(int=1)


class Given(Generic[A]):
    """An aggregate with a history, and the command that it is asked. Facts are a minute and a position apart."""

    def __init__(self, kind: type[A], history: tuple[Event | Fact, ...], stream: UUID) -> None:
        self.kind = kind
        self.aggregate = kind.blank(stream)
        self.aggregate.context = Context(log=WEEK, actor="tester", request="test")
        self.facts: list[Fact] = []
        for event in history:
            self._stamp(event if isinstance(event, Fact) else self._fact(event))
            self.aggregate.fold(self.facts[-1])
        self.command: Callable[[A], object] = lambda aggregate: None

    def when(self, command: Callable[[A], object]) -> Given[A]:
        """Name the command to ask of the aggregate."""
        self.command = command
        return self

    def then(self, *events: Event) -> A:
        """Exactly these events happen, and the stream read again gives the same state. Returns the aggregate."""
        happened = self.ask(self.command)
        assert happened == events, f"what happened is {happened}"
        self.read_again()
        return self.aggregate

    def raises(self, error: type[Exception], match: str | None = None) -> None:
        """The command is refused, and leaves no event."""
        with pytest.raises(error, match=match):
            self.command(self.aggregate)
        assert self.aggregate.collect_events() == []

    def ask(self, command: Callable[[A], object]) -> tuple[Event, ...]:
        """Ask it now, and return what happened: for the machines, which ask many things of one aggregate."""
        command(self.aggregate)
        triggered: list[Fact] = list(self.aggregate.collect_events())  # type: ignore[arg-type]
        for fact in triggered:
            self._stamp(fact)
        return tuple(fact.event for fact in triggered)

    def read_again(self) -> None:
        """Versions run from 1 without a gap, and the stream read again gives the same state."""
        assert [fact.version for fact in self.facts] == list(range(1, len(self.facts) + 1))
        replayed = self.kind.blank(self.aggregate.id)
        for fact in self.facts:
            replayed.fold(fact)
        assert state_of(replayed) == state_of(self.aggregate)

    def _fact(self, event: Event) -> Fact:
        version = self.aggregate.version + 1
        return Fact(log=WEEK, stream=self.aggregate.id, version=version, event=event, actor="tester", request="given")

    def _stamp(self, fact: Fact) -> None:
        fact.position = len(self.facts) + 1
        fact.recorded_at = fact.recorded_at or recorded_at(fact.position)
        self.facts.append(fact)


def given(kind: type[A], *history: Event | Fact, stream: UUID = STREAM) -> Given[A]:
    """An aggregate to which these events happened."""
    return Given(kind, history, stream)


def recorded_at(position: int) -> Instant:
    """When the fact at a position was recorded: a minute apart, from Tuesday noon on."""
    return Instant.of(at("Tue 12:00") + timedelta(minutes=position))


def state_of(aggregate: Aggregate) -> dict[str, Any]:
    """All that an aggregate knows, in a form that can be compared."""
    hidden = ("context", "pending", "_pending_events")
    return {name: _plain(value) for name, value in vars(aggregate).items() if name not in hidden}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    slots = getattr(type(value), "__slots__", ())
    return {name: _plain(getattr(value, name)) for name in slots} if type(value).__name__ == "Bet" else value
