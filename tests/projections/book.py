"""A valid log, written fact by fact: the balances, versions and positions follow from what is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from ledger import events
from ledger.facts import Fact
from ledger.ids import (
    game_id,
    market_id,
    odds_id,
    pool_id,
    purchase_stream,
    registration_stream,
    settlement_stream,
    week_stream,
)
from ledger.instants import Instant
from ledger.odds import payout
from ledger.recorder import Batch, LogRecorder
from ledger.rules import Rules, rules_hash
from projections.projection import Projection
from projections.rows import Rows

START = Instant(2026, 11, 16, 5, tzinfo=UTC)
KICK_OFF = Instant(2026, 11, 19, 1, 15, tzinfo=UTC)
# How many kinds of moves `random_week` knows.
KINDS_OF_MOVES = 19


class Book:
    """Facts of one week's log, in order; `facts` grows with each call. Times are a second apart."""

    def __init__(self, log: str = "2026-W47") -> None:
        self.log = log
        self.week = log.partition(".")[0]
        self.facts: list[Fact] = []
        self.available: dict[UUID, int] = {}
        self.bets: dict[UUID, tuple[UUID, events.StakePlaced]] = {}
        self.outcomes: dict[UUID, tuple[str, int]] = {}
        self.passes: list[int] = []
        self.withdrawn: list[int] = []
        self.winners: set[UUID] = set()
        self._versions: Counter[UUID] = Counter()
        self._appended = 0

    def add(self, stream: UUID, event: events.Event) -> Fact:
        """Write an event as its stream's next."""
        self._versions[stream] += 1
        fact = Fact(
            log=self.log,
            stream=stream,
            version=self._versions[stream],
            event=event,
            actor="test",
            request=f"request {len(self.facts)}",
            position=len(self.facts) + 1,
            recorded_at=Instant.of(START + timedelta(seconds=len(self.facts))),
        )
        self.facts.append(fact)
        return fact

    def week_event(self, event: events.Event) -> Fact:
        return self.add(week_stream(self.week), event)

    def open_week(self, rules: Rules | None = None) -> Fact:
        rules = rules or Rules()
        return self.week_event(
            events.WeekOpened(
                ends_at=Instant.of(START + timedelta(days=7)),
                rules=rules,
                rules_hash=rules_hash(rules),
                seed_commitment="c0",
                starts_at=START,
                week=self.week,
            )
        )

    def entry(self, number: int) -> UUID:
        return uuid5(week_stream(self.week), f"entry {number}")

    def pool(self, name: str) -> UUID:
        return pool_id(self.week, name)

    def enrol(self, number: int) -> Fact:
        entry = self.entry(number)
        enrolled = events.EntryEnrolled(entry=entry, payment_id=None, rules_hash="r0", via="free")
        return self.add(registration_stream(entry), enrolled)

    def withdraw(self, number: int) -> Fact:
        return self.add(registration_stream(self.entry(number)), events.EntryWithdrawn(reason="player"))

    def payment(self, number: int) -> UUID:
        """Return the id of the payment that an entry is bought with, or whatever else it is for."""
        return uuid5(week_stream(self.week), f"payment {number}")

    def buy_pass(self, number: int) -> Fact:
        """Enrol an entry by the payment of its number; returns the PaymentAccepted."""
        self.enrol(number)
        return self.accept(number, kind="weekly_pass")

    def accept(self, number: int, *, kind: str = "buy_back", entry: UUID | None = None) -> Fact:
        payment = self.payment(number)
        accepted = events.PaymentAccepted(entry=entry or self.entry(number), kind=kind, payment_id=str(payment))
        return self.add(purchase_stream(payment), accepted)

    def refuse(self, number: int, *, kind: str = "weekly_pass", reason: str = "late") -> Fact:
        payment = self.payment(number)
        refused = events.PaymentRefused(kind=kind, payment_id=str(payment), reason=reason)
        return self.add(purchase_stream(payment), refused)

    def award(self, entry: UUID, amount_cents: int = 5000, *, rank: int = 1) -> Fact:
        self.winners.add(entry)
        return self.add(entry, events.PrizeAwarded(amount_cents=amount_cents, currency="usd", rank=rank))

    def draw(self, sizes: Mapping[str, int]) -> list[UUID]:
        """Freeze, draw, open and grant, and group: pools of some sizes by name; returns all entries."""
        entries = [self.entry(number) for number in range(sum(sizes.values()))]
        self.week_event(events.RosterFrozen(beacon=None, position=len(self.facts), roster_hash="h0", size=len(entries)))
        self.draw_pools(sizes)
        places = iter(entries)
        for name, size in sizes.items():
            for _ in range(size):
                self.open_account(next(places), name)
        self.week_event(events.WeekGrouped())
        return entries

    def draw_pools(self, sizes: Mapping[str, int]) -> Fact:
        pools = tuple(events.DrawnPool(name=name, pool_id=self.pool(name), size=size) for name, size in sizes.items())
        return self.week_event(
            events.PoolsDrawn(algorithm="test", pools=pools, randomness="", seed="5eed", signature="")
        )

    def open_account(self, entry: UUID, pool: str, grant: int = 1000) -> None:
        self.available[entry] = grant
        self.add(entry, events.AccountOpened(pool_id=self.pool(pool), pool_name=pool))
        self.add(entry, events.CreditsGranted(amount=grant, available=grant))

    def list_game(self, name: str, *, starts_at: datetime = KICK_OFF, listing: int = 1) -> UUID:
        game = game_id(self.week, "feed", name, listing)
        self.add(
            game,
            events.GameScheduled(
                away="CIN",
                external_id=name,
                home="BAL",
                league="NFL",
                source="feed",
                starts_at=Instant.of(starts_at),
            ),
        )
        return game

    def quote(
        self, game: UUID, market: str = "moneyline", *, line: str | None = None, prices: dict[str, int] | None = None
    ) -> events.MarketQuoted:
        """Put a quote on offer; each has a time, and so an id, of its own."""
        at = Instant.of(START + timedelta(seconds=len(self.facts)))
        key = market_id(game, market)
        quoted = events.MarketQuoted(
            at=at,
            line=line,
            market=market,
            market_id=key,
            odds_id=odds_id(key, "feed", at),
            prices=prices or {"home": -140, "away": 120},
            source="feed",
        )
        self.add(game, quoted)
        return quoted

    def stake(self, entry: UUID, game: UUID, amount: int, *, price: int = 120) -> UUID:
        """Place a bet on the away team to win; returns its id."""
        bet = uuid5(entry, f"bet {len(self.facts)}")
        self.available[entry] -= amount
        placed = events.StakePlaced(
            available=self.available[entry],
            bet_id=bet,
            game_id=game,
            line=None,
            market="moneyline",
            market_id=market_id(game, "moneyline"),
            odds_id=odds_id(market_id(game, "moneyline"), "feed", START),
            outcome="away",
            potential_payout=payout(amount, price),
            price=price,
            stake=amount,
        )
        self.bets[bet] = entry, placed
        self.add(entry, placed)
        return bet

    def win(self, bet: UUID, resolution: int = 1) -> Fact:
        entry, placed = self.bets[bet]
        available = self._pay(bet, "won", placed.potential_payout)
        won = events.BetWon(available=available, bet_id=bet, payout=placed.potential_payout, resolution=resolution)
        return self.add(entry, won)

    def lose(self, bet: UUID, resolution: int = 1) -> Fact:
        entry, _ = self.bets[bet]
        available = self._pay(bet, "lost", 0)
        return self.add(entry, events.BetLost(available=available, bet_id=bet, resolution=resolution))

    def give_back(self, bet: UUID, reason: str = "push", resolution: int = 1) -> Fact:
        entry, placed = self.bets[bet]
        available = self._pay(bet, "push" if reason == "push" else "void", placed.stake)
        returned = events.StakeReturned(
            amount=placed.stake, available=available, bet_id=bet, reason=reason, resolution=resolution
        )
        return self.add(entry, returned)

    def correct(self, bet: UUID, outcome: str, *, resolution: int = 2, reason: str = "result") -> Fact:
        entry, placed = self.bets[bet]
        before, paid = self.outcomes[bet]
        amount = {"won": placed.potential_payout, "lost": 0}.get(outcome, placed.stake)
        available = self._pay(bet, outcome, amount, before=paid)
        return self.add(
            entry,
            events.PayoutCorrected(
                available=available,
                bet_id=bet,
                from_outcome=before,
                from_payout=paid,
                reason=reason,
                resolution=resolution,
                to_outcome=outcome,
                to_payout=amount,
            ),
        )

    def buy_back(self, entry: UUID, amount: int = 1000) -> Fact:
        self.available[entry] += amount
        bought = events.BoughtBack(amount=amount, available=self.available[entry], payment_id="pay 1")
        return self.add(entry, bought)

    def result(self, game: UUID, *, resolution: int | None = 1, **changes: Any) -> Fact:
        """Record an official 21:20, unless told otherwise."""
        said: dict[str, Any] = {
            "applied": True,
            "away_score": 20,
            "certainty": "official",
            "game_id": game,
            "home_score": 21,
            "regulation": None,
            "resolution": resolution,
            "revision": len(self.facts),
            "source": "feed",
            "status": "final",
        }
        return self.add(settlement_stream(game), events.ResultRecorded(**(said | changes)))

    def append_to(self, recorder: LogRecorder, facts: int | None = None) -> None:
        """Append what is not in the log yet, or the next few of it, opening the log where it is not."""
        recorder.create_table()
        until = len(self.facts) if facts is None else self._appended + facts
        news = self.facts[self._appended : until]
        if news:
            batch = Batch(known=self._appended, now=news[-1].at, facts=[(1, fact) for fact in news])
            assert not recorder.append(batch).left_out
        self._appended += len(news)

    def _pay(self, bet: UUID, outcome: str, amount: int, before: int = 0) -> int:
        entry, _ = self.bets[bet]
        self.available[entry] += amount - before
        self.outcomes[bet] = outcome, amount
        return self.available[entry]


