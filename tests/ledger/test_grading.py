"""Every bet is graded as the published rules say: by its line, its market's ways, and how its game ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.grading import FinalScore, GradingError, Outcome, Result, Terms, grade, score_that_counts
from ledger.odds import PriceError, line_text

PLACED_AT = datetime(2026, 11, 22, 17, 59, tzinfo=UTC)
SIDES = [("spread", "home"), ("spread", "away"), ("total", "over"), ("total", "under")]

points = st.integers(min_value=0, max_value=150)
lines = st.integers(min_value=-120, max_value=120).map(line_text)
stakes = st.integers(min_value=1, max_value=10_000)
prices = st.one_of(st.integers(-10_000, -100), st.integers(100, 10_000))


def bet(market: str, outcome: str, line: str | None = None, *, price: int = -110, stake: int = 50) -> Terms:
    return Terms(market, outcome, line, price, stake, recorded_at=PLACED_AT)


def final(home: int, away: int, started_at: datetime | None = None) -> Result:
    return Result("final", FinalScore(home, away), started_at)


@pytest.mark.parametrize(
    ("outcome", "line", "home", "away", "verdict"),
    [
        ("home", "-6.0", 35, 28, "won"),
        ("home", "-6.0", 35, 29, "push"),
        ("home", "-6.0", 35, 34, "lost"),
        ("away", "-6.0", 35, 34, "won"),
        ("away", "-6.0", 35, 29, "push"),
        ("away", "-6.0", 35, 28, "lost"),
        ("home", "-6.5", 27, 20, "won"),
        ("home", "-6.5", 26, 20, "lost"),
        ("home", "3.0", 17, 20, "push"),
        ("home", "3.5", 17, 20, "won"),
        ("away", "3.5", 17, 20, "lost"),
        ("home", "0.0", 20, 20, "push"),
        ("home", "0.0", 21, 20, "won"),
    ],
)
def test_spread_is_graded_by_the_home_handicap(outcome: str, line: str, home: int, away: int, verdict: str) -> None:
    """The line is the home side's for both sides: home score and line are held against the away score."""
    assert grade(bet("spread", outcome, line), final(home, away), three_way=False).verdict == verdict


@pytest.mark.parametrize(
    ("outcome", "line", "home", "away", "verdict"),
    [
        ("over", "53.0", 35, 34, "won"),
        ("over", "53.0", 33, 20, "push"),
        ("over", "53.0", 32, 20, "lost"),
        ("under", "53.0", 32, 20, "won"),
        ("under", "53.0", 33, 20, "push"),
        ("under", "53.0", 35, 34, "lost"),
        ("over", "53.5", 34, 20, "won"),
        ("under", "53.5", 33, 20, "won"),
    ],
)
def test_total_is_graded_by_the_sum(outcome: str, line: str, home: int, away: int, verdict: str) -> None:
    """Both scores together are held against the line."""
    assert grade(bet("total", outcome, line), final(home, away), three_way=False).verdict == verdict


@pytest.mark.parametrize(
    ("outcome", "home", "away", "two_way", "three_way"),
    [
        ("home", 2, 1, "won", "won"),
        ("home", 1, 2, "lost", "lost"),
        ("home", 1, 1, "push", "lost"),
        ("away", 2, 1, "lost", "lost"),
        ("away", 1, 2, "won", "won"),
        ("away", 1, 1, "push", "lost"),
        ("draw", 2, 1, None, "lost"),
        ("draw", 1, 2, None, "lost"),
        ("draw", 0, 0, None, "won"),
    ],
)
def test_moneyline_tie_pushes_unless_a_draw_is_offered(
    outcome: str, home: int, away: int, two_way: str | None, three_way: str
) -> None:
    """A tie returns two-way stakes; in a three-way market the draw wins and both sides lose."""
    result = final(home, away)
    assert grade(bet("moneyline", outcome), result, three_way=True).verdict == three_way
    if two_way is not None:
        assert grade(bet("moneyline", outcome), result, three_way=False).verdict == two_way


def test_won_bet_returns_stake_and_floored_profit() -> None:
    """+120 returns 110 on 50, -140 returns 85; a lost bet returns nothing; neither has a reason."""
    won = final(20, 10)
    assert grade(bet("moneyline", "home", price=120), won, three_way=False) == Outcome("won", 110)
    assert grade(bet("moneyline", "home", price=-140), won, three_way=False) == Outcome("won", 85)
    assert grade(bet("moneyline", "away", price=120), won, three_way=False) == Outcome("lost", 0)


def test_push_returns_the_stake() -> None:
    """An exact hit pays the stake back, whatever the price, and says why."""
    outcome = grade(bet("total", "over", "53.0", price=-5000), final(33, 20), three_way=False)
    assert outcome == Outcome("push", 50, "push")


def test_equal_payout_is_still_another_outcome() -> None:
    """A single credit at -110 wins nothing on top, yet won and pushed are told apart."""
    terms = bet("spread", "home", "-6.0", stake=1)
    assert grade(terms, final(35, 28), three_way=False) == Outcome("won", 1)
    assert grade(terms, final(35, 29), three_way=False) == Outcome("push", 1, "push")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("cancelled", "cancelled"),
        ("abandoned", "cancelled"),
        ("postponed", "postponed"),
        ("no_result", "no_result"),
        ("operator", "operator"),
    ],
)
@pytest.mark.parametrize("score", [None, FinalScore(35, 0)])
def test_game_without_a_final_result_returns_the_stake(status: str, reason: str, score: FinalScore | None) -> None:
    """Whatever the score stood at, the bet is void with the reason that an account states."""
    outcome = grade(bet("spread", "home", "-6.0"), Result(status, score), three_way=False)
    assert (outcome.verdict, outcome.payout, outcome.reason) == ("void", 50, reason)


