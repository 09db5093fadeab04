"""What the bets on a game come to: those on the same offer win or lose together, so one of them is graded for all."""

from __future__ import annotations

from typing import NamedTuple

from ledger.auditing.bets import Bets, microseconds_of
from ledger.game import Game
from ledger.grading import Result, grade
from ledger.odds import payout


class Grade(NamedTuple):
    """What a bet is, what returns to its account, and why a stake was returned."""

    verdict: str
    payout: int
    reason: str | None


class Verdicts:
    """The verdicts on a game's bets by one result. `version` is the game's, on which they rest as well."""

    def __init__(self, game: Game, result: Result) -> None:
        self.result = result
        self.version = game.version
        self._three_way = game.three_way_odds
        self._late_from = None if result.started_at is None else microseconds_of(result.started_at)
        # By the one object that bets share which froze the same offer, and by whether they came too late.
        self._known: dict[tuple[int, bool], tuple[str, str | None]] = {}

    def grade(self, bets: Bets, number: int) -> Grade:
        """Return what a bet comes to; raises ValueError where no rule covers its terms."""
        offer, stake = bets.offers[number], bets.stakes[number]
        key = (id(offer), self._late_from is not None and bets.microseconds[number] >= self._late_from)
        known = self._known.get(key)
        if known is None:
            outcome = grade(bets.terms(number), self.result, three_way=offer.odds_id in self._three_way)
            known = self._known[key] = (outcome.verdict, outcome.reason)
        verdict, reason = known
        if verdict == "won":
            return Grade(verdict, payout(stake, offer.price), reason)
        return Grade(verdict, 0 if verdict == "lost" else stake, reason)
