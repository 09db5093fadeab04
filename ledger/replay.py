"""Replay: the week's books recomputed from the log alone, by double entry, trusting no balance that an event states.

The accounts are those of design §4: issuance, entry, escrow and house, by pool. Every movement is booked twice, so
that in each pool −issuance = available + escrow + house, whatever happened. The prizes are worked out again from the
rules that the week opened with and from the standings that its movements come to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from ledger.events import (
    AccountOpened,
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    PayoutCorrected,
    PrizeAwarded,
    StakePlaced,
    StakeReturned,
    WeekFinalised,
    WeekOpened,
    WeekSettled,
)
from ledger.facts import Fact
from ledger.prizes import awards
from ledger.rules import Rules
from ledger.standings import Standing, rank, standings_hash


@dataclass(slots=True)
class Books:
    """The four balances of a pool, or of all: issuance is negative, house may be."""

    issuance: int = 0
    available: int = 0
    escrow: int = 0
    house: int = 0

    @property
    def is_balanced(self) -> bool:
        """Whether no credit was made or lost."""
        return self.issuance + self.available + self.escrow + self.house == 0


@dataclass(slots=True)
class _Stake:
    entry: UUID
    stake: int
    outcome: str = "open"
    payout: int = 0


@dataclass(slots=True)
class Replay:
    """The fold of a log. `faults` names what does not add up, with positions; an honest log has none."""

    log: str
    position: int = 0
    pool_of: dict[UUID, str] = field(default_factory=dict)
    balances: dict[UUID, int] = field(default_factory=dict)
    books: dict[str, Books] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    standings_hash: str | None = None
    _stakes: dict[UUID, _Stake] = field(default_factory=dict)
    _versions: dict[UUID, int] = field(default_factory=dict)
    _rules: Rules = field(default_factory=Rules)
    _played: set[UUID] = field(default_factory=set)
    _owed: dict[UUID, PrizeAwarded] = field(default_factory=dict)

    def fold(self, facts: Iterable[Fact]) -> Replay:
        """Book facts in order and return this replay."""
        for fact in facts:
            self._continuity(fact)
            self._book(fact)
        return self

    @property
    def total(self) -> Books:
        """The books of all pools together."""
        every = self.books.values()
        return Books(
            sum(books.issuance for books in every),
            sum(books.available for books in every),
            sum(books.escrow for books in every),
            sum(books.house for books in every),
        )

    @property
    def bets(self) -> Counter[str]:
        """How many bets stand at each outcome: open, won, lost, push or void."""
        return Counter(stake.outcome for stake in self._stakes.values())

    def standings(self) -> dict[str, tuple[Standing, ...]]:
        """Return the standings by pool, A to Z before AA."""
        pools = self._pools()
        return {name: rank(pools[name]) for name in sorted(pools, key=lambda name: (len(name), name))}

    def unbalanced(self) -> list[str]:
        """Return the pools whose books do not add up to zero."""
        return [name for name, books in self.books.items() if not books.is_balanced]

    def unawarded(self) -> list[str]:
        """Return what the final standings award and no event does; at the end of a log there is none."""
        return [
            f"entry {entry} of pool {self.pool_of[entry]} is owed {_told(prize)}" for entry, prize in self._owed.items()
        ]

    def _continuity(self, fact: Fact) -> None:
        if fact.position != self.position + 1:
            self.faults.append(f"{fact.token} follows position {self.position}")
        if fact.version != self._versions.get(fact.stream, 0) + 1:
            self.faults.append(f"{fact.token} is version {fact.version} of stream {fact.stream}, not the next")
        self.position = fact.position
        self._versions[fact.stream] = fact.version

    def _book(self, fact: Fact) -> None:
        match fact.event:
            case WeekOpened(rules=rules):
                self._rules = rules
            case AccountOpened(pool_name=name):
                self.pool_of[fact.stream] = name
                self.balances[fact.stream] = 0
                self.books.setdefault(name, Books())
            case CreditsGranted(amount=amount) | BoughtBack(amount=amount):
                self._move(fact, amount)
                self._books(fact).issuance -= amount
            case StakePlaced(bet_id=bet_id, stake=stake):
                self._stakes[bet_id] = _Stake(fact.stream, stake)
                self._move(fact, -stake)
                self._books(fact).escrow += stake
            case BetWon(bet_id=bet_id, payout=payout):
                self._resolve(fact, bet_id, "won", payout)
            case BetLost(bet_id=bet_id):
                self._resolve(fact, bet_id, "lost", 0)
            case StakeReturned(bet_id=bet_id, amount=amount, reason=reason):
                self._resolve(fact, bet_id, "push" if reason == "push" else "void", amount)
            case PayoutCorrected() as event:
                self._correct(fact, event)
            case WeekSettled(standings_hash=claimed):
                self._compare_standings(fact, claimed)
            case WeekFinalised(standings_hash=claimed):
                self._compare_standings(fact, claimed)
                self._owe_prizes()
            case PrizeAwarded() as event:
                self._award(fact, event)

    def _resolve(self, fact: Fact, bet_id: UUID, outcome: str, payout: int) -> None:
        stake = self._stakes[bet_id]
        if stake.outcome != "open" or stake.entry != fact.stream:
            self.faults.append(f"{fact.token} resolves bet {bet_id}, which is {stake.outcome}")
        books = self._books(fact)
        books.escrow -= stake.stake
        books.house -= payout - stake.stake
        stake.outcome, stake.payout = outcome, payout
        self._played.add(fact.stream)
        self._move(fact, payout)

    def _correct(self, fact: Fact, event: PayoutCorrected) -> None:
        stake = self._stakes[event.bet_id]
        if (stake.outcome, stake.payout) != (event.from_outcome, event.from_payout):
            self.faults.append(f"{fact.token} corrects bet {event.bet_id} from what it was not")
        difference = event.to_payout - event.from_payout
        self._books(fact).house -= difference
        stake.outcome, stake.payout = event.to_outcome, event.to_payout
        self._move(fact, difference)

    def _move(self, fact: Fact, amount: int) -> None:
        """Add to the entry's balance, and hold it against the balance that the event states."""
        self.balances[fact.stream] += amount
        self._books(fact).available += amount
        stated = getattr(fact.event, "available", None)
        if stated != self.balances[fact.stream]:
            self.faults.append(f"{fact.token} states {stated} credits, the log comes to {self.balances[fact.stream]}")
        if self.balances[fact.stream] < 0 and isinstance(fact.event, StakePlaced):
            self.faults.append(f"{fact.token} stakes more than was available")

    def _compare_standings(self, fact: Fact, claimed: str) -> None:
        self.standings_hash = standings_hash(self.log, self._pools())
        if self.standings_hash != claimed:
            self.faults.append(f"{fact.token} claims standings {claimed}, the log comes to {self.standings_hash}")

    def _owe_prizes(self) -> None:
        currency = self._rules.prize_currency
        self._owed = {
            award.entry: PrizeAwarded(amount_cents=award.amount_cents, currency=currency, rank=award.rank)
            for pool in self._pools().values()
            for award in awards(pool, played=self._played, rules=self._rules)
        }

    def _award(self, fact: Fact, prize: PrizeAwarded) -> None:
        """Take a prize off what is owed, and hold it against what the standings come to."""
        owed, pool = self._owed.pop(fact.stream, None), self.pool_of.get(fact.stream)
        if prize != owed:
            due = "nothing" if owed is None else _told(owed)
            self.faults.append(f"{fact.token} awards entry {fact.stream} of pool {pool} {_told(prize)}, not {due}")

    def _pools(self) -> dict[str, dict[UUID, int]]:
        pools: dict[str, dict[UUID, int]] = {name: {} for name in self.books}
        for entry, name in self.pool_of.items():
            pools[name][entry] = self.balances[entry]
        return pools

    def _books(self, fact: Fact) -> Books:
        return self.books[self.pool_of[fact.stream]]


def _told(prize: PrizeAwarded) -> str:
    return f"{prize.amount_cents} cents {prize.currency} at rank {prize.rank}"
