"""A result is official once two sources give it; whatever comes of them in whichever order, it ends the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.ingest import Taken
from ledger.events import GameScheduled, ResultRecorded
from ledger.rules import Rules
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import ENDS_AT, SOURCE, STARTS_AT, SmallWeek, at

SECOND = "second"
KICK_OFF = at("Thu 20:15")
HOUR = timedelta(hours=1)


@pytest.fixture
def week(make_week: MakeWeek) -> SmallWeek:
    """A week with a game that has started, whose results wait for a second source."""
    week = make_week(confirming={"NFL": SECOND}, primary={"NFL": SOURCE})
    week.begin("ann")
    week.listed("g1")
    week.bet("ann", "g1", "spread", "home", 10)
    return week


def second(week: SmallWeek, kind: str, name: str = "s1", **fields: Any) -> Taken:
    """Say something as the confirming source."""
    if kind == "game":
        fields = {"league": "NFL", "home": "BAL", "away": "CIN", "starts_at": KICK_OFF} | fields
    if kind == "result":
        fields = {"revision": 1, "certainty": "official"} | fields
    return week.say(kind, name, **{"source": SECOND} | fields)


def words(week: SmallWeek) -> list[tuple[str, int, str, int | None, bool]]:
    """What was recorded of results."""
    return [
        (event.certainty, event.revision, event.status, event.home_score, event.resolution is not None)
        for event in week.events(ResultRecorded)
    ]


def settles(week: SmallWeek, name: str = "g1") -> tuple[object, ...]:
    """What settles a game."""
    listing = week.listing(name)
    desk = week.ledger.desk(listing.week)
    return desk.ask(lambda on: on.settlement(listing.game_id).content, actor="test", request="look").result()


def test_a_result_waits_for_the_second_source_and_a_correction_does_too(week: SmallWeek) -> None:
    """Provisional until both give it; what was official stays so until both agree on something else."""
    assert second(week, "game", starts_at=KICK_OFF + 12 * HOUR) is Taken.REPEATED
    week.live_until(KICK_OFF + 13 * HOUR)
    assert week.result("g1", 30, 20) is Taken.APPLIED
    assert (words(week), settles(week)) == ([("provisional", 1, "final", 30, False)], ())
    assert second(week, "quote", market="spread", line="-1.0", prices={"home": -110, "away": -110}) is Taken.REPEATED
    assert second(week, "result", home_score=30, away_score=20, certainty="provisional") is Taken.REPEATED
    assert settles(week) == ()
    assert second(week, "result", home_score=30, away_score=20) is Taken.APPLIED
    assert words(week)[1:] == [("official", 1, "final", 30, True)]
    week.result("g1", 31, 20, revision=2)
    assert (settles(week)[1], week.flagged()) == (30, ["sources_disagree"])
    second(week, "result", home_score=31, away_score=20, revision=2)
    assert (settles(week)[1], week.flagged(), week.dead()) == (31, [], [])
    assert len(week.events(GameScheduled)) == 1
    assert week.flagged(open_only=False) == ["sources_disagree"]


def test_without_agreement_an_operator_is_asked_and_the_deadline_lets_the_provisional_stand(week: SmallWeek) -> None:
    """Never stuck: the flag says who says what, and goes with the week."""
    second(week, "game")
    week.live_until(KICK_OFF + 4 * HOUR)
    second(week, "result", home_score=3, away_score=20)
    week.result("g1", 30, 20)
    week.result("g1", 30, 20)
    (flag,) = week.flags.flags()
    assert flag.detail == f"{SOURCE} says 30:20 (revision 1), {SECOND} says 3:20 (revision 1)"
    week.live_until(ENDS_AT + 36 * HOUR)
    assert settles(week)[1] == 30
    week.play_out()
    week.watch.tick()
    assert week.flagged() == []


@pytest.mark.parametrize(
    "game",
    [
        {"starts_at": KICK_OFF + 12 * HOUR + timedelta(seconds=1)},
        {"home": "CIN", "away": "BAL"},
        {"home": "PIT"},
        {"league": "CFL"},
    ],
    ids=str,
)
def test_another_game_confirms_nothing(week: SmallWeek, game: dict[str, Any]) -> None:
    """Other teams, sides or leagues, or a start more than twelve hours away."""
    second(week, "game", **game)
    week.live_until(KICK_OFF + 36 * HOUR)
    week.result("g1", 30, 20)
    second(week, "result", home_score=30, away_score=20)
    assert (settles(week), week.flagged()) == ((), [])


def test_of_two_games_on_one_day_each_confirms_its_own(week: SmallWeek) -> None:
    """The nearest start counts, both ways: the second game is not confirmed by the first one's result."""
    week.game("g2", KICK_OFF + 5 * HOUR)
    second(week, "game", "s1")
    week.live_until(KICK_OFF + 10 * HOUR)
    second(week, "result", "s1", home_score=30, away_score=20)
    week.result("g2", 30, 20)
    assert settles(week, "g2") == ()
    second(week, "game", "s2", starts_at=KICK_OFF + 5 * HOUR)
    assert second(week, "result", "s2", home_score=30, away_score=20) is Taken.APPLIED
    assert (settles(week, "g2")[1], settles(week, "g1")) == (30, ())


