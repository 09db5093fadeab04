"""Whole small weeks, driven by nothing but messages and the clock: how games end, and what their bets come to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from feeds.ingest import Taken
from ledger.aggregate import LedgerError
from ledger.events import (
    BetLost,
    BetWon,
    GameMovedOut,
    PayoutCorrected,
    ResultRecorded,
    StakePlaced,
    StakeReturned,
    WeekSettled,
)
from ledger.game import MarketClosed, UnknownMarket
from ledger.rules import Rules
from tests.feeds.conftest import MakeWeek
from tests.feeds.small_week import ENDS_AT, NEXT_WEEK, THREE_WAY, WEEK, SmallWeek, at

KICK_OFF = at("Thu 20:15")
DEADLINE = ENDS_AT + timedelta(hours=36)
INSTANT = timedelta(microseconds=1)


class Ending(NamedTuple):
    """A bet of some credits on a quote, a final score, and what the bet comes to."""

    market: str
    line: str | None
    prices: dict[str, int]
    outcome: str
    stake: int
    score: tuple[int, int]
    comes_to: tuple[str, int]
    league: str = "NFL"
    regulation: dict[str, int] | None = None


SPREAD = {"home": -110, "away": -110}
TOTAL = {"over": -105, "under": -115}
TWO_WAY = {"home": -250, "away": 205}
DRAW_TOO: dict[str, Any] = THREE_WAY["prices"]  # type: ignore[assignment]
AFTER_90 = {"home": 1, "away": 1}
ENDINGS = [
    Ending("spread", "-6.0", SPREAD, "home", 110, (27, 20), ("won", 210)),
    Ending("spread", "-6.0", SPREAD, "home", 110, (26, 20), ("push", 110)),
    Ending("spread", "-6.0", SPREAD, "home", 110, (25, 20), ("lost", 0)),
    Ending("spread", "-6.0", SPREAD, "away", 50, (25, 20), ("won", 95)),
    Ending("spread", "3.5", {"home": 104, "away": -124}, "home", 50, (20, 23), ("won", 102)),
    Ending("spread", "-0.5", SPREAD, "home", 1, (21, 20), ("won", 1)),
    Ending("total", "53.0", TOTAL, "over", 100, (34, 20), ("won", 195)),
    Ending("total", "53.0", TOTAL, "over", 100, (33, 20), ("push", 100)),
    Ending("total", "53.0", TOTAL, "under", 115, (32, 20), ("won", 215)),
    Ending("total", "53.0", TOTAL, "under", 115, (34, 20), ("lost", 0)),
    Ending("moneyline", None, TWO_WAY, "home", 50, (35, 34), ("won", 70)),
    Ending("moneyline", None, TWO_WAY, "away", 40, (34, 35), ("won", 122)),
    Ending("moneyline", None, TWO_WAY, "away", 40, (35, 34), ("lost", 0)),
    Ending("moneyline", None, TWO_WAY, "home", 25, (20, 20), ("push", 25)),
    Ending("moneyline", None, DRAW_TOO, "draw", 10, (1, 1), ("won", 32), "EPL"),
    Ending("moneyline", None, DRAW_TOO, "home", 10, (1, 1), ("lost", 0), "EPL"),
    Ending("moneyline", None, DRAW_TOO, "draw", 10, (2, 1), ("won", 32), "EPL", AFTER_90),
    Ending("total", "2.5", TOTAL, "under", 23, (2, 1), ("won", 43), "EPL", AFTER_90),
    Ending("moneyline", None, TWO_WAY, "home", 50, (26, 20), ("won", 70), "NFL", {"home": 20, "away": 20}),
]


def test_every_bet_comes_to_what_its_price_line_and_score_say(week: SmallWeek) -> None:
    """Won, lost and pushed at real prices on every market, with overtime, draws and regulation time."""
    bets = []
    for number, ending in enumerate(ENDINGS):
        name = f"g{number}"
        week.game(name, league=ending.league)
        week.quote(name, ending.market, line=ending.line, prices=ending.prices)
        player = ("ann", "bob")[number % 2]
        bets.append(week.bet(player, name, ending.market, ending.outcome, ending.stake))
    week.live_until(KICK_OFF)
    for number, ending in enumerate(ENDINGS):
        assert week.result(f"g{number}", *ending.score, regulation=ending.regulation) is Taken.APPLIED
    week.react()
    assert [week.outcome(bet)[::2] for bet in bets] == [ending.comes_to for ending in ENDINGS]
    profit = sum(ending.comes_to[1] - ending.stake for ending in ENDINGS)
    assert week.available("ann") + week.available("bob") == 2000 + profit
    week.play_out()


@pytest.mark.parametrize("status", ["cancelled", "abandoned"])
def test_a_game_called_off_gives_its_stakes_back_at_once(week: SmallWeek, status: str) -> None:
    """Also once it has started; nothing else of it is ever settled."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "total", "over", 100)
    week.live_until(KICK_OFF)
    week.status("g1", "in_progress", started_at=KICK_OFF)
    assert week.status("g1", status) is Taken.APPLIED
    week.react()
    assert week.outcome(bet) == ("void", "cancelled", 100)
    assert week.status("g1", status) is Taken.REPEATED
    week.play_out()
    assert week.available("ann") == 1000


