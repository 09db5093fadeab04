"""What the feed does to a game is flagged, once for its cause, and cleared by what comes of the game."""

from __future__ import annotations

from datetime import timedelta

import pytest

from feeds.flags import UnknownFlag
from feeds.watch import Watch
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import ENDS_AT, NEXT_WEEK, SOURCE, SmallWeek, at

KICK_OFF = at("Thu 20:15")
HOUR = timedelta(hours=1)


def flagged(week: SmallWeek, name: str) -> list[tuple[str, bool]]:
    """What of a game was flagged, and whether that is open."""
    flags = week.flags.flags_of_game(week.listing(name).game_id)
    return [(flag.kind, flag.resolved_at is None) for flag in flags]


def test_a_moved_start_is_flagged_until_the_game_has_an_end(week: SmallWeek) -> None:
    """Each move once, also by a watch that begins anew; what was cleared does not come back."""
    week.listed("g1")
    week.watch.tick()
    assert week.flagged() == []
    week.game("g1", KICK_OFF + HOUR)
    week.game("g1", KICK_OFF + 2 * HOUR)
    for watch in (week.watch, week.watch, Watch(week.ledger, week.inbox, vanished_after=6 * HOUR)):
        watch.tick()
    assert week.flagged() == ["rescheduled"] * 2
    assert "CIN at BAL starts at" in week.flags.flags()[0].detail
    week.live_until(KICK_OFF + 5 * HOUR)
    week.result("g1", 20, 10)
    for watch in (week.watch, Watch(week.ledger, week.inbox, vanished_after=6 * HOUR)):
        watch.tick()
    assert flagged(week, "g1") == [("rescheduled", False)] * 2
    assert {flag.resolved_by for flag in week.flags.flags(open_only=False)} == {"feed"}


def test_a_game_that_leaves_its_week_is_flagged(make_week: MakeWeek) -> None:
    """In the week that it left, with where it went."""
    week = make_week(opens_weeks=True)
    week.begin("ann")
    week.listed("g1")
    week.game("g1", at("Thu 20:15", week=NEXT_WEEK))
    week.watch.tick()
    (flag,) = week.flags.flags()
    assert (flag.kind, flag.week, flag.source) == ("moved", week.week, SOURCE)


def test_other_teams_under_a_known_id_are_flagged_once(week: SmallWeek) -> None:
    """The game is suspended, and stays flagged until somebody looks at it: its result would be another game's."""
    week.listed("g1")
    for _ in range(2):
        week.game("g1", home="PIT")
    week.live_until(KICK_OFF + 4 * HOUR)
    week.result("g1", 20, 10)
    week.watch.tick()
    (flag,) = week.flags.flags()
    assert (flag.kind, flag.detail) == ("swapped", "the feed now says CIN at PIT (NFL), not CIN at BAL (NFL)")
    resolved = week.flags.resolve(flag.id, by="operator:ann", note="a typing error", at=week.clock())
    assert (resolved.version, resolved.resolved_by, week.flagged()) == (2, "operator:ann", [])
    with pytest.raises(UnknownFlag):
        week.flags.flag(flag.id + 1)


def test_a_contradiction_that_is_said_again_and_again_is_one_flag(week: SmallWeek) -> None:
    """Each message is kept, and a person is asked once for each of two contents."""
    week.listed("g1")
    week.live_until(KICK_OFF + HOUR)
    week.result("g1", 20, 10)
    for score in (11, 11, 11, 12):
        week.result("g1", 20, score)
    assert (len(week.dead()), week.flagged()) == (4, ["conflicting_result"] * 2)


def test_a_game_of_which_its_source_says_nothing_more_has_vanished(week: SmallWeek) -> None:
    """Only where the source is heard since; neither one that is spoken of, nor one that was called off."""
    for name in ("gone", "late", "off", "on", "never"):
        week.listed(name)
    week.game("quiet", source="quiet")
    week.status("off", "postponed")
    week.live_until(KICK_OFF + HOUR)
    week.status("on", "in_progress")
    week.live_until(KICK_OFF + 6 * HOUR - HOUR / 60)
    week.watch.tick()
    assert week.flagged() == []
    week.live_until(KICK_OFF + 6 * HOUR)
    week.watch.tick()
    assert {flag.game_id for flag in week.flags.flags()} == {
        week.listing(each).game_id for each in ("gone", "late", "never")
    }
    week.result("late", 20, 10)
    week.status("gone", "in_progress")
    week.watch.tick()
    assert [flagged(week, name) for name in ("gone", "late", "never")] == [
        [("vanished", False)],
        [("vanished", False)],
        [("vanished", True)],
    ]
    week.live_until(ENDS_AT + 73 * HOUR)
    week.watch.tick()
    assert week.flagged() == []
