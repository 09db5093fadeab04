"""Replays of a log: what its books come to, at its end or as of any position or time before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from ledger.auditing.books import Balances
from ledger.auditing.lines import Leaf, LineError, LineReader
from ledger.auditing.sources import RecorderSource, Source
from ledger.casebook import Reasons, Why
from ledger.facts import Fact, fact_of
from ledger.ids import position_token
from ledger.instants import Instant
from ledger.recorder import LogRecorder
from ledger.replay import Replay
from ledger.statement import Movement, movements
from projections.rebuild import verify

Progress = Callable[[int, int], None]
_POSITION = re.compile(r"(?:[\w.-]+:)?(\d{1,18})")


class BasisError(ValueError):
    """A text that names no position and no time, or a position that the log has not come to."""


@dataclass(frozen=True, slots=True)
class Until:
    """As of when a log is replayed: up to a position, or all that was recorded at or before a time."""

    position: int | None = None
    time: Instant | None = None

    @classmethod
    def parse(cls, text: str) -> Until:
        """Read `812`, `2024-W45:812` or an RFC 3339 time; raises BasisError."""
        position = _POSITION.fullmatch(text)
        if position is not None:
            return cls(position=int(position[1]))
        try:
            return cls(time=Instant.of(datetime.fromisoformat(text)))
        except ValueError as error:
            raise BasisError(
                f"{text!r} is neither a position nor a time such as 2024-11-08T01:15:00Z: {error}"
            ) from error

    def includes(self, position: int, at: Instant) -> bool:
        """Say whether an event belongs to it; once one does not, none behind it does."""
        return (self.position is None or position <= self.position) and (self.time is None or at <= self.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a replay of a log came to, up to `position`, which was recorded `at` (None before the first event).

    `until` is what was asked for. `faults` and `differences` are empty when all is well. `statement` holds the
    movements of the entry that was asked for, if one was, `reasons` by cause why operators moved credits among them.
    """

    log: str
    position: int
    at: Instant | None
    until: Until | None
    total: Balances
    replay: Replay
    faults: list[str]
    differences: list[str]
    statement: list[Movement] | None = None
    reasons: dict[str, Why] = field(default_factory=dict)

    @property
    def is_ok(self) -> bool:
        """Whether credits are conserved, the log is whole, and the projections say what it says."""
        return not self.faults and not self.differences

    @property
    def basis(self) -> str:
        """What it rests on, in words."""
        time = None if self.until is None else self.until.time
        asked = "" if time is None else f"at or before {time}, "
        if self.at is None:
            return f"as recorded {asked}before the first event"
        return f"as recorded {asked}up to position {self.position}, {self.at}"


def replay(recorder: LogRecorder, *, progress: Progress, until: int | None = None) -> Audit:
    """Replay a log in the database up to a position (its end, if None); at its end, compare the projections with it."""
    whole = RecorderSource(recorder)
    end = None if until is None else Until(position=min(until, whole.size))
    audited = replay_source(whole, progress=progress, until=end)
    if until is None:
        audited.differences.extend(str(each) for each in verify(recorder.store, log=recorder.log, progress=progress))
    return audited


def replay_source(
    source: Source, *, progress: Progress, until: Until | None = None, entry: UUID | None = None
) -> Audit:
    """Replay a log from wherever it is; of an `entry` the statement is kept.

    Raises BasisError for a position beyond its end, LineError, UnknownTopic or UnreadableEvent where it cannot be read.
    """
    if until is not None and until.position is not None and until.position > source.size:
        raise BasisError(f"log {source.log} ends at position {source.size}: there is no position {until.position} yet")
    books, last = Replay(source.log), None
    kept: list[Fact] = []
    reasons = Reasons()
    is_whole = True
    for facts in _facts(source):
        included = facts if until is None else [each for each in facts if until.includes(each.position, each.at)]
        books.fold(included)
        last = included[-1] if included else last
        if entry is not None:
            for fact in included:
                reasons.take(fact)
            kept += [fact for fact in included if fact.stream == entry]
        if len(included) < len(facts):
            is_whole = False
            break
        progress(books.position, source.size)
    progress(books.position, books.position)
    faults = books.faults + [f"the books of pool {pool} do not balance" for pool in books.unbalanced()]
    if is_whole:
        # A week that becomes final brings its prizes in one append, which a position before the end may cut in two.
        faults += books.unawarded()
    return Audit(
        log=source.log,
        position=books.position,
        at=last.at if last else None,
        until=until,
        total=books.total,
        replay=books,
        faults=faults,
        differences=[],
        statement=None if entry is None else movements(kept),
        reasons=reasons.by_cause(),
    )


def _facts(source: Source) -> Iterator[list[Fact]]:
    """Yield the facts of a log, some at a time; what cannot be read is met where it stands, behind those before it."""
    reader, read = LineReader(), 0
    for block in source.blocks():
        facts = reader.facts(block)
        if facts is not None:
            yield facts
        else:
            yield from ([fact] for fact in _one_by_one(source.log, read, reader.leaves(block)))
        read += len(block.lines)


def _one_by_one(log: str, read: int, leaves: Iterator[Leaf]) -> Iterator[Fact]:
    for number, leaf in enumerate(leaves, start=read + 1):
        if leaf.record is None:
            raise LineError(f"{position_token(log, number)}: {leaf.trouble}")
        yield fact_of(leaf.record, keeps_record=False)


def summary(audit: Audit) -> dict[str, Any]:
    """Return an audit as JSON for machines."""
    bets = audit.replay.bets
    found: dict[str, Any] = {
        "log": audit.log,
        "position": audit.position,
        "at": None if audit.at is None else str(audit.at),
        "basis": audit.basis,
        "credits": credits(audit.total),
        "pools": {name: credits(books) for name, books in pools(audit)},
        "bets": {outcome: bets[outcome] for outcome in ("open", "won", "lost", "push", "void")},
        "standings": {
            name: [{"rank": each.rank, "entry": each.entry, "credits": each.credits} for each in standings]
            for name, standings in audit.replay.standings().items()
        },
        "standings_hash": audit.replay.standings_hash,
        "faults": audit.faults,
        "differences": audit.differences,
        "ok": audit.is_ok,
    }
    if audit.statement is not None:
        found["statement"] = [_movement(each, audit.reasons.get(each.cause or "")) for each in audit.statement]
    return found


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


def _movement(movement: Movement, why: Why | None) -> dict[str, Any]:
    bet = movement.bet
    return {
        "position": movement.position,
        "at": str(movement.at),
        "kind": movement.kind,
        "amount": movement.amount,
        "available": movement.available,
        "bet_id": None if bet is None else bet.bet_id,
        "bet_status": movement.bet_status,
        "reason": movement.reason,
        "resolution": movement.resolution,
        "note": None if why is None else why.reason,
        "case_id": None if why is None else why.case_id,
    }