def test_a_game_postponed_within_the_week_keeps_its_bets(week: SmallWeek) -> None:
    """No stakes until there is a new start, then stakes again, and the result settles old and new bets."""
    week.listed("g1")
    early = week.bet("ann", "g1", "spread", "home", 110)
    assert week.status("g1", "postponed") is Taken.APPLIED
    with pytest.raises(MarketClosed, match="postponed"):
        week.bet("bob", "g1", "spread", "away", 50)
    week.live_until(KICK_OFF + timedelta(hours=1))
    with pytest.raises(MarketClosed, match="scheduled start"):
        week.bet("bob", "g1", "spread", "away", 50)
    assert week.status("g1", "postponed", starts_at=at("Sat 13:00")) is Taken.APPLIED
    late = week.bet("bob", "g1", "spread", "away", 50)
    week.live_until(at("Sat 13:00"))
    with pytest.raises(MarketClosed):
        week.bet("bob", "g1", "spread", "away", 50)
    assert [week.outcome(bet)[0] for bet in (early, late)] == ["placed", "placed"]
    week.result("g1", 27, 20)
    week.react()
    assert [week.outcome(bet)[::2] for bet in (early, late)] == [("won", 210), ("lost", 0)]
    week.play_out()


def test_a_game_postponed_out_of_the_week_gives_its_stakes_back_at_once(week: SmallWeek) -> None:
    """Its listing is over: no stakes, and no later result brings its bets back."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    assert week.status("g1", "postponed", starts_at=ENDS_AT) is Taken.APPLIED
    week.react()
    assert week.outcome(bet) == ("void", "postponed", 110)
    with pytest.raises(MarketClosed, match="moved out"):
        week.bet("bob", "g1", "spread", "away", 50)
    week.live_until(ENDS_AT + timedelta(hours=3))
    assert week.result("g1", 35, 0) is Taken.APPLIED
    week.play_out()
    assert week.events(ResultRecorded)[-1].applied is False
    assert (week.outcome(bet), week.events(PayoutCorrected)) == (("void", "postponed", 110), [])


def test_a_game_that_never_gets_a_new_start_gives_its_stakes_back_when_the_week_closes(week: SmallWeek) -> None:
    """Until then its bets stand."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "moneyline", "away", 40)
    week.status("g1", "postponed")
    week.live_until(ENDS_AT - INSTANT)
    assert week.outcome(bet) == ("placed", None, None)
    week.live_until(ENDS_AT)
    assert week.outcome(bet) == ("void", "postponed", 40)
    week.play_out()


@pytest.mark.parametrize("started_at", [None, at("Sun 21:30")])
def test_a_game_that_was_put_off_and_starts_after_all_is_played(week: SmallWeek, started_at: Any) -> None:
    """It runs over the end of the week, and its result settles its bets: only what never started is returned."""
    week.listed("g1", at("Sun 20:20"))
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.status("g1", "postponed")
    week.live_until(at("Sun 21:30"))
    week.status("g1", "in_progress", started_at=started_at)
    week.live_until(ENDS_AT + timedelta(hours=1))
    assert (week.state(), week.outcome(bet)[0]) == ("closed", "placed")
    week.result("g1", 27, 20)
    week.react()
    assert (week.state(), week.outcome(bet)) == ("settled", ("won", None, 210))
    week.play_out()


