"""Appending to a log by hand: groups of facts, as a desk would assemble them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from ledger.events import CreditsGranted
from ledger.facts import Fact
from ledger.recorder import Appended, Batch, LogRecorder, Row
from tests.examples import WEEK

NOW = datetime(2026, 11, 17, 15, tzinfo=UTC)
A, B, C = UUID(int=1), UUID(int=2), UUID(int=3)


def fact(stream: UUID, version: int, *, request: str = "r") -> Fact:
    """A fact that says its own version."""
    event = CreditsGranted(amount=version, available=version)
    return Fact(log=WEEK, stream=stream, version=version, event=event, actor="tester", request=request)


def append(
    recorder: LogRecorder,
    *groups: Fact | Sequence[Fact],
    known: int | None = None,
    now: datetime = NOW,
    behind: Sequence[tuple[int, UUID]] = (),
    before: Sequence[tuple[int, datetime]] = (),
    rows: Sequence[tuple[int, Row]] = (),
) -> Appended:
    """Append groups 1, 2, … of facts; `known` is the head unless told otherwise."""
    facts = [
        (number, each)
        for number, group in enumerate(groups, start=1)
        for each in ([group] if isinstance(group, Fact) else group)
    ]
    known = recorder.head().position if known is None else known
    return recorder.append(
        Batch(known=known, now=now, facts=facts, behind=list(behind), before=list(before), rows=list(rows))
    )


def places(recorder: LogRecorder) -> list[tuple[int, UUID, int]]:
    """Position, stream and version of all that is in the log."""
    return [(record.position, record.stream, record.version) for record in recorder.read()]