@pytest.mark.parametrize("status", ["final", "cancelled", "postponed", "operator"])
@pytest.mark.parametrize("score", [FinalScore(35, 0), FinalScore(0, 35)])
def test_bet_recorded_from_the_real_start_on_is_late(status: str, score: FinalScore) -> None:
    """Late comes before everything else, from the instant of the start; a microsecond earlier stands."""
    terms = bet("moneyline", "home")
    for started_at in (PLACED_AT, PLACED_AT - timedelta(minutes=5)):
        outcome = grade(terms, Result(status, score, started_at), three_way=False)
        assert (outcome.verdict, outcome.payout, outcome.reason) == ("void", 50, "late")
    in_time = grade(terms, Result(status, score, PLACED_AT + timedelta(microseconds=1)), three_way=False)
    assert in_time.reason != "late"


@pytest.mark.parametrize(
    ("terms", "result", "complaint"),
    [
        (bet("moneyline", "draw"), final(1, 1), "'draw' on a two-way 'moneyline'"),
        (bet("moneyline", "over"), final(1, 1), "'over' on a two-way 'moneyline'"),
        (bet("spread", "draw", "-1.0"), final(1, 1), "'draw' on a two-way 'spread'"),
        (bet("total", "home", "3.0"), final(1, 1), "'home' on a two-way 'total'"),
        (bet("prop", "yes"), final(1, 1), "'yes' on a two-way 'prop'"),
        (bet("spread", "home"), final(1, 1), "spread bet is graded against a line"),
        (bet("total", "under"), final(1, 1), "total bet is graded against a line"),
        (bet("moneyline", "home"), Result("final"), "without a score"),
        (bet("moneyline", "home"), Result("in_progress"), "'in_progress' settles nothing"),
    ],
)
def test_what_no_rule_covers_is_refused(terms: Terms, result: Result, complaint: str) -> None:
    """Nothing is paid or taken by guessing: the error names what no rule grades."""
    with pytest.raises(GradingError, match=complaint):
        grade(terms, result, three_way=False)


def test_invalid_price_is_refused_when_it_would_pay() -> None:
    """A price that never was one pays nothing."""
    with pytest.raises(PriceError):
        grade(bet("moneyline", "home", price=50), final(1, 0), three_way=False)


@pytest.mark.parametrize(
    ("regulation", "overtime_counts", "expected"),
    [
        ((1, 1), False, FinalScore(1, 1)),
        ((1, 1), True, FinalScore(2, 1)),
        (None, False, FinalScore(2, 1)),
        (None, True, FinalScore(2, 1)),
    ],
)
def test_overtime_counts_where_the_rules_say_so(
    regulation: tuple[int, int] | None, overtime_counts: bool, expected: FinalScore
) -> None:
    """Regulation replaces the full score only where overtime does not count and regulation is known."""
    score = score_that_counts(home=2, away=1, regulation=regulation, overtime_counts=overtime_counts)
    assert score == expected


@given(points, points, lines)
def test_two_sides_of_a_line_mirror_each_other(home: int, away: int, line: str) -> None:
    """One side wins exactly when the other loses, and both push together."""
    mirror = {"won": "lost", "lost": "won", "push": "push"}
    for (market, one), (_, other) in (SIDES[:2], SIDES[2:]):
        first = grade(bet(market, one, line), final(home, away), three_way=False)
        second = grade(bet(market, other, line), final(home, away), three_way=False)
        assert second.verdict == mirror[first.verdict]


@given(points, points)
def test_one_way_of_three_wins(home: int, away: int) -> None:
    """Of home, draw and away exactly one wins, and the others lose: nothing pushes."""
    ways = ("home", "draw", "away")
    verdicts = [grade(bet("moneyline", way), final(home, away), three_way=True).verdict for way in ways]
    assert sorted(verdicts) == ["lost", "lost", "won"]


@given(points, points)
def test_two_way_moneyline_is_a_spread_of_nothing(home: int, away: int) -> None:
    """A two-way moneyline and a spread with line 0.0 come to the same."""
    for side in ("home", "away"):
        moneyline = grade(bet("moneyline", side), final(home, away), three_way=False)
        assert moneyline == grade(bet("spread", side, "0.0"), final(home, away), three_way=False)


@given(st.sampled_from(SIDES), lines, points, points, stakes, prices)
def test_payout_agrees_with_the_verdict(
    side: tuple[str, str], line: str, home: int, away: int, stake: int, price: int
) -> None:
    """Won pays the stake at least, lost pays nothing, a push pays the stake and alone has a reason."""
    outcome = grade(bet(*side, line, price=price, stake=stake), final(home, away), three_way=False)
    assert {
        "won": outcome.payout >= stake and outcome.reason is None,
        "lost": outcome.payout == 0 and outcome.reason is None,
        "push": outcome.payout == stake and outcome.reason == "push",
    }[outcome.verdict]
