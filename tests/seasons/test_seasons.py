"""Real weeks through a bad feed; `python -m tests.seasons 2010 2011 …` does whole seasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.datastore import Datastore
from tests.seasons.counting import Totals, by_the_table, compare
from tests.seasons.faults import FATES
from tests.seasons.replaying import replay

HEADER = (
    "game_id,home_score,away_score,away_moneyline,home_moneyline,spread_line,"
    "away_spread_odds,home_spread_odds,total_line,under_odds,over_odds"
)
# The home team is favoured by 3 and wins by 3: 51 points.
ROW = "g1,27,24,150,-170,3,-110,-110,50.5,-105,-115"
BETS = [
    ("moneyline", "home", 50, {"bets": 1, "won": 1, "staked": 50, "paid": 79}),
    ("spread", "away", 50, {"bets": 1, "push": 1, "staked": 50, "paid": 50}),
    ("total", "under", 50, {"bets": 1, "lost": 1, "staked": 50, "paid": 0}),
]


@pytest.mark.parametrize(("season", "week", "games"), [(2012, 10, 14), (2018, 1, 16)])
def test_a_week_of_a_bad_feed_settles_as_the_table_says(
    datastore: Datastore, real_games: Path, season: int, week: int, games: int
) -> None:
    """Doubled, late, reversed, vanished and moved: by game and market the totals are the other program's.

    So are, by the oracle that reads exports, outcomes, balances and standings. Each of these weeks has a tied game.
    """
    done = replay(datastore, real_games, season=season, nfl_weeks=[week], seed=26, bets_a_game=5)
    assert done.differences == []
    assert {*done.faults, "none"} == FATES.keys()
    assert done.games == games and done.outcomes["bets"] >= 5 * games
    assert min(done.outcomes[name] for name in ("won", "lost", "push", "void")) > 0
    assert min(done.repeated, done.out_of_order, done.dead_letters, done.corrections) > 0


def test_the_other_program_is_right_by_hand(tmp_path: Path) -> None:
    """50 at -170 pay 79, a spread hit exactly pays the stake back, and a sum above the line nothing to the under."""
    played: list[dict[str, object]] = [
        {"bet": market, "game": "g1", "market": market, "outcome": outcome, "stake": stake, "at": "2018-09-09T12:00Z"}
        for market, outcome, stake, _ in BETS
    ]
    expected = {"g1": {market: sums for market, _, _, sums in BETS}}
    assert list(compare(_by_table(tmp_path, played), expected)) == []
    hidden: list[dict[str, object]] = [*played, {"fault": "vanished", "game": "g1", "at": "2018-09-09T17:00Z"}]
    assert len(list(compare(_by_table(tmp_path, hidden), expected))) == len(BETS), "what is void is no longer paid so"


def _by_table(tmp_path: Path, played: list[dict[str, object]]) -> Totals:
    table = tmp_path / "table.csv"
    table.write_text(f"{HEADER}\n{ROW}\n", encoding="utf-8")
    return by_the_table(table, played)
