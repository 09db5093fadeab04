"""Players, who ask any process for bets and keep a journal: what they were told, and what they were not told."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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
from tests.simulation.provider import CURRENCY, PRICE_CENTS, Provider
from tests.simulation.service import Process

PLAYERS: Final = UUID(int=0xF1A7E5)
SENT_TWICE: Final = 0.2
ASKS_AGAIN: Final = 0.5
BUYS_BACK: Final = 0.3
PAYS_WITHIN_SECONDS: Final = 600.0
AROUND: Final = (-10.0, -1.0, 0.0, 0.0, 0.0, 1.0, 600.0)


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
    """One player, who acts at times that are drawn."""

    def __init__(self, client: Client, provider: Provider, name: str, journal: Journal, *, week: str) -> None:
        self._client = client
        self._provider = provider
        self._random = client.scheduler.random
        self._name = name
        self._journal = journal
        self._week = week
        self._wishes: list[Wish] = []

    def play(self, moments: Sequence[float], later: Sequence[float]) -> None:
        """Enrol, bet around some moments, given in seconds, and ask for some bets again at `later` ones."""
        scheduler = self._client.scheduler
        self._enrol()
        for number, moment in enumerate(moments):
            scheduler.sleep(max(0.0, moment + self._random.choice(AROUND) - scheduler.now))
            if self._wishes and self._random.random() < ASKS_AGAIN:
                self._ask(self._random.choice(self._wishes))
            wish = self._wish(f"{self._name}-{number}")
            if wish is not None:
                self._wishes.append(wish)
                self._journal.wishes.append(wish)
                self._place(wish)
            if self._random.random() < BUYS_BACK:
                self._buy_back()
        for moment in later:
            scheduler.sleep(max(0.0, moment - scheduler.now))
            if self._wishes:
                self._ask(self._random.choice(self._wishes))

    def _enrol(self) -> None:
        def enrol(process: Process) -> UUID:
            player_id, request = uuid5(PLAYERS, self._name), f"{self._name} enrols"
            fact = enrolment.enrol(process.ledger, player_id=player_id, week=self._week, via="free", request=request)
            assert isinstance(fact.event, EntryEnrolled)
            return fact.event.entry

        self._journal.entries[self._name] = self._client.insist(enrol)

    def _wish(self, key: str) -> Wish | None:
        """Draw a bet on what is on the board."""
        board = self._client.insist(lambda process: _board(process, self._week))
        if not board:
            return None
        entry = self._journal.entries[self._name]
        stake = self._random.choice((*(self._random.randint(1, 150) for _ in range(8)), 1000, 1001))
        return Wish(entry, self._random.choice(board), stake, key)

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

    def _place(self, wish: Wish) -> None:
        """Ask until there is an answer; at times send the same request twice at once, as a proxy may."""
        if self._random.random() < SENT_TWICE:
            self._client.scheduler.start("players", f"{wish.key} again", lambda: self._ask(wish))
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
