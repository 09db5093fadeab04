"""A week goes from registering to final one step at a time; a step asked again finds its first answer."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from ledger.draw import Pool, commitment, roster_hash
from ledger.events import (
    DrawnPool,
    Event,
    PoolsDrawn,
    RosterFrozen,
    WeekClosed,
    WeekFinalised,
    WeekGrouped,
    WeekSealed,
    WeekSettled,
)
from ledger.facts import Fact
from ledger.ids import pool_id, week_stream
from ledger.instants import Instant
from ledger.rules import Rules
from ledger.week import (
    BettingClosed,
    RegistrationClosed,
    UnknownWeek,
    Week,
    WeekNotOver,
    WeekNotResolved,
    WrongSeed,
)
from tests.examples import ENDS_AT, RULES, STARTS_AT, WEEK, week_opened
from tests.given import Given, recorded_at
from tests.given import given as given_any

SEED = b"the secret of the week before it"
ENTRIES = [UUID(int=1), UUID(int=2)]
POOLS = (Pool("W2026-47-A", tuple(ENTRIES)),)
JUST_BEFORE = timedelta(microseconds=1)

OPENED = week_opened(seed_commitment=commitment(SEED).hex())
FROZEN = RosterFrozen(beacon=None, position=7, roster_hash=roster_hash(WEEK, ENTRIES), size=2)
DRAWN = PoolsDrawn(
    algorithm="hmac-sha256-sort-v1",
    pools=(DrawnPool(name="W2026-47-A", pool_id=pool_id(WEEK, "W2026-47-A"), size=2),),
    randomness="",
    seed=SEED.hex(),
    signature="",
)
GROUPED, CLOSED = WeekGrouped(), WeekClosed()
SETTLED, FINAL = WeekSettled(n=1, standings_hash="s1"), WeekFinalised(standings_hash="s1")
HISTORY: tuple[Event, ...] = (OPENED, FROZEN, DRAWN, GROUPED, CLOSED, SETTLED, FINAL)
Command = Callable[[Week], object]


def given(*history: Event | Fact) -> Given[Week]:
    return given_any(Week, *history, stream=week_stream(WEEK))


def up_to(last: Event | None) -> tuple[Event, ...]:
    """The week's history up to an event and with it."""
    return () if last is None else HISTORY[: HISTORY.index(last) + 1]


def opening(week: Week) -> Fact:
    return week.open(week=WEEK, rules=RULES, seed_commitment=commitment(SEED).hex())


def freezing(at: datetime = STARTS_AT) -> Callable[[Week], Fact]:
    return lambda week: week.freeze_roster(entries=ENTRIES, position=7, at=at)


def drawing(seed: bytes = SEED) -> Callable[[Week], Fact]:
    return lambda week: week.draw(seed=seed, pools=POOLS)


def closing(at: datetime = ENDS_AT) -> Callable[[Week], Fact]:
    return lambda week: week.close(at=at)


def settling(unresolved: Collection[str] = (), open_stakes: int = 0, hash_: str = "s1") -> Callable[[Week], Fact]:
    return lambda week: week.settle(unresolved=unresolved, open_stakes=open_stakes, standings_hash=hash_)


def finalising(at: datetime, unresolved: Collection[str] = (), *, override: bool = False) -> Callable[[Week], Fact]:
    return lambda week: week.finalise(at=at, unresolved=unresolved, standings_hash="s1", override=override)


FINAL_AT = recorded_at(6) + timedelta(hours=24)
"""The settlement above was recorded long before the week's end, so the window of 24 hours is the shorter one."""

STEPS: list[tuple[Event, Command]] = [
    (OPENED, opening),
    (FROZEN, freezing()),
    (DRAWN, drawing()),
    (GROUPED, lambda week: week.group()),
    (CLOSED, closing()),
    (SETTLED, settling()),
    (FINAL, finalising(FINAL_AT)),
]


@pytest.mark.parametrize(("event", "command"), STEPS)
def test_each_step_follows_the_one_before_it(event: Event, command: Command) -> None:
    """Asked in its time, a step is its event."""
    before = HISTORY[: HISTORY.index(event)]
    given(*before).when(command).then(event)


@pytest.mark.parametrize(("event", "command"), [step for step in STEPS if step[0] is not SETTLED])
def test_step_asked_again_finds_its_first_answer(event: Event, command: Command) -> None:
    """Nothing is done twice; only a settlement is, after a correction."""
    for last in HISTORY[HISTORY.index(event) :]:
        given(*up_to(last)).when(command).then()


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (None, "unknown"),
        (OPENED, "registering"),
        (FROZEN, "registering"),
        (DRAWN, "registering"),
        (GROUPED, "grouped"),
        (CLOSED, "closed"),
        (SETTLED, "settled"),
        (FINAL, "final"),
    ],
)
def test_state_follows_from_the_events(last: Event | None, state: str) -> None:
    """Five states, and the draw in between."""
    assert given(*up_to(last)).aggregate.state == state


def test_sealed_week_is_final() -> None:
    """The seal is the last event of the log."""
    week = given(*HISTORY, WeekSealed()).aggregate
    assert (week.state, week.sealed is not None) == ("final", True)


