"""Continuity: positions 1, 2, 3 …, versions 1, 2, 3 … in each stream, and a time that never goes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from ledger.auditing.findings import Check, Finding
from ledger.facts import Fact


class Continuity(Check):
    """Counts a log's events; `position` and `at` are those of the last. It keeps one number a stream."""

    def __init__(self, log: str) -> None:
        self.log = log
        self.position = 0
        self.at: datetime | None = None
        self._versions: dict[int, int] = {}

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Take the next event of any type."""
        # The number behind a UUID is hashed and compared without calling Python.
        stream, at = fact.stream.int, fact.recorded_at or fact.at
        position, version = self.position + 1, self._versions.get(stream, 0) + 1
        follows = fact.position == position and fact.version == version and fact.log == self.log
        is_later = at is self.at or self.at is None or at >= self.at
        found = () if follows and is_later else list(self._wrong(fact, position, version))
        self.position, self.at, self._versions[stream] = fact.position, at, fact.version
        return found

    def take_all(self, facts: Sequence[Fact]) -> bool:
        """Take the next events, if each follows on the one before."""
        log, versions, first, last = self.log, self._versions, self.position + 1, self.at
        for position, fact in enumerate(facts, start=first):
            stream, version, at = fact.stream.int, fact.version, fact.recorded_at or fact.at
            follows = fact.position == position and version == versions.get(stream, 0) + 1 and fact.log == log
            if not follows or not (at is last or last is None or at >= last):
                # Each of those that are taken followed on the version before its own.
                for taken in reversed(facts[: position - first]):
                    versions[taken.stream.int] = taken.version - 1
                return False
            last = at
            versions[stream] = version
        self.position, self.at = first + len(facts) - 1, last
        return True

    def _wrong(self, fact: Fact, position: int, version: int) -> Iterator[Finding]:
        if fact.log != self.log:
            yield Finding("position", f"{self.log}:{position}", f"is an event of log {fact.log}")
        if fact.position != position:
            yield Finding("position", fact.token, f"follows position {self.position}")
        if fact.version != version:
            yield Finding("version", fact.token, f"is version {fact.version} of stream {fact.stream}, not {version}")
        if self.at is not None and fact.at < self.at:
            yield Finding("time", fact.token, f"is recorded at {fact.at}, before the event in front of it")