def test_a_provisional_result_keeps_a_postponed_game_from_being_returned(week: SmallWeek) -> None:
    """It was played, so it waits for the official result or the deadline."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.status("g1", "postponed")
    week.live_until(at("Sun 12:00"))
    week.result("g1", 27, 20, certainty="provisional")
    week.live_until(DEADLINE - INSTANT)
    assert week.outcome(bet) == ("placed", None, None)
    week.live_until(DEADLINE)
    assert week.outcome(bet) == ("won", None, 210)
    week.play_out()


def test_a_result_that_never_comes_is_void_at_the_deadline_and_official_after_it_counts(week: SmallWeek) -> None:
    """The clock gives the stakes back; what the source says within the window of corrections still stands above it."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(DEADLINE - INSTANT)
    assert week.outcome(bet) == ("placed", None, None)
    week.live_until(DEADLINE)
    assert (week.outcome(bet), week.state()) == (("void", "no_result", 110), "settled")
    week.live_until(DEADLINE + timedelta(hours=5))
    week.result("g1", 27, 20)
    week.react()
    assert week.outcome(bet) == ("won", None, 210)
    assert [settled.n for settled in week.events(WeekSettled)] == [1, 2]
    week.play_out()


def test_a_provisional_result_settles_nothing_until_the_deadline_and_stands_from_then_on(week: SmallWeek) -> None:
    """It locks the game at once; an equal official one afterwards moves nothing, another one corrects."""
    week.listed("g1")
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(KICK_OFF)
    week.result("g1", 27, 20, certainty="provisional")
    week.live_until(DEADLINE - INSTANT)
    assert (week.outcome(bet), week.state()) == (("placed", None, None), "closed")
    week.live_until(DEADLINE)
    assert (week.outcome(bet), week.state()) == (("won", None, 210), "settled")
    week.result("g1", 27, 20)
    week.react()
    assert [each.resolution for each in week.events(ResultRecorded)] == [None, 1, None]
    week.result("g1", 26, 20, revision=2)
    week.react()
    assert week.outcome(bet) == ("push", None, 110)
    week.play_out()


def test_an_official_result_settles_though_a_provisional_one_said_otherwise(week: SmallWeek) -> None:
    """Under the default rules only the official one ever moves credits, equal to the provisional or not."""
    bets = {}
    for name in ("equal", "different"):
        week.listed(name)
        bets[name] = week.bet("ann", name, "spread", "home", 110)
    week.live_until(KICK_OFF)
    for name, score in (("equal", 27), ("different", 20)):
        week.result(name, 27, 20, certainty="provisional")
        week.result(name, score, 20)
    week.react()
    assert [week.outcome(bet)[::2] for bet in bets.values()] == [("won", 210), ("lost", 0)]
    assert week.events(PayoutCorrected) == []
    week.play_out()


def test_rules_may_settle_on_provisional_results(make_week: MakeWeek) -> None:
    """Then an equal official one moves nothing, and a different one corrects."""
    week = make_week()
    week.begin("ann", rules=Rules(settles_on_provisional=True))
    for name in ("equal", "different"):
        week.listed(name)
    equal, different = (week.bet("ann", name, "spread", "home", 110) for name in ("equal", "different"))
    week.live_until(KICK_OFF)
    for name in ("equal", "different"):
        week.result(name, 27, 20, certainty="provisional")
    week.react()
    assert [week.outcome(bet)[::2] for bet in (equal, different)] == [("won", 210), ("won", 210)]
    week.result("equal", 27, 20)
    week.result("different", 20, 27)
    week.react()
    assert [week.outcome(bet)[::2] for bet in (equal, different)] == [("won", 210), ("lost", 0)]
    assert len(week.events(PayoutCorrected)) == 1
    week.play_out()