def test_opening_fixes_the_rules_and_their_hash() -> None:
    """What a week plays by is read from its own first event."""
    rules = Rules(grant=500, late_entry=True)
    opened = week_opened(rules=rules, seed_commitment="c0")
    week = given().when(lambda w: w.open(week=WEEK, rules=rules, seed_commitment="c0")).then(opened)
    assert (week.rules, week.rules_hash, week.starts_at, week.ends_at) == (
        rules,
        opened.rules_hash,
        STARTS_AT,
        ENDS_AT,
    )


@pytest.mark.parametrize("command", [command for _, command in STEPS[1:]])
def test_week_that_nobody_opened_is_unknown(command: Command) -> None:
    """Nothing can be done with it before an operator opens it."""
    given().when(command).raises(UnknownWeek)


def test_unopened_week_has_no_rules_admits_nobody_and_takes_no_stakes() -> None:
    """Whatever is asked of a log that holds no week is refused by name."""
    given().when(lambda week: week.rules_hash).raises(UnknownWeek)
    given().when(lambda week: week.admit(STARTS_AT)).raises(UnknownWeek)
    given().when(lambda week: week.require_betting()).raises(UnknownWeek)
    given().when(lambda week: week.draw_seed).raises(UnknownWeek)


@pytest.mark.parametrize(
    ("last", "at", "admitted"),
    [
        (OPENED, STARTS_AT - JUST_BEFORE, True),
        (OPENED, STARTS_AT, False),
        (FROZEN, STARTS_AT - JUST_BEFORE, False),
        (GROUPED, STARTS_AT, False),
    ],
)
def test_enrolment_ends_with_the_start_or_the_frozen_roster(last: Event, at: datetime, admitted: bool) -> None:
    """The start itself is too late, and so is any time after the roster was frozen."""
    asking = given(*up_to(last)).when(lambda week: week.admit(at))
    if admitted:
        asking.then()
    else:
        asking.raises(RegistrationClosed, "enrol for the next one")


@pytest.mark.parametrize(
    ("last", "command", "error"),
    [
        (OPENED, freezing(at=STARTS_AT - JUST_BEFORE), WeekNotOver),
        (OPENED, drawing(), WeekNotOver),
        (FROZEN, drawing(seed=b"another seed"), WrongSeed),
        (FROZEN, lambda week: week.group(), WeekNotOver),
        (FROZEN, lambda week: week.draw_seed, WeekNotOver),
        (DRAWN, closing(), WeekNotOver),
        (GROUPED, closing(at=ENDS_AT - JUST_BEFORE), WeekNotOver),
        (GROUPED, settling(), WeekNotResolved),
        (CLOSED, settling(unresolved=["g1"]), WeekNotResolved),
        (CLOSED, settling(open_stakes=1), WeekNotResolved),
        (CLOSED, finalising(FINAL_AT), WeekNotResolved),
        (SETTLED, finalising(FINAL_AT, unresolved=["g1"]), WeekNotResolved),
        (SETTLED, finalising(FINAL_AT, unresolved=["g1"], override=True), WeekNotResolved),
        (SETTLED, finalising(FINAL_AT - JUST_BEFORE), WeekNotOver),
    ],
)
def test_step_out_of_its_time_is_refused(last: Event, command: Command, error: type[Exception]) -> None:
    """Too early, on the wrong seed, or while something waits."""
    given(*up_to(last)).when(command).raises(error, WEEK)


@pytest.mark.parametrize("last", [OPENED, FROZEN, DRAWN, CLOSED, SETTLED, FINAL])
def test_stakes_are_taken_while_grouped_only(last: Event) -> None:
    """Before the draw there are no credits, after the close there is no play."""
    given(*up_to(last)).when(lambda week: week.require_betting()).raises(BettingClosed)
    given(*up_to(GROUPED)).when(lambda week: week.require_betting()).then()


def test_revealed_seed_is_read_from_the_draw() -> None:
    """It is the next week's commitment."""
    assert given(*up_to(DRAWN)).aggregate.draw_seed == SEED.hex()


def test_settlements_are_counted() -> None:
    """After a correction the week is settled again, under the next number."""
    again = WeekSettled(n=2, standings_hash="s2")
    given(*up_to(SETTLED)).when(settling(hash_="s2")).then(again)


def test_operator_may_shorten_the_window_of_corrections() -> None:
    """The length can be overridden, an unfinished resolution cannot (above)."""
    given(*up_to(SETTLED)).when(finalising(recorded_at(6), override=True)).then(FINAL)


@pytest.mark.parametrize(
    ("hours_after_end", "final_after_end"),
    [(1, 25), (47, 71), (48, 72), (49, 72), (100, 72)],
)
def test_window_of_corrections_has_a_limit(hours_after_end: int, final_after_end: int) -> None:
    """It runs 24 hours from the last settlement, and at most until 72 hours after the week's end."""
    settled_at = Instant.of(ENDS_AT + timedelta(hours=hours_after_end))
    week = given(*up_to(CLOSED)).aggregate
    week.fold(_settled(week, n=1, at=Instant.of(ENDS_AT)))
    week.fold(_settled(week, n=2, at=settled_at))
    assert week.final_at == ENDS_AT + timedelta(hours=final_after_end)


def test_unsettled_week_has_no_end_of_corrections() -> None:
    """The window opens with the first settlement."""
    assert given(*up_to(CLOSED)).aggregate.final_at is None


def _settled(week: Week, *, n: int, at: Instant) -> Fact:
    event = WeekSettled(n=n, standings_hash="s1")
    return Fact(
        log=WEEK, stream=week.id, version=week.version + 1, event=event, actor="clock", request="r", recorded_at=at
    )
