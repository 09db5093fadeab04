"""The gates: each stake was on offer at its place in the log, and its terms are those of the offer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from ledger.aggregate import LedgerError
from ledger.auditing.board import Board
from ledger.auditing.findings import Check, Finding
from ledger.events import Event, StakePlaced
from ledger.facts import Fact
from ledger.game import Game, Offer, UnknownGame
from ledger.instants import Instant
from ledger.odds import payout
from ledger.rules import Rules


class Gates(Check):
    """Asks the board, at the stake's place and time, what the stake names."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (StakePlaced,)

    def __init__(self, board: Board) -> None:
        self._board = board
        # What stakes were offered, by quote and outcome, since anything happened on the board.
        self._offers: dict[tuple[int, str], tuple[Game, Offer]] = {}
        self._taken = 0

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Take the next stake."""
        stake = fact.event
        assert isinstance(stake, StakePlaced)
        try:
            wrong = _wrong(stake, self._offer(stake, fact.at), self._board.week.rules)
        except LedgerError as refusal:
            wrong = str(refusal)
        return () if wrong is None else [Finding("gate", fact.token, wrong)]

    def _offer(self, stake: StakePlaced, at: Instant) -> Offer:
        """Return what the stake would freeze here and now; raises LedgerError where it may not be placed.

        What is on offer changes with the board, and ends with the game's start.
        """
        if self._taken != self._board.taken:
            self._taken = self._board.taken
            self._offers.clear()
        key = (stake.odds_id.int, stake.outcome)
        game, offer = self._offers.get(key, (None, None))
        if game is not None and offer is not None and _names(stake, offer) and at < game.starts_at:
            return offer
        game, week = self._board.game(stake.game_id), self._board.week
        if game is None:
            raise UnknownGame(f"game {stake.game_id} is not listed")
        if week.grouped is None or week.closed is not None:
            week.require_betting()
        offer = game.offer(market_id=stake.market_id, odds_id=stake.odds_id, outcome=stake.outcome, at=at)
        self._offers[key] = game, offer
        return offer


def _names(stake: StakePlaced, offer: Offer) -> bool:
    """Say whether a stake, which names the quote and outcome of an offer, names its market and its game as well."""
    return stake.market_id.int == offer.market_id.int and stake.game_id.int == offer.game_id.int


def _wrong(stake: StakePlaced, offer: Offer, rules: Rules) -> str | None:
    if stake.market != offer.market or stake.line != offer.line or stake.price != offer.price:
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
