"""Ten real NFL seasons, graded bet by bet and held against two computations that share no code with grading.

The first is in this file: exact fractions, in the table's own terms (its margin, its sum, its sign of the
spread). The second was an SQL query over the same table, in integers, which gave the `GOLDEN` totals. Totals
known for the seasons 2006 to 2025 cannot be applied to these ten, only that all games but one are complete.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ledger.grading import FinalScore, Outcome, Result, Terms, grade
from ledger.odds import half_points, line_text
from ledger.weeks import ends_at, following, starts_at, week_at

TABLE = Path(__file__).parents[3] / "shared" / "data" / "nfl_games_2010_2019.csv"
STAKE = 100
SIDES = {
    ("moneyline", "home"): "home_moneyline",
    ("moneyline", "away"): "away_moneyline",
    ("spread", "home"): "home_spread_odds",
    ("spread", "away"): "away_spread_odds",
    ("total", "over"): "over_odds",
    ("total", "under"): "under_odds",
}
NEEDED = ["home_score", "away_score", "spread_line", "total_line", *SIDES.values()]

Row = dict[str, str]
Side = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many bets on one side were won, lost and pushed, and what they returned, at 100 credits each."""

    won: int
    lost: int
    pushed: int
    returned: int


GOLDEN = {
    ("moneyline", "home"): Tally(1513, 1148, 8, 256_966),
    ("moneyline", "away"): Tally(1148, 1513, 8, 258_776),
    ("spread", "home"): Tally(1261, 1332, 76, 254_158),
    ("spread", "away"): Tally(1332, 1261, 76, 268_260),
    ("total", "over"): Tally(1320, 1322, 27, 259_440),
    ("total", "under"): Tally(1322, 1320, 27, 261_043),
}


@pytest.fixture(scope="module")
def table() -> list[Row]:
    """All rows of the table."""
    if not TABLE.exists():
        pytest.skip("the table of real games, ../shared/data/nfl_games_2010_2019.csv, is not on this machine")
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def games(table: list[Row]) -> list[Row]:
    """The rows with a score, both lines and all six prices."""
    return [row for row in table if all(row[column] for column in NEEDED)]


def kick_off(row: Row) -> datetime:
    wall = datetime.fromisoformat(f"{row['gameday']}T{row['gametime']}")
    return wall.replace(tzinfo=ZoneInfo("America/New_York"))


def graded(row: Row, side: Side) -> Outcome:
    """The bet as the ledger would hold it: the home handicap is the negative of the table's spread."""
    market, outcome = side
    lines = {
        "moneyline": None,
        "spread": line_text(-half_points(row["spread_line"])),
        "total": line_text(half_points(row["total_line"])),
    }
    terms = Terms(
        market=market,
        outcome=outcome,
        line=lines[market],
        price=int(row[SIDES[side]]),
        stake=STAKE,
        recorded_at=kick_off(row) - timedelta(hours=1),
    )
    score = FinalScore(home=int(row["home_score"]), away=int(row["away_score"]))
    return grade(terms, Result("final", score, started_at=kick_off(row)), three_way=False)


def beaten_by(row: Row, side: Side) -> Fraction:
    """By how many points the side beat its line, from the table's own margin (home less away) and sum."""
    margin, points = Fraction(row["result"]), Fraction(row["total"])
    favoured_by, line = Fraction(row["spread_line"]), Fraction(row["total_line"])
    return {
        ("moneyline", "home"): margin,
        ("moneyline", "away"): -margin,
        ("spread", "home"): margin - favoured_by,
        ("spread", "away"): favoured_by - margin,
        ("total", "over"): points - line,
        ("total", "under"): line - points,
    }[side]


def exact_return(row: Row, side: Side) -> Fraction:
    """What the stake returns at the exact decimal odds, unrounded."""
    american = Fraction(row[SIDES[side]])
    odds = 1 + (american / 100 if american > 0 else 100 / -american)
    by = beaten_by(row, side)
    return STAKE * (odds if by > 0 else Fraction(by == 0))


def outcomes(games: list[Row]) -> Iterator[tuple[Row, Side, Outcome]]:
    return ((row, side, graded(row, side)) for row in games for side in SIDES)


def test_table_is_complete_but_for_one_game(table: list[Row], games: list[Row]) -> None:
    """All the table's games can be graded except one of 2017 that has no prices."""
    unpriced = [row["game_id"] for row in table if row not in games]
    assert len(games) == 2669
    assert unpriced == ["2017_04_CHI_GB"]


def test_every_bet_agrees_with_exact_fractions(games: list[Row]) -> None:
    """Each of 16,014 bets has the verdict of the exact margin and returns the exact sum, floored."""
    graded_bets = 0
    for row, side, outcome in outcomes(games):
        by = beaten_by(row, side)
        assert outcome.verdict == ("won" if by > 0 else "lost" if by < 0 else "push"), (row["game_id"], side)
        assert outcome.payout == exact_return(row, side) // 1, (row["game_id"], side)
        graded_bets += 1
    assert graded_bets == 6 * 2669


def test_totals_agree_with_another_program(games: list[Row]) -> None:
    """Counts and credits returned per side are those that an SQL query found in the same table."""
    by_side = {side: [graded(row, side) for row in games] for side in SIDES}
    tallies = {
        side: Tally(
            won=sum(outcome.verdict == "won" for outcome in of_side),
            lost=sum(outcome.verdict == "lost" for outcome in of_side),
            pushed=sum(outcome.verdict == "push" for outcome in of_side),
            returned=sum(outcome.payout for outcome in of_side),
        )
        for side, of_side in by_side.items()
    }
    assert tallies == GOLDEN


def test_flooring_costs_less_than_a_credit_a_bet(games: list[Row]) -> None:
    """Rounding takes a fraction of a credit from bets that won, and nothing from bets that lost or pushed."""
    for row, side, outcome in outcomes(games):
        rounded_away = exact_return(row, side) - outcome.payout
        assert 0 <= rounded_away < 1
        assert rounded_away == 0 or outcome.verdict == "won"


def test_every_game_lies_in_its_week(table: list[Row]) -> None:
    """Each kick-off is inside its week, and a Monday game opens the week after its Sunday's."""
    for row in table:
        assert starts_at(week_at(kick_off(row))) <= kick_off(row) < ends_at(week_at(kick_off(row)))
    mondays = [kick_off(row) for row in table if row["weekday"] == "Monday"]
    assert len(mondays) == 172
    for monday in mondays:
        assert week_at(monday) == following(week_at(monday - timedelta(days=1)))


def test_weeks_of_a_season_follow_the_calendar(table: list[Row]) -> None:
    """In order of kick-off, weeks never go back, so that a season is a row of books one after the other."""
    weeks = [week for week, _ in groupby(week_at(kick_off(row)) for row in sorted(table, key=kick_off))]
    assert weeks == sorted(set(weeks))