def fold(projection: Projection, facts: Iterable[Fact]) -> Rows:
    """Fold facts from nothing, without a database."""
    rows = Rows()
    projection.fold(rows, facts)
    return rows


def random_week(log: str, moves: Sequence[tuple[int, int, int]]) -> Book:
    """A valid log that takes each `move` (what, on which of them, how much) as far as it is possible by then."""
    book = Book(log)
    book.open_week()
    for number in range(4):
        book.enrol(number)
    book.withdraw(3)
    entries = book.draw({"A": 2, "B": 1})
    games = [book.list_game("one"), book.list_game("two")]
    resolutions: Counter[UUID] = Counter()
    for what, which, much in moves:
        _move(book, entries, games, resolutions, what % KINDS_OF_MOVES, which, much)
        _money_move(book, entries, what % KINDS_OF_MOVES, which, much)
    return book


def _money_move(book: Book, entries: list[UUID], what: int, which: int, much: int) -> None:
    number = 1000 + len(book.facts)
    winner = entries[which % len(entries)]
    match what:
        case 15:
            book.buy_pass(number)
            book.passes.append(number)
        case 16 if len(book.passes) > 1:
            book.withdrawn.append(book.passes.pop(which % len(book.passes)))
            book.withdraw(book.withdrawn[-1])
            if much % 2:
                book.enrol(book.withdrawn[-1])
        case 17 if len(book.withdrawn) > 1 and much % 3:
            book.refuse(book.withdrawn.pop(which % len(book.withdrawn)), reason="withdrawn")
        case 17:
            book.refuse(number)
        case 18 if winner not in book.winners:
            book.award(winner, much)


