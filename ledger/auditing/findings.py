"""What an audit finds, and the frame of a check: facts go in one by one, differences come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ledger.events import Event
from ledger.facts import Fact


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference between what a log says and what follows from it.

    `kind` is one of those that docs/verification.md lists, `at` the token of the event (or the name of the file, or
    of the log) where it shows, `text` says what is wrong, without a full stop.
    """

    kind: str
    at: str
    text: str

    def __str__(self) -> str:
        """Return it as the one line that is printed."""
        return f"{self.kind}: {self.at}: {self.text}"


class Check(ABC):
    """A rule that is held against a log's facts, which it is given once each, in order of position.

    `EVENTS` are the types of events that it takes; where none is named it is given all. It keeps no more of a log than
    it must, and it raises nothing about what stands in one: a log that was tampered with may say anything.
    """

    EVENTS: ClassVar[tuple[type[Event], ...]] = ()

    @abstractmethod
    def take(self, fact: Fact) -> Iterable[Finding]:
        """Take the next fact, and return what is wrong with it."""

    def take_all(self, facts: Sequence[Fact]) -> bool:
        """Take the next facts at once, if nothing is wrong with any; else take none, and return False.

        It is asked of checks that take every event, and at which no other looks; the others are given one by one.
        """
        return False

    def end(self) -> Iterable[Finding]:
        """Return what is missing, once the log has ended: nothing, unless a check says otherwise."""
        return ()
