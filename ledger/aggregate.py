"""The base of our aggregates: the `eventsourcing` library's, mutated by facts and born empty.

An aggregate is first asked (a public method checks the rule and triggers events), and `apply` only folds: what was
accepted once is never judged again on replay. `version` 0 is a stream without events.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from eventsourcing.domain import BaseAggregate

from ledger.events import Event
from ledger.facts import Fact
from ledger.instants import Instant
from ledger.mendable import Mendable

_UNBORN = Instant.of(Instant.fromtimestamp(0).astimezone())


class LedgerError(Mendable):
    """A command was refused by a rule. `code` is the stable name that clients branch on."""

    code: ClassVar[str] = "refused"


class Context:
    """Who asks, for which request, in answer to what: the part of the envelope that a command brings."""

    __slots__ = ("actor", "cause", "log", "request")

    def __init__(self, *, log: str, actor: str, request: str, cause: str | None = None) -> None:
        self.log = log
        self.actor = actor
        self.request = request
        self.cause = cause


class Aggregate(BaseAggregate[UUID]):
    """One stream's state. Commands call `trigger`; subclasses fold events in `apply`."""

    context: Context
    pending: list[Any]
    """Facts triggered and not yet appended (the library's pending events)."""

    @classmethod
    def blank(cls, stream: UUID) -> Self:
        """Return the aggregate of a stream before its first event."""
        aggregate = cls.__new__(cls)
        aggregate.__base_init__(stream, 0, _UNBORN)
        aggregate.pending = aggregate.pending_events
        aggregate.__init__()  # type: ignore[misc]
        return aggregate

    def trigger(self, event: Event) -> Fact:
        """Record that `event` happens, in the context of the command under way, and fold it."""
        context = self.context
        fact = Fact(
            log=context.log,
            stream=self.id,
            version=self.version + 1,
            event=event,
            actor=context.actor,
            request=context.request,
            cause=context.cause,
        )
        self.fold(fact)
        self.pending.append(fact)
        return fact

    def fold(self, fact: Fact) -> None:
        """Apply a fact, which must be the stream's next; raises ValueError where it is not."""
        if fact.version != self.version + 1:
            raise ValueError(f"stream {self.id} is at version {self.version}: {fact.version} does not follow")
        self.apply(fact)
        self.version = fact.version

    def apply(self, fact: Fact) -> None:
        """Change the state as the fact says; no rule is checked here."""
        raise NotImplementedError(type(self).__name__)