def _move(
    book: Book, entries: list[UUID], games: list[UUID], resolutions: Counter[UUID], what: int, which: int, much: int
) -> None:
    entry, game = entries[which % len(entries)], games[which % len(games)]
    market = market_id(game, ("moneyline", "spread", "total")[much % 3])
    bet = list(book.bets)[which % len(book.bets)] if book.bets else None
    match what:
        case 0 | 1 | 2 if book.available[entry] > 0:
            book.stake(entry, game, 1 + much % book.available[entry])
        case 3 if bet is not None and bet not in book.outcomes:
            (book.win, book.lose, book.give_back)[much % 3](bet)
        case 4 if bet is not None and bet in book.outcomes:
            book.correct(bet, ("won", "lost", "push", "void")[much % 4])
        case 5:
            resolutions[game] += 1
            book.result(game, resolution=resolutions[game], home_score=much)
        case 6 if resolutions[game]:
            chunk = events.ChunkSettled(bets=much, from_=1, paid=much, resolution=resolutions[game], to=2)
            book.add(settlement_stream(game), chunk)
        case 7:
            book.quote(game, ("moneyline", "spread", "total")[much % 3])
        case 8:
            book.add(game, events.MarketSuspended(market_id=market if much % 2 else None, why="feed"))
        case 9:
            book.add(game, events.MarketReopened(market_id=market if much % 2 else None, why="feed"))
        case 10:
            locked = events.GameLocked(started_at=None, why="start")
            book.add(game, locked if much % 2 else events.GameUnlocked(why="mistake"))
        case 11:
            late = book.entry(100 + len(book.facts))
            entries.append(late)
            book.open_account(late, ("A", "B", "C")[much % 3])
        case 12:
            book.buy_back(entry)
        case 13:
            book.add(game, events.GameRescheduled(starts_at=Instant.of(KICK_OFF + timedelta(minutes=much))))
        case 14:
            book.add(game, events.GameMovedOut(starts_at=Instant.of(KICK_OFF + timedelta(days=7))))
