"""What bets on the table's games come to: `python -I totals.py TABLE PLAYED`; it shares no code with the project.

TABLE is the nflverse games table. PLAYED has JSON lines: `{"bet": …, "game", "market", "outcome", "stake", "at"}` for
each bet, and `{"fault": …, "game", "at"}` for what was done to the feed. Of the faults only those count after which the
game did not take place, not in its week, or began before some of its bets were placed. Whatever else was said of a
game, and in which order and how often, is noise: its bets come to what the table says.

Prints one JSON object: by game and market the number of bets, how many were won, lost, pushed and void, the credits
staked and the credits paid.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from datetime import datetime
from fractions import Fraction

NEVER_PLAYED = frozenset({"vanished", "cancelled", "postponed"})
PRICES = {
    "moneyline": {"home": "home_moneyline", "away": "away_moneyline"},
    "spread": {"home": "home_spread_odds", "away": "away_spread_odds"},
    "total": {"over": "over_odds", "under": "under_odds"},
}
Row = dict[str, str]
Line = dict[str, str]


def beaten_by(row: Row, market: str, outcome: str) -> Fraction:
    """By how many points an outcome came in: above zero it won, at zero nobody did."""
    home, away = Fraction(row["home_score"]), Fraction(row["away_score"])
    if market == "total":
        over = home + away - Fraction(row["total_line"])
        return over if outcome == "over" else -over
    # The table's spread is how many points the home team has to win by.
    margin = home - away - (Fraction(row["spread_line"]) if market == "spread" else 0)
    return margin if outcome == "home" else -margin


def odds(american: Fraction) -> Fraction:
    """What a credit returns if it wins, itself included."""
    return 1 + (american / 100 if american > 0 else 100 / -american)


def is_void(bet: Line, faults: list[Line]) -> bool:
    """Whether the bet cannot stand, whatever the score."""
    at = datetime.fromisoformat(bet["at"])
    for fault in faults:
        when = datetime.fromisoformat(fault["at"])
        if fault["fault"] in NEVER_PLAYED:
            return True
        # The game left the week with the bets placed before, or had begun before this one was.
        if (fault["fault"] == "moved_out" and at < when) or (fault["fault"] == "began_early" and at >= when):
            return True
    return False


def come_to(bet: Line, row: Row, faults: list[Line]) -> tuple[str, int]:
    """What became of a bet, and what it pays."""
    stake = int(bet["stake"])
    if is_void(bet, faults):
        return "void", stake
    by = beaten_by(row, bet["market"], bet["outcome"])
    if by == 0:
        return "push", stake
    price = Fraction(row[PRICES[bet["market"]][bet["outcome"]]])
    return ("won", int(stake * odds(price))) if by > 0 else ("lost", 0)


def totals(table: list[Row], played: list[Line]) -> dict[str, dict[str, Counter[str]]]:
    """Add up the bets of each game and market."""
    rows = {row["game_id"]: row for row in table}
    faults: dict[str, list[Line]] = {}
    for line in played:
        if "fault" in line:
            faults.setdefault(line["game"], []).append(line)
    found: dict[str, dict[str, Counter[str]]] = {}
    for bet in (line for line in played if "bet" in line):
        outcome, paid = come_to(bet, rows[bet["game"]], faults.get(bet["game"], []))
        market = found.setdefault(bet["game"], {}).setdefault(bet["market"], Counter())
        market.update({"bets": 1, outcome: 1, "staked": int(bet["stake"]), "paid": paid})
    return found


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8-sig", newline="") as games, open(sys.argv[2], encoding="utf-8") as lines:
        json.dump(totals(list(csv.DictReader(games)), [json.loads(line) for line in lines]), sys.stdout)