def test_another_disagreement_is_another_flag_also_at_the_same_revision(week: SmallWeek) -> None:
    """Who looked at two scores has not looked at a score and a cancelled game."""
    second(week, "game")
    week.live_until(KICK_OFF + 4 * HOUR)
    week.result("g1", 30, 20)
    second(week, "result", home_score=20, away_score=30)
    (flag,) = week.flags.flags()
    week.flags.resolve(flag.id, by="operator:ann", note="their sides are swapped", at=week.clock())
    assert week.flagged() == []
    second(week, "status", status="cancelled")
    (flag,) = week.flags.flags()
    assert flag.detail == f"{SOURCE} says 30:20 (revision 1), {SECOND} says cancelled (revision 1)"


def test_an_id_that_the_second_source_uses_again_is_another_game(week: SmallWeek) -> None:
    """What it said of the game before is no earlier revision of this one."""
    second(week, "game", starts_at=KICK_OFF - 7 * 24 * HOUR)
    second(week, "result", revision=3, home_score=3, away_score=0, at=KICK_OFF - 7 * 24 * HOUR + 3 * HOUR)
    second(week, "game")
    week.live_until(KICK_OFF + 4 * HOUR)
    week.result("g1", 30, 20)
    assert second(week, "result", home_score=30, away_score=20) is Taken.APPLIED
    assert settles(week)[1] == 30
    assert second(week, "result", home_score=30, away_score=21) is Taken.DEAD


def test_a_source_that_contradicts_itself_is_flagged(week: SmallWeek) -> None:
    """One revision with two contents is a dead letter of either source; the first stands."""
    second(week, "game")
    week.live_until(KICK_OFF + 4 * HOUR)
    for score in (30, 31):
        week.result("g1", score, 20)
        second(week, "result", home_score=score, away_score=20)
    assert (len(week.dead()), settles(week)[1], week.flagged()) == (2, 30, ["conflicting_result"])


Said = tuple[str, str, dict[str, Any]]
FINAL = {"certainty": "official", "away_score": 20}
# What both say of each game, in order, a second apart; the last words agree, but for one game.
SCRIPT: list[Said] = [
    ("flipped", SOURCE, {"revision": 1, "home_score": 27}),
    ("flipped", SECOND, {"revision": 1, "home_score": 26}),
    ("flipped", SOURCE, {"revision": 2, "home_score": 26, "certainty": "provisional"}),
    ("flipped", SECOND, {"revision": 4, "home_score": 27}),
    ("flipped", SOURCE, {"revision": 3, "home_score": 27}),
    ("off", SECOND, {"revision": 1, "home_score": 7}),
    ("off", SOURCE, {"status": "cancelled"}),
    ("off", SECOND, {"status": "cancelled"}),
    ("plain", SOURCE, {"revision": 1, "home_score": 30, "certainty": "provisional"}),
    ("plain", SOURCE, {"revision": 2, "home_score": 30}),
    ("plain", SECOND, {"revision": 9, "home_score": 30, "certainty": "provisional"}),
    ("plain", SECOND, {"revision": 10, "home_score": 30}),
    ("split", SOURCE, {"revision": 1, "home_score": 30}),
    ("split", SECOND, {"revision": 1, "home_score": 24}),
]
NAMES = sorted({name for name, _, _ in SCRIPT})
EXPECTED = {"flipped": ("final", 27), "off": ("cancelled", None), "plain": ("final", 30), "split": ()}
orders = st.tuples(
    st.permutations(range(len(SCRIPT) + len(NAMES))),
    st.lists(st.tuples(st.integers(0, len(SCRIPT)), st.integers(0, len(SCRIPT) - 1)), max_size=8),
    st.sets(st.integers(0, 2 * len(SCRIPT)), max_size=3),
)


def test_messages_of_two_sources_in_any_order_and_number_end_the_same(make_week: MakeWeek) -> None:
    """Shuffled, also the second source's listings, duplicated, with restarts: the same settles, the same is flagged."""
    week = make_week(confirming={"NFL": SECOND})
    week.begin("ann", rules=Rules(grant=1_000_000))
    week.clock.set(STARTS_AT + 10 * HOUR)
    numbers = count()

    @settings(max_examples=5, deadline=None)
    @given(orders)
    def ends_alike(order: tuple[list[int], list[tuple[int, int]], set[int]]) -> None:
        permutation, again, restarts = order
        prefix = f"{next(numbers)}-"
        kick_off = STARTS_AT + 10 * HOUR
        for name in NAMES:
            week.game(prefix + name, kick_off, home=prefix + name)
        said = messages(week, prefix, kick_off)
        heard = list(permutation)
        for position, message in again:
            heard.insert(position, message)
        for step, message in enumerate(heard):
            week.hear(said[message])
            if step in restarts:
                week.ingest = week.new_ingest()
        assert {name: settles(week, prefix + name)[:2] for name in NAMES} == EXPECTED
        flagged = {flag.game_id for flag in week.flags.flags() if flag.kind == "sources_disagree"}
        assert {name for name in NAMES if week.listing(prefix + name).game_id in flagged} == {"split"}
        assert week.dead() == []

    ends_alike()


def messages(week: SmallWeek, prefix: str, kick_off: datetime) -> list[bytes]:
    """The script's messages, and the second source's listings of its games behind them."""
    bodies = []
    for number, (name, source, fields) in enumerate(SCRIPT):
        kind, more = ("status", {}) if "status" in fields else ("result", FINAL)
        moment = kick_off + timedelta(seconds=number)
        bodies.append(week.message(kind, prefix + name, **{**more, **fields, "source": source, "at": moment}))
    for name in NAMES:
        game = {"league": "NFL", "home": prefix + name, "away": "CIN", "starts_at": kick_off}
        bodies.append(week.message("game", prefix + name, **game, source=SECOND, at=STARTS_AT))
    return bodies
