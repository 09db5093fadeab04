"""Players, who ask any process for bets and keep a journal: what they were told, and what they were not told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from ledger import enrolment, paying
from ledger.aggregate import LedgerError
from ledger.betting import place_bet
from ledger.deciding import RowThere
from ledger.events import EntryEnrolled
from ledger.facts import Fact
from ledger.ids import bet_id
from ledger.payment import BUY_BACK
from ledger.recorder import Row
from tests.simulation.client import Client
from tests.simulation.model import Model
from tests.simulation.provider import CURRENCY, PRICE_CENTS, Provider
from tests.simulation.scheduler import Signal
from tests.simulation.service import Process
from tests.simulation.story import AROUND

PLAYERS: Final = UUID(int=0xF1A7E5)
SENT_TWICE: Final = 0.2
ASKS_AGAIN: Final = 0.5
ASKS_OF_SETTLED: Final = 0.25
THINKS: Final = 0.5
THINKS_SECONDS: Final = 15.0
BUYS_BACK: Final = 0.05
BUYS_BACK_BUST: Final = 0.8
PAYS_WITHIN_SECONDS: Final = 600.0
AT_ONCE_MAX: Final = 3
LINGERED_MAX: Final = 12
# Some stake a little at a time, some all that they have.
CAREFUL: Final = (*[(1, 150)] * 8, (1000, 1001))
RECKLESS: Final = ((1000, 1000), (1000, 1000), (400, 600))
STAKES: Final = (CAREFUL, CAREFUL, RECKLESS)


class Offer(NamedTuple):
    """What a player saw on the board."""

    market_id: UUID
    odds_id: UUID
    outcome: str


@dataclass
class Wish:
    """A bet that a player wants, and all answers to it: facts, and codes of refusals."""

    entry: UUID
    offer: Offer
    stake: int
    key: str
    placed: list[Fact] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def bet_id(self) -> UUID:
        """The bet's id."""
        return bet_id(self.entry, self.key)


@dataclass
class Journal:
    """What all players were told, kept where no crash comes: their entries, and what they wished for."""

    entries: dict[str, UUID] = field(default_factory=dict)
    wishes: list[Wish] = field(default_factory=list)


