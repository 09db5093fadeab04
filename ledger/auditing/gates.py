"""The gates: each stake was on offer at its place in the log, and its terms are those of the offer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ledger.aggregate import LedgerError
from ledger.auditing.board import Board
from ledger.auditing.findings import Check, Finding
from ledger.events import Event, StakePlaced
from ledger.facts import Fact
from ledger.game import Offer
from ledger.odds import payout
from ledger.rules import Rules


class Gates(Check):
    """Asks the board, at the stake's place and time, what the stake names."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (StakePlaced,)

    def __init__(self, board: Board) -> None:
        self._board = board

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Take the next stake."""
        stake = fact.event
        assert isinstance(stake, StakePlaced)
        week, game = self._board.week, self._board.game(stake.game_id)
        if game is None:
            return [_finding(fact, f"game {stake.game_id} is not listed")]
        try:
            if week.grouped is None or week.closed is not None:
                week.require_betting()
            offer = game.offer(market_id=stake.market_id, odds_id=stake.odds_id, outcome=stake.outcome, at=fact.at)
        except LedgerError as refusal:
            return [_finding(fact, str(refusal))]
        wrong = _wrong(stake, offer, week.rules)
        return () if wrong is None else [_finding(fact, wrong)]


def _wrong(stake: StakePlaced, offer: Offer, rules: Rules) -> str | None:
    if (stake.market, stake.line, stake.price) != (offer.market, offer.line, offer.price):
        return (
            f"froze {stake.market} {stake.line} at {stake.price},"
            f" on offer was {offer.market} {offer.line} at {offer.price}"
        )
    if stake.stake < rules.stake_min or (rules.stake_max is not None and stake.stake > rules.stake_max):
        return f"stakes {stake.stake} credits, which the rules do not take"
    if not 100 <= abs(stake.price) <= rules.price_max:
        return f"is taken at a price of {stake.price}, which the rules do not take"
    if stake.potential_payout != payout(stake.stake, stake.price):
        return f"promises {stake.potential_payout} credits, not {payout(stake.stake, stake.price)}"
    return None


def _finding(fact: Fact, text: str) -> Finding:
    return Finding("gate", fact.token, text)
