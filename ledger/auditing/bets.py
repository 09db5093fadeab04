"""The bets of a week in columns: some 150 bytes a bet, so that a week of half a million stays small.

A bet is known by its number here, 0 for the first that was placed. None can be dropped before the week is final, as
a correction may still come to any.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from ledger.events import StakePlaced
from ledger.facts import Fact
from ledger.game import Offer
from ledger.grading import Terms
from ledger.instants import Instant

if TYPE_CHECKING:
    from ledger.auditing.books import Account

OUTCOMES: Final = ("open", "won", "lost", "push", "void")
_CODES: Final = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_EPOCH: Final = Instant.parse("1970-01-01T00:00:00Z")
_MICROSECOND: Final = timedelta(microseconds=1)


def microseconds_of(moment: datetime) -> int:
    """Return an aware time as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


class Bets:
    """Bets by number: whose, on what terms, placed where and when, and how they stand.

    `microseconds` has the time of each as `microseconds_of` does. Bets on the same outcome of the same quote share one
    object in `offers`.
    """

    def __init__(self) -> None:
        self.accounts: list[Account] = []
        self.offers: list[Offer] = []
        self.stakes = array("q")
        self.positions = array("q")
        self.payouts = array("q")
        self.resolutions = array("q")
        self.microseconds = array("q")
        self._outcomes = bytearray()
        self._numbers: dict[int, int] = {}
        self._games: dict[int, array[int]] = {}
        self._known: dict[tuple[int, str], Offer] = {}
        # What was asked for last: more than one check asks for it.
        self._found: tuple[UUID | None, int | None] = (None, None)
        self._frozen: tuple[StakePlaced | None, Offer | None] = (None, None)
        # The stakes of one append share their time.
        self._last = (_EPOCH, 0)

    def __len__(self) -> int:
        return len(self.stakes)

    def find(self, bet_id: UUID) -> int | None:
        """Return the number of a bet."""
        known, number = self._found
        if known is not bet_id:
            # The number behind a UUID is hashed and compared without calling Python.
            number = self._numbers.get(bet_id.int)
            self._found = bet_id, number
        return number

    def place(self, fact: Fact, event: StakePlaced, account: Account) -> bool:
        """Add a bet, and return whether it was not known yet."""
        bet_id, number = event.bet_id.int, len(self.stakes)
        if bet_id in self._numbers:
            return False
        self._numbers[bet_id] = number
        self._found = event.bet_id, number
        self.accounts.append(account)
        self.offers.append(self.offer(event))
        self.stakes.append(event.stake)
        self.positions.append(fact.position)
        self.payouts.append(0)
        self.resolutions.append(0)
        at = fact.at
        if at is not self._last[0]:
            self._last = (at, microseconds_of(at))
        self.microseconds.append(self._last[1])
        self._outcomes.append(0)
        game = self._games.get(event.game_id.int)
        if game is None:
            game = self._games[event.game_id.int] = array("L")
        game.append(number)
        return True

    def resolve(self, number: int, *, outcome: str, payout: int, resolution: int) -> None:
        """Note how a bet stands from here on."""
        self._outcomes[number] = _CODES.get(outcome, 0)
        self.payouts[number] = payout
        self.resolutions[number] = resolution

    def outcome(self, number: int) -> str:
        """Return how a bet stands: open, won, lost, push or void."""
        return OUTCOMES[self._outcomes[number]]

    def terms(self, number: int) -> Terms:
        """Return what a bet is graded by."""
        offer = self.offers[number]
        return Terms(
            market=offer.market,
            outcome=offer.outcome,
            line=offer.line,
            price=offer.price,
            stake=self.stakes[number],
            recorded_at=self.recorded_at(number),
        )

    def recorded_at(self, number: int) -> datetime:
        """Return when a bet was placed."""
        return _EPOCH + timedelta(microseconds=self.microseconds[number])

    def of_game(self, game_id: UUID) -> array[int]:
        """Return the numbers of a game's bets, in order of position."""
        return self._games.get(game_id.int) or array("L")

    def by_outcome(self) -> Counter[str]:
        """Return how many bets stand at each outcome."""
        return Counter({outcome: self._outcomes.count(code) for code, outcome in enumerate(OUTCOMES)})

    def open(self) -> Iterator[int]:
        """Yield the numbers of the bets that are not resolved."""
        return (number for number, code in enumerate(self._outcomes) if code == 0)

    def offer(self, event: StakePlaced) -> Offer:
        """Return the terms that a stake froze: one object for all bets on the same outcome of the same quote."""
        asked, offer = self._frozen
        if asked is not event or offer is None:
            offer = self._offer(event)
            self._frozen = event, offer
        return offer

    def _offer(self, event: StakePlaced) -> Offer:
        key = (event.odds_id.int, event.outcome)
        known = self._known.get(key)
        if known is not None and (
            known.price == event.price
            and known.line == event.line
            and known.market == event.market
            and known.market_id.int == event.market_id.int
            and known.game_id.int == event.game_id.int
        ):
            return known
        offer = Offer(
            event.game_id, event.market_id, event.odds_id, event.market, event.outcome, event.line, event.price
        )
        return self._known.setdefault(key, offer) if known is None else offer
