"""The clock does what is due: not before its instant, once however often it ticks, and in weeks of any length."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest

from feeds.deadlines import Deadlines
from ledger import weeks
from ledger.datastore import Datastore
from ledger.desk import LedgerUnavailable
from ledger.draw import commitment
from ledger.events import (
    Event,
    GameLocked,
    PoolsDrawn,
    ResultRecorded,
    RosterFrozen,
    WeekClosed,
    WeekFinalised,
    WeekGrouped,
    WeekOpened,
    WeekSettled,
)
from ledger.ledger import Ledger
from ledger.rules import Rules
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import ENDS_AT, NEXT_WEEK, STARTS_AT, WEEK, SmallWeek, at

INSTANT = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
DEADLINE = ENDS_AT + 36 * HOUR
KICK_OFF = at("Thu 20:15")
OF_THE_CLOCK = (
    RosterFrozen,
    PoolsDrawn,
    WeekGrouped,
    GameLocked,
    WeekClosed,
    ResultRecorded,
    WeekSettled,
    WeekFinalised,
)


def done(week: SmallWeek) -> list[tuple[type[Event], datetime]]:
    """What the clock did, and when it is recorded."""
    return [(type(fact.event), fact.at) for fact in week.facts(*OF_THE_CLOCK) if fact.actor == "clock"]


def test_each_thing_is_done_at_its_instant_and_nothing_before(make_week: MakeWeek) -> None:
    """A week with one game that never gets a result, an instant before each deadline and at it."""
    week = make_week()
    week.open(WEEK, "ann")
    assert week.deadlines.tick() == 0
    agenda: list[tuple[datetime, list[type[Event]]]] = [
        (STARTS_AT, [RosterFrozen, PoolsDrawn, WeekGrouped]),
        (KICK_OFF, [GameLocked]),
        (ENDS_AT, [WeekClosed]),
        (DEADLINE, [ResultRecorded, WeekSettled]),
        (DEADLINE + 24 * HOUR, [WeekFinalised]),
    ]
    week.game("g1", KICK_OFF)
    seen = 0
    for instant, due in agenda:
        week.live_until(instant - INSTANT)
        assert len(done(week)) == seen
        assert week.deadlines.next_at() == instant
        week.clock.set(instant)
        week.react()
        assert done(week)[seen:] == [(kind, instant) for kind in due]
        seen += len(due)
    assert week.deadlines.next_at() is None
    week.audit()


def test_ticking_again_does_nothing_again(make_week: MakeWeek) -> None:
    """Neither in the same process nor in one that starts anew, at any instant of the week."""
    week = make_week()
    week.open(WEEK, "ann")
    week.game("g1", KICK_OFF)
    week.game("g2", at("Sun 13:00"))
    while (due := week.deadlines.next_at()) is not None:
        week.clock.set(due)
        week.react()
        before = week.head()
        assert [week.deadlines.tick(), Deadlines(week.ledger).tick()] == [0, 0]
        assert week.head() == before
    assert Counter(kind for kind, _ in done(week)) == Counter(OF_THE_CLOCK) + Counter([GameLocked, ResultRecorded])
    assert week.state() == "final"


def test_two_clocks_at_once_do_each_thing_once(dsn: str, make_week: MakeWeek) -> None:
    """Two processes tick at the same instants: the draw, the locks, the voids and the end stand in the log once."""
    week = make_week()
    week.open(WEEK, "ann", "bob")
    for number in range(4):
        week.game(f"g{number}", KICK_OFF)
    ledger = Ledger(
        Datastore(dsn),
        clock=week.clock,
        new_id=week.ledger.new_id,
        seeds=week.ledger.seeds,
        on_death=week.deaths.append,
    )
    other = Deadlines(ledger)
    while (due := week.deadlines.next_at()) is not None:
        week.clock.set(due)
        start = threading.Barrier(2)

        def tick(deadlines: Deadlines, start: threading.Barrier = start) -> None:
            start.wait()
            deadlines.tick()

        threads = [threading.Thread(target=tick, args=[each]) for each in (week.deadlines, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        week.react()
    ledger.close()
    expected = Counter(OF_THE_CLOCK) + Counter([GameLocked] * 3) + Counter([ResultRecorded] * 3)
    assert Counter(kind for kind, _ in done(week)) == expected
    week.audit()


@pytest.mark.parametrize(("name", "hours"), [("2026-W44", 169), ("2027-W10", 167), ("2026-W53", 168)])
def test_weeks_of_any_length_run_from_monday_to_monday_in_new_york(make_week: MakeWeek, name: str, hours: int) -> None:
    """When clocks change, and in the 53rd week of a year: a game in the last minute belongs to the week."""
    week = make_week(week=name)
    week.begin("ann")
    last = weeks.ends_at(name) - timedelta(minutes=1)
    week.listed("last", last)
    assert week.listing("last").week == name
    bet = week.bet("ann", "last", "moneyline", "home", 50)
    stops = week.live_until(weeks.ends_at(name))
    assert stops == [last, weeks.starts_at(name) + timedelta(hours=hours)]
    assert (week.state(), week.outcome(bet)[0]) == ("closed", "placed")
    week.result("last", 35, 34)
    week.play_out()
    assert week.outcome(bet) == ("won", None, 70)


def test_next_at_steps_through_a_whole_week(make_week: MakeWeek) -> None:
    """Start, each kick-off as it was last announced, end, deadline where something waits, and the final."""
    week = make_week()
    week.open(WEEK, "ann")
    week.game("g1", KICK_OFF)
    week.game("g2", KICK_OFF)
    week.game("g3", at("Sat 13:00"))
    week.game("out", at("Fri 13:00"))
    week.status("g3", "postponed", starts_at=at("Sun 13:00"))
    week.status("out", "postponed", starts_at=at("Thu 13:00", week=NEXT_WEEK))
    stops = week.live_until(at("Sun 13:00"))
    for name in ("g1", "g3"):
        week.result(name, 1, 0)
    stops += week.live_until(ENDS_AT + 80 * HOUR)
    assert stops == [STARTS_AT, KICK_OFF, at("Sun 13:00"), ENDS_AT, DEADLINE, DEADLINE + 24 * HOUR]
    assert (week.deadlines.next_at(), week.state()) == (None, "final")


def test_the_window_of_corrections_runs_anew_and_ends_at_its_limit(week: SmallWeek) -> None:
    """Each settlement opens 24 hours, at most until 72 after the end; what is unfinished then is finished first."""
    week.listed("g1")
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20)
    week.live_until(ENDS_AT)
    for hours in (23, 46, 69):
        week.live_until(ENDS_AT + hours * HOUR)
        week.result("g1", hours, 20, revision=hours)
        week.react()
    assert week.deadlines.next_at() == ENDS_AT + 72 * HOUR
    week.live_until(ENDS_AT + 72 * HOUR - INSTANT)
    assert (week.state(), [each.n for each in week.events(WeekSettled)]) == ("settled", [1, 2, 3, 4])
    week.result("g1", 99, 20, revision=99)
    week.clock.set(ENDS_AT + 72 * HOUR)
    assert (week.deadlines.tick(), week.state()) == (0, "settled")
    week.react()
    assert (week.state(), [each.n for each in week.events(WeekSettled)]) == ("final", [1, 2, 3, 4, 5])
    week.audit()


def test_a_clock_that_comes_late_does_all_that_was_due(make_week: MakeWeek) -> None:
    """After an outage over the whole week: drawn, locked, closed and void in the right order, and then final."""
    week = make_week()
    week.open(WEEK, "ann")
    week.game("g1", KICK_OFF)
    week.clock.set(DEADLINE + HOUR)
    week.react()
    kinds = [kind for kind, _ in done(week)]
    assert kinds == [kind for kind in OF_THE_CLOCK if kind is not WeekFinalised]
    week.play_out()


def test_the_next_week_is_opened_when_one_is_drawn(make_week: MakeWeek) -> None:
    """With the same rules, and bound to the seed that the draw revealed; after an outage week follows week."""
    week = make_week(opens_weeks=True)
    week.open(WEEK, "ann", rules=Rules(grant=500))
    assert (week.deadlines.tick(), week.ledger.weeks()) == (0, [WEEK])
    week.clock.set(STARTS_AT)
    week.react()
    assert week.ledger.weeks() == [WEEK, NEXT_WEEK]
    [opened], [drawn] = week.events(WeekOpened, NEXT_WEEK), week.events(PoolsDrawn)
    assert (opened.rules, opened.seed_commitment) == (Rules(grant=500), drawn.seed)
    week.clock.set(STARTS_AT + timedelta(days=15))
    week.react()
    assert week.ledger.weeks() == [WEEK, NEXT_WEEK, "2026-W49", "2026-W50"]
    assert [week.state(each) for each in week.ledger.weeks()] == ["final", "settled", "grouped", "registering"]


def test_a_log_that_a_crash_left_empty_is_opened_like_a_new_one(make_week: MakeWeek) -> None:
    """The partition was made and the first event was not: the clock opens the week, bound to the right seed."""
    week = make_week(opens_weeks=True)
    week.open(WEEK)
    week.clock.set(STARTS_AT)
    week.ledger.recorder(NEXT_WEEK).create_table()
    week.react()
    [opened], [drawn] = week.events(WeekOpened, NEXT_WEEK), week.events(PoolsDrawn)
    assert opened.seed_commitment == drawn.seed
    week.clock.set(ENDS_AT)
    week.react()
    [later] = week.events(PoolsDrawn, NEXT_WEEK)
    assert commitment(bytes.fromhex(later.seed)).hex() == drawn.seed


def test_without_being_told_to_the_clock_opens_no_week(week: SmallWeek) -> None:
    """An operator does; until then what belongs to the next week waits."""
    week.live_until(ENDS_AT)
    assert week.ledger.weeks() == [WEEK]


def test_run_ticks_until_it_is_stopped(make_week: MakeWeek) -> None:
    """The loop draws the week, and ends by the signal to stop."""
    week = make_week()
    week.open(WEEK, "ann")
    week.clock.set(STARTS_AT)
    stop = threading.Event()

    class Stopping(Deadlines):
        def tick(self) -> int:
            done_now = super().tick()
            if not done_now:
                stop.set()
            return done_now

    Stopping(week.ledger).run(stop, poll_seconds=0)
    assert week.state() == "grouped"


def test_a_database_that_is_away_is_not_asked_for_week_after_week(
    week: SmallWeek, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would wait for as long as the desk is patient: a clock of many weeks would not hear that it is to stop."""
    asked: list[str] = []

    def away(name: str) -> int:
        asked.append(name)
        raise LedgerUnavailable("the database does not answer")

    deadlines = Deadlines(week.ledger)
    monkeypatch.setattr(week.ledger, "weeks", lambda: [WEEK, NEXT_WEEK])
    monkeypatch.setattr(deadlines, "_tick", away)
    with pytest.raises(LedgerUnavailable):
        deadlines.tick()
    assert asked == [WEEK]