class Player:
    """One player, who acts at times that are drawn; `busy` counts what is done beside."""

    def __init__(
        self, client: Client, provider: Provider, name: str, journal: Journal, *, week: str, model: Model, news: Signal
    ) -> None:
        self._client = client
        self._provider = provider
        self._random = client.scheduler.random
        self._name = name
        self._journal = journal
        self._week = week
        self._model = model
        self._news = news
        self._stakes = self._random.choice(STAKES)
        self._wishes: list[Wish] = []
        self._has_paid = False
        self.busy = 0

    def play(self, moments: Sequence[float]) -> None:
        """Enrol, bet around some moments, given in seconds, and follow their settlement to its end."""
        scheduler = self._client.scheduler
        self._enrol()
        for moment in moments:
            scheduler.sleep(max(0.0, moment + self._random.choice(AROUND) - scheduler.now))
            for _ in range(self._random.randint(1, AT_ONCE_MAX)):
                self._at_once(self._bet)
            if self._wishes and self._random.random() < ASKS_AGAIN:
                self._ask(self._random.choice(self._wishes))
            self._perhaps_buy_back()
        while self._model.state != "final":
            self._await_settlement()

    def _await_settlement(self) -> None:
        """Wait until more bets are settled; in the midst of it, ask for some again, and perhaps buy back."""
        scheduler, heard = self._client.scheduler, self._model.settling
        scheduler.wait(lambda: self._model.settling > heard or self._model.state == "final", self._news)
        for wish in self._wishes:
            if wish.placed and self._random.random() < ASKS_OF_SETTLED:
                self._at_once(partial(self._ask_slowly, wish))
        self._perhaps_buy_back()
        if self._has_paid and self._model.state == "grouped":
            self._at_once(self._bet)

    def _at_once(self, act: Callable[[], None]) -> None:
        """Do something beside all else."""

        def run() -> None:
            act()
            self.busy -= 1

        self.busy += 1
        self._client.scheduler.start("players", f"{self._name} {self.busy}", run)

    def _bet(self) -> None:
        """Look at the board, think, and place a bet."""
        wish = self._wish()
        if wish is not None:
            if self._random.random() < THINKS:
                self._client.scheduler.sleep(self._random.random() * THINKS_SECONDS)
            self._place(wish)

    def _ask_slowly(self, wish: Wish) -> None:
        self._client.scheduler.linger(self._random.randint(0, LINGERED_MAX))
        self._ask(wish)

    def _perhaps_buy_back(self) -> None:
        """Buy back where that can be had, mostly; at times where it cannot."""
        is_bust = self._model.is_bust(str(self._journal.entries[self._name]))
        if self._random.random() < (BUYS_BACK_BUST if is_bust else BUYS_BACK):
            self._buy_back()

    def _enrol(self) -> None:
        def enrol(process: Process) -> UUID:
            player_id, request = uuid5(PLAYERS, self._name), f"{self._name} enrols"
            fact = enrolment.enrol(process.ledger, player_id=player_id, week=self._week, via="free", request=request)
            assert isinstance(fact.event, EntryEnrolled)
            return fact.event.entry

        self._journal.entries[self._name] = self._client.insist(enrol)

    def _wish(self) -> Wish | None:
        """Draw a bet on what is on the board."""
        board = self._client.insist(lambda process: _board(process, self._week))
        if not board:
            return None
        offer, stake = self._random.choice(board), self._random.randint(*self._random.choice(self._stakes))
        key = f"{self._name}-{len(self._wishes)}"
        wish = Wish(self._journal.entries[self._name], offer, stake, key)
        self._wishes.append(wish)
        self._journal.wishes.append(wish)
        return wish

    def _buy_back(self) -> None:
        """Pay for a buy-back, whether it will be granted or not: a player may have paid before they were not bust."""
        payment_id, entry = UUID(int=self._random.getrandbits(128), version=4), self._journal.entries[self._name]
        row = Row("checkouts", {"payment_id": payment_id})

        def open_checkout(process: Process) -> None:
            paying.open_payment(
                process.ledger,
                payment_id=payment_id,
                kind=BUY_BACK,
                week=self._week,
                entry=entry,
                amount_cents=PRICE_CENTS,
                currency=CURRENCY,
                request=str(payment_id),
                row=row,
            ).result()

        with suppress(RowThere):
            self._client.insist(open_checkout)
        self._provider.open(payment_id, week=self._week, entry=entry)
        self._client.scheduler.sleep(self._random.random() * PAYS_WITHIN_SECONDS)
        self._provider.pay(payment_id, self._client.scheduler.clock())
        self._has_paid = True

    def _place(self, wish: Wish) -> None:
        """Ask until there is an answer; at times send the same request twice at once, as a proxy may."""
        if self._random.random() < SENT_TWICE:
            self._at_once(partial(self._ask, wish))
        self._ask(wish)

    def _ask(self, wish: Wish) -> None:
        def place(process: Process) -> Fact:
            return place_bet(
                process.ledger,
                week=self._week,
                entry=wish.entry,
                market_id=wish.offer.market_id,
                odds_id=wish.offer.odds_id,
                outcome=wish.offer.outcome,
                stake=wish.stake,
                key=wish.key,
            ).result()

        try:
            wish.placed.append(self._client.insist(place))
        except LedgerError as refusal:
            wish.refused.append(refusal.code)


def _board(process: Process, week: str) -> Sequence[Offer]:
    """Return what can be bet on, or what could be where that is nothing any more."""
    asked = process.ledger.desk(week).ask(lambda on: on.games(), actor="player", request="look")
    quoted = [(game, market) for game in asked.result() for market in game.markets.values() if market.quote]
    takes_bets = [(game, market) for game, market in quoted if game.stopped(market, at=process.clock()) is None]
    return [
        Offer(market.market_id, market.quote.odds_id, outcome)
        for _, market in takes_bets or quoted
        if market.quote is not None
        for outcome in market.quote.prices
    ]
