"""What a bet comes to: a pure function of its terms and a result, by the rules of design §3.

Grading knows no accounts and no earlier resolution. Asked again with another result it answers again, and
the account records the difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec

from ledger.odds import half_points, payout

Verdict = Literal["won", "lost", "push", "void"]
Reason = Literal["push", "cancelled", "postponed", "late", "no_result", "operator"]

_TERMS_KEPT: Final = 10_000
_VOID_REASONS: Final[dict[str, Reason]] = {
    "cancelled": "cancelled",
    "abandoned": "cancelled",
    "postponed": "postponed",
    "no_result": "no_result",
    "operator": "operator",
}


class GradingError(ValueError):
    """Terms and a result that no rule covers, so that nothing may be paid on them."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a bet froze when it was placed.

    `market` and `outcome`: moneyline home, away or draw; spread home or away; total over or under. `line`:
    the home handicap of a spread, whichever side was taken; the sum of a total; None for a moneyline.
    `price` is American, `stake` in credits.
    """

    market: str
    outcome: str
    line: str | None
    price: int
    stake: int
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class FinalScore:
    """The score that bets are graded by, in points."""

    home: int
    away: int


@dataclass(frozen=True, slots=True)
class Result:
    """How a game ended.

    `status`: final, cancelled, abandoned, postponed, no_result or operator. `score` is given when final.
    `started_at` is the real start where one is known.
    """

    status: str
    score: FinalScore | None = None
    started_at: datetime | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What a bet comes to: `payout` credits return to the account; `reason` says why a stake was returned."""

    verdict: Verdict
    payout: int
    reason: Reason | None = None


class Grades:
    """What bets come to by one result. Those on the same terms come to the same, so one of them is graded for all."""

    def __init__(self, result: Result) -> None:
        self._result = result
        self._known: dict[tuple[object, ...], Outcome] = {}

    def outcome(
        self,
        *,
        market: str,
        outcome: str,
        line: str | None,
        price: int,
        stake: int,
        recorded_at: datetime,
        three_way: bool,
    ) -> Outcome:
        """Return what `grade` says of these terms; raises as that does."""
        started_at = self._result.started_at
        terms = (market, outcome, line, price, stake, three_way, started_at is not None and recorded_at >= started_at)
        known = self._known.get(terms)
        if known is None:
            one = Terms(market, outcome, line, price, stake, recorded_at)
            if len(self._known) >= _TERMS_KEPT:
                self._known.clear()
            known = self._known[terms] = grade(one, self._result, three_way=three_way)
        return known


@lru_cache(maxsize=16)
def grades_by(result: Result) -> Grades:
    """Return what bets come to by a result; a game's chunks share what was graded for one of them."""
    return Grades(result)


def score_that_counts(*, home: int, away: int, regulation: tuple[int, int] | None, overtime_counts: bool) -> FinalScore:
    """The full score, or that of regulation (home, away) where overtime does not count and it is given."""
    if overtime_counts or regulation is None:
        return FinalScore(home, away)
    return FinalScore(*regulation)


def grade(terms: Terms, result: Result, *, three_way: bool) -> Outcome:
    """Grade one bet; `three_way` says that its moneyline offered a draw.

    A late bet is void whatever the score: nobody may bet on a game under way. The instant of the start is
    late already, as stakes are taken strictly before it. Raises GradingError, or the errors of `ledger.odds`.
    """
    if result.started_at is not None and terms.recorded_at >= result.started_at:
        return Outcome("void", terms.stake, "late")
    if result.status != "final":
        return Outcome("void", terms.stake, _void_reason(result.status))
    if result.score is None:
        raise GradingError("a final result without a score grades nothing: record the score with it")
    margin = _margin(terms, result.score, three_way=three_way)
    if margin > 0:
        return Outcome("won", payout(terms.stake, terms.price))
    if margin < 0:
        return Outcome("lost", 0)
    return Outcome("push", terms.stake, "push")


def _margin(terms: Terms, score: FinalScore, *, three_way: bool) -> int:
    """By how many half points the bet beat its line: above zero it won, at zero it pushed, below it lost."""
    lead = 2 * (score.home - score.away)
    points = 2 * (score.home + score.away)
    # Where a draw is on offer, the sides give half a point, so that a tie loses instead of pushing.
    given = 1 if three_way else 0
    match terms.market, terms.outcome:
        case "moneyline", "home":
            return lead - given
        case "moneyline", "away":
            return -lead - given
        case "moneyline", "draw" if three_way:
            return given - abs(lead)
        case "spread", "home":
            return lead + _line(terms)
        case "spread", "away":
            return -(lead + _line(terms))
        case "total", "over":
            return points - _line(terms)
        case "total", "under":
            return _line(terms) - points
        case _:
            ways = "three-way" if three_way else "two-way"
            raise GradingError(f"no rule grades {terms.outcome!r} on a {ways} {terms.market!r} market")


def _line(terms: Terms) -> int:
    if terms.line is None:
        raise GradingError(f"a {terms.market} bet is graded against a line: its terms must carry one")
    return half_points(terms.line)


def _void_reason(status: str) -> Reason:
    try:
        return _VOID_REASONS[status]
    except KeyError:
        expected = ", ".join(["final", *_VOID_REASONS])
        raise GradingError(f"a game that is {status!r} settles nothing: expected one of {expected}") from None
