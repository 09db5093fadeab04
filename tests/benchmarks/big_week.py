"""A whole week of as many events as are asked for, played by the real ledger, feed, settler and deadlines.

A hundred entries a pool place about 48 bets each on 16 games. Lines move, one game is cancelled, one result is
corrected after it was settled, some entries lose all and buy back, some players withdraw before the draw. Time stands
still while players bet, and one thread asks for everything: the log is the same bytes each time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from ledger import paying
from ledger.betting import place_bet
from ledger.datastore import Datastore
from ledger.enrolment import withdraw
from ledger.game import Quote
from ledger.ids import market_id
from ledger.odds import line_text
from ledger.rules import Prize, Rules
from ledger.weeks import ends_at
from tests.examples import WEEK, at
from tests.feeds.small_week import PLAYERS, THREE_WAY, SmallWeek

Progress = Callable[[int, int], None]

EVENTS_AN_ENTRY: Final = 100
BETS_IN_FLIGHT: Final = 2_000
RULES: Final = Rules(prizes=tuple(Prize(rank=rank, amount_cents=cents) for rank, cents in ((1, 5_000), (2, 2_500))))
SOCCER: Final = "g03"
CANCELLED: Final = "g02"
CORRECTED: Final = "g01"
LOST: Final = "g00"
STARTS: Final = (
    *("Wed 19:00", "Thu 20:15", "Fri 19:00", "Sat 10:00", "Sat 16:00"),
    *("Sun 13:00",) * 6,
    *("Sun 16:25",) * 3,
    *("Sun 20:20",) * 2,
)
LENGTH: Final = timedelta(hours=3)
# A bet is a stake and what becomes of it; corrections, chunks and the feed add a little.
EVENTS_A_BET: Final = 2.03


class OnOffer(NamedTuple):
    """An outcome that a bet may name."""

    market_id: UUID
    odds_id: UUID
    outcome: str


class BigWeek:
    """The plan of a week of at least so many events, and its play."""

    def __init__(self, datastore: Datastore, *, events: int, seed: int = 1) -> None:
        self.playing = SmallWeek(datastore)
        self._chance = random.Random(seed)
        self._players = [f"player {number}" for number in range(max(4, events // EVENTS_AN_ENTRY))]
        self._rounds = max(1, -int(-(events - 3 * len(self._players)) / EVENTS_A_BET // len(self._players)))
        self._starts = {f"g{number:02}": at(start) for number, start in enumerate(STARTS)}
        self._entries: list[UUID] = []
        # These stake all they have on one game, and wait for their buy-back when they have lost it.
        self._bust = set(range(0, len(self._players), 500))
        numbers = count(1)
        self.playing.ledger.new_id = lambda: uuid5(PLAYERS, f"entry {next(numbers)}")

    def play(self, progress: Progress = lambda done, total: None) -> None:
        """Play it from its opening until it is final, with all projections at its end."""
        self._open()
        agenda = sorted([*self._betting(), *self._feed()], key=lambda item: item[0])
        for number, (instant, happen) in enumerate(agenda, start=1):
            self.playing.live_until(instant)
            happen()
            progress(number, len(agenda))
        self.playing.live_until(ends_at(WEEK) + timedelta(hours=73))
        assert self.playing.state() == "final"

    def close(self) -> None:
        """Stop the desks; raises AssertionError where one of them died."""
        self.playing.close()

    def _open(self) -> None:
        week, leavers = self.playing, [f"leaver {number}" for number in range(len(self._players) // 100)]
        week.open(WEEK, *self._players, *leavers, rules=RULES)
        for player in leavers:
            withdraw(week.ledger, player_id=uuid5(PLAYERS, player), week=WEEK, request=f"{player} withdraws")
        week.live_until(at("Mon 12:00"))
        self._entries = [week.entry(player) for player in self._players]
        for name, starts in self._starts.items():
            if name == SOCCER:
                week.game(name, starts, league="EPL", home="ARS", away="CHE")
                week.quote(name, "moneyline", **THREE_WAY)
            else:
                week.listed(name, starts)

    def _betting(self) -> Iterator[tuple[datetime, Callable[[], None]]]:
        first, last = at("Mon 13:00"), at("Sun 19:00")
        for number in range(self._rounds):
            yield first + number * (last - first) / self._rounds, partial(self._bet, number)

    def _feed(self) -> Iterator[tuple[datetime, Callable[[], object]]]:
        week = self.playing
        for name, starts in self._starts.items():
            if name == CANCELLED:
                yield starts - timedelta(hours=1), partial(week.status, name, "cancelled")
                continue
            home, away = self._chance.randrange(45), self._chance.randrange(45)
            if name == LOST:
                home, away = 10, 20
            yield starts + LENGTH, partial(week.result, name, home, away, **_regulation(name))
            if name == CORRECTED:
                yield starts + timedelta(hours=12), partial(week.result, name, away, home, revision=2)
        yield at("Fri 12:00"), self._buy_back

    def _bet(self, number: int) -> None:
        """Let every entry bet once, at one instant."""
        if number % 4 == 3:
            self._move_lines()
        offers, flying = list(self._offers()), []
        for player, entry in enumerate(self._entries):
            if player in self._bust and number == 0:
                flying.append(self._place(entry, number, self._first_offer(LOST), 1_000))
            elif player not in self._bust:
                flying.append(self._place(entry, number, self._chance.choice(offers), self._chance.randint(5, 20)))
            if len(flying) == BETS_IN_FLIGHT:
                _landed(flying)
        _landed(flying)

    def _place(self, entry: UUID, number: int, offer: OnOffer, stake: int) -> Future[Any]:
        return place_bet(
            self.playing.ledger, week=WEEK, entry=entry, stake=stake, key=f"bet {number}", **offer._asdict()
        )

    def _offers(self) -> Iterator[OnOffer]:
        for name in self._upcoming():
            game = self.playing.on_board(name)
            for market, each in game.markets.items():
                if game.suspended is None and each.quote is not None:
                    yield from _outcomes(market_id(game.id, market), each.quote)

    def _first_offer(self, name: str) -> OnOffer:
        quote = self.playing.on_offer(name, "moneyline")
        return next(_outcomes(market_id(self.playing.listing(name).game_id, "moneyline"), quote))

    def _upcoming(self) -> list[str]:
        return [name for name, starts in self._starts.items() if starts > self.playing.clock() and name != CANCELLED]

    def _move_lines(self) -> None:
        for name in self._upcoming():
            if name != SOCCER:
                self.playing.quote(name, "spread", line=line_text(self._chance.randrange(-20, 20)))
                self.playing.quote(name, "total", prices={"over": -100 - self._chance.randrange(30), "under": -110})

    def _buy_back(self) -> None:
        for player in sorted(self._bust):
            paying.buy_back(
                self.playing.ledger,
                entry=self._entries[player],
                week=WEEK,
                payment_id=uuid5(PLAYERS, f"payment {player}"),
                paid_at=at("Fri 11:00"),
                request=f"payment {player}",
            )
        self._bust.clear()


def _outcomes(market: UUID, quote: Quote) -> Iterator[OnOffer]:
    for outcome in quote.prices:
        yield OnOffer(market, quote.odds_id, outcome)


def _regulation(name: str) -> dict[str, Any]:
    return {"regulation": {"home": 1, "away": 1}} if name == SOCCER else {}


def _landed(flying: list[Future[Any]]) -> None:
    for bet in flying:
        bet.result()
    flying.clear()
