"""Audits: a log replayed from its first event and held against the projections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ledger.auditing.books import Balances
from ledger.facts import fact_of
from ledger.recorder import LogRecorder
from ledger.replay import Replay
from projections.rebuild import verify

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Audit:
    """What a replay of a log came to. `faults` and `differences` are empty when all is well."""

    log: str
    position: int
    total: Balances
    replay: Replay
    faults: list[str]
    differences: list[str]

    @property
    def is_ok(self) -> bool:
        """Whether credits are conserved, the log is whole, and the projections say what it says."""
        return not self.faults and not self.differences


def replay(recorder: LogRecorder, *, progress: Progress, until: int | None = None) -> Audit:
    """Replay a log up to a position (its end, if None) and, at its end, hold the projections against it."""
    head = recorder.head().position
    end = head if until is None else min(until, head)
    books = Replay(recorder.log)
    for number, record in enumerate(recorder.read_all(until=end), start=1):
        books.fold([fact_of(record)])
        if number % 1_000 == 0:
            progress(number, end)
    progress(end, end)
    faults = books.faults + [f"the books of pool {pool} do not balance" for pool in books.unbalanced()]
    if end == head:
        # A week that becomes final brings its prizes in one append, which a position before the end may cut in two.
        faults += books.unawarded()
    differences = [] if until is not None else [str(each) for each in verify(recorder.store, log=recorder.log)]
    return Audit(recorder.log, end, books.total, books, faults, differences)


def summary(audit: Audit) -> dict[str, Any]:
    """Return an audit as JSON for machines."""
    bets = audit.replay.bets
    return {
        "log": audit.log,
        "position": audit.position,
        "credits": credits(audit.total),
        "bets": {outcome: bets[outcome] for outcome in ("open", "won", "lost", "push", "void")},
        "standings_hash": audit.replay.standings_hash,
        "faults": audit.faults,
        "differences": audit.differences,
        "ok": audit.is_ok,
    }


def credits(books: Balances) -> dict[str, int]:
    """Return the four balances, issuance as the positive number of credits issued."""
    return {
        "issued": -books.issuance,
        "available": books.available,
        "escrow": books.escrow,
        "house": books.house,
    }


def pools(audit: Audit) -> Iterator[tuple[str, Balances]]:
    """Yield the books of each pool, A to Z before AA."""
    for name in audit.replay.standings():
        yield name, audit.replay.books[name]
