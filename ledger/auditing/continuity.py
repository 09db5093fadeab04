"""Continuity: positions 1, 2, 3 …, versions 1, 2, 3 … in each stream, and a time that never goes back."""

from __future__ import annotations

from collections.abc import Iterator
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

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event of any type."""
        if fact.log != self.log:
            yield Finding("position", f"{self.log}:{self.position + 1}", f"is an event of log {fact.log}")
        if fact.position != self.position + 1:
            yield Finding("position", fact.token, f"follows position {self.position}")
        # The number behind a UUID is hashed and compared without calling Python.
        stream = fact.stream.int
        version = self._versions.get(stream, 0) + 1
        if fact.version != version:
            text = f"is version {fact.version} of stream {fact.stream}, not {version}"
            yield Finding("version", fact.token, text)
        if self.at is not None and fact.at < self.at:
            yield Finding("time", fact.token, f"is recorded at {fact.at}, before the event in front of it")
        self.position, self.at, self._versions[stream] = fact.position, fact.at, fact.version