def test_a_game_moved_out_of_the_week_and_back_is_a_new_listing(make_week: MakeWeek) -> None:
    """The old bets stay returned, the new ones settle, and an open week in between holds on to nothing."""
    week = make_week(opens_weeks=True)
    week.begin("ann", "bob")
    week.listed("g1")
    old = week.bet("ann", "g1", "spread", "home", 110)
    week.game("g1", at("Thu 20:15", week=NEXT_WEEK))
    week.react()
    assert (week.outcome(old), week.listing("g1").week) == (("void", "postponed", 110), NEXT_WEEK)
    week.game("g1", at("Sat 13:00"))
    with pytest.raises((MarketClosed, UnknownMarket, KeyError)):
        week.bet("bob", "g1", "spread", "home", 110)
    week.quote("g1", "spread")
    new = week.bet("bob", "g1", "spread", "home", 110)
    week.ingest = week.new_ingest()
    week.live_until(at("Sat 13:00"))
    week.result("g1", 27, 20)
    week.react()
    assert [week.outcome(bet) for bet in (old, new)] == [("void", "postponed", 110), ("won", None, 210)]
    assert [len(week.events(GameMovedOut, each)) for each in (WEEK, NEXT_WEEK)] == [1, 1]
    week.play_out()


def test_two_games_with_one_id_in_two_weeks_are_two_games(make_week: MakeWeek) -> None:
    """The second is listed once the first was played, also on a provisional result; each has its own results."""
    week = make_week(opens_weeks=True)
    week.begin("ann")
    week.listed("g1", at("Sun 20:20"))
    first = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(at("Sun 23:50"))
    week.result("g1", 27, 20, certainty="provisional")
    week.listed("g1", at("Sun 20:20", week=NEXT_WEEK))
    assert week.listing("g1").week == NEXT_WEEK
    week.live_until(at("next Mon 09:00"))
    week.result("g1", 27, 20)
    week.react()
    assert week.outcome(first) == ("won", None, 210)
    week.result("g1", 20, 27, revision=2)
    week.react()
    assert week.outcome(first) == ("lost", None, 0)
    week.live_until(at("Sun 23:50", week=NEXT_WEEK))
    assert week.state() == "final"
    week.result("g1", 3, 0)
    week.react()
    assert [record.home_score for record in week.events(ResultRecorded, NEXT_WEEK)] == [3]
    week.play_out(NEXT_WEEK)


def test_what_is_said_of_a_week_that_is_not_open_waits_for_it(make_week: MakeWeek) -> None:
    """The latest per game and topic is applied when the week opens, and the game is played like any other."""
    week = make_week()
    week.begin("ann")
    start = at("Thu 20:15", week=NEXT_WEEK)
    assert week.game("g1", start - timedelta(hours=1)) is Taken.WAITING
    assert week.game("g1", start) is Taken.WAITING
    assert week.quote("g1", "spread", line="-3.0") is Taken.WAITING
    assert week.quote("g1", "spread", line="-6.0") is Taken.WAITING
    before = week.head()
    week.open(NEXT_WEEK, "ann")
    week.react()
    assert (week.head(), week.dead()) == (before, [])
    game = week.on_board("g1")
    assert (game.starts_at, [market.quote and market.quote.line for market in game.markets.values()]) == (
        start,
        ["-6.0"],
    )
    week.live_until(at("Wed 12:00", week=NEXT_WEEK))
    bet = week.bet("ann", "g1", "spread", "home", 110)
    week.live_until(start)
    week.result("g1", 27, 20)
    week.react()
    assert week.outcome(bet) == ("won", None, 210)
    week.play_out(NEXT_WEEK)


def test_games_that_have_started_play_on_after_the_week_closed(week: SmallWeek) -> None:
    """Closing stops stakes only: the week waits for what is still on the field, and is settled with it."""
    week.listed("g1", at("Sun 23:30"))
    week.listed("g2", at("Sun 23:59"))
    bet = week.bet("ann", "g1", "moneyline", "home", 50)
    week.live_until(ENDS_AT)
    with pytest.raises(LedgerError):
        week.bet("ann", "g2", "moneyline", "home", 50)
    week.result("g2", 1, 0)
    week.react()
    assert week.state() == "closed"
    week.result("g1", 35, 34)
    week.react()
    assert (week.state(), week.outcome(bet)) == ("settled", ("won", None, 70))
    week.play_out()


def test_a_week_without_games_or_players_ends_like_any_other(make_week: MakeWeek) -> None:
    """Nobody enrolled and nothing was listed: it closes, settles and becomes final."""
    week = make_week()
    week.begin()
    week.play_out()
    assert week.facts(StakePlaced, BetWon, BetLost, StakeReturned) == []
