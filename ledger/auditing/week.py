"""The week: its states in their order and at their times, its rules and dates, and who may act in which state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Final

import msgspec

from ledger import weeks
from ledger.auditing.board import WEEK_EVENTS, Board
from ledger.auditing.findings import Check, Finding
from ledger.events import (
    AccountOpened,
    BetsVoided,
    BoughtBack,
    CaseApplied,
    CaseApproved,
    CaseClosed,
    CaseOpened,
    CaseProposed,
    ChunkSettled,
    CreditsGranted,
    EntryEnrolled,
    EntryWithdrawn,
    Event,
    PaymentAccepted,
    PaymentRefused,
    PoolsDrawn,
    PrizeAwarded,
    ResultRecorded,
    RosterFrozen,
    RulingLifted,
    SettlementCompleted,
    WeekClosed,
    WeekFinalised,
    WeekGrouped,
    WeekOpened,
    WeekSealed,
    WeekSettled,
)
from ledger.facts import Fact, record_of
from ledger.ids import week_stream
from ledger.week import Week

_NOT_BEHIND_THE_SEAL: Final = (
    ResultRecorded,
    BetsVoided,
    RulingLifted,
    CaseOpened,
    CaseProposed,
    CaseApproved,
    CaseApplied,
    CaseClosed,
    PaymentAccepted,
    PaymentRefused,
)


class _Opening(msgspec.Struct):
    rules: msgspec.Raw


class WeekStates(Check):
    """Judges an event by the week as it stood before it, so it comes in front of the board."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        *WEEK_EVENTS,
        EntryEnrolled,
        EntryWithdrawn,
        AccountOpened,
        CreditsGranted,
        BoughtBack,
        ChunkSettled,
        SettlementCompleted,
        PrizeAwarded,
        *_NOT_BEHIND_THE_SEAL,
    )

    def __init__(self, log: str, board: Board) -> None:
        self.log = log
        self._week = board.week

    def take(self, fact: Fact) -> Iterator[Finding]:
        """Take the next event."""
        event, week = fact.event, self._week
        if isinstance(event, WEEK_EVENTS) and fact.stream != week_stream(self.log):
            yield _finding(fact, f"is of stream {fact.stream}, not of week {self.log}")
        if isinstance(event, WeekOpened):
            yield from self._opened(fact, event)
        elif week.opened is None:
            yield _finding(fact, "comes before the week is opened")
        elif (text := _misplaced(week, fact)) is not None:
            yield _finding(fact, text)
        elif isinstance(event, EntryEnrolled) and event.rules_hash != week.rules_hash:
            yield _finding(fact, f"accepts the rules {event.rules_hash}, the week has {week.rules_hash}")

    def _opened(self, fact: Fact, event: WeekOpened) -> Iterator[Finding]:
        if self._week.opened is not None:
            yield _finding(fact, "opens the week a second time")
        if event.week != self.log:
            yield _finding(fact, f"opens week {event.week} in log {self.log}")
        try:
            dates: tuple[datetime, datetime] = weeks.starts_at(event.week), weeks.ends_at(event.week)
        except weeks.WeekIdError as error:
            yield _finding(fact, str(error))
            return
        if (event.starts_at, event.ends_at) != dates:
            yield _finding(fact, f"has the week from {event.starts_at} to {event.ends_at}, by the calendar it is not")
        # The very bytes are hashed, so that rules of a later release keep their hash.
        rules = bytes(msgspec.json.decode(record_of(fact).state, type=_Opening).rules)
        if hashlib.sha256(rules).hexdigest() != event.rules_hash:
            yield _finding(fact, f"says that its rules have the hash {event.rules_hash}, they do not")


def _misplaced(week: Week, fact: Fact) -> str | None:
    """Say why an event cannot stand where it does; None where it can."""
    event = fact.event
    if week.sealed is not None:
        return "comes behind the seal of the week"
    match event:
        case EntryEnrolled() | EntryWithdrawn():
            late = isinstance(event, EntryEnrolled) and week.rules.late_entry and week.state == "grouped"
            allowed = late or (week.frozen is None and fact.at < week.starts_at)
        case RosterFrozen():
            allowed = week.frozen is None and fact.at >= week.starts_at
        case PoolsDrawn():
            allowed = week.frozen is not None and week.drawn is None
        case AccountOpened() | CreditsGranted():
            late = week.rules.late_entry and week.state == "grouped"
            allowed = late or (week.drawn is not None and week.grouped is None)
        case WeekGrouped():
            allowed = week.drawn is not None and week.grouped is None
        case BoughtBack():
            allowed = week.state == "grouped"
        case WeekClosed():
            allowed = week.state == "grouped" and fact.at >= week.ends_at
        case WeekSettled(n=n):
            allowed = week.state in ("closed", "settled") and n == week.settled_n + 1
        case WeekFinalised():
            at = week.final_at
            is_override = fact.actor.startswith("operator:") and fact.request.startswith("override: ")
            allowed = week.state == "settled" and at is not None and (fact.at >= at or is_override)
        case ChunkSettled() | SettlementCompleted():
            allowed = week.finalised is None
        case PrizeAwarded() | WeekSealed():
            allowed = week.finalised is not None
        case _:
            allowed = True
    return None if allowed else f"{event.TOPIC} cannot come here: the week is {week.state}"


def _finding(fact: Fact, text: str) -> Finding:
    return Finding("week", fact.token, text)
