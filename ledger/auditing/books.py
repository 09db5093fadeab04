"""The books: every movement booked twice, trusting no balance that an event states (design §4).

Accounts are issuance, entry, escrow and house, by pool. In each pool −issuance = available + escrow + house, whatever
happened, as each movement is booked on two of them; what an event states beside it is held against that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID

from ledger.auditing.bets import Bets
from ledger.auditing.findings import Check, Finding
from ledger.events import (
    AccountOpened,
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    Event,
    PayoutCorrected,
    StakePlaced,
    StakeReturned,
    WeekOpened,
)
from ledger.facts import Fact


@dataclass(slots=True)
class Balances:
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
class Account:
    """An entry's account. `has_played`: a bet of it was resolved."""

    entry: UUID
    pool: str
    books: Balances
    available: int = 0
    open_stakes: int = 0
    is_granted: bool = False
    has_bought_back: bool = False
    has_played: bool = False


@dataclass
class Books(Check):
    """The fold of a week's movements, and the check of what they state. `grant` is None until the week is opened."""

    EVENTS: ClassVar[tuple[type[Event], ...]] = (
        WeekOpened,
        AccountOpened,
        CreditsGranted,
        BoughtBack,
        StakePlaced,
        BetWon,
        BetLost,
        StakeReturned,
        PayoutCorrected,
    )

    bets: Bets = field(default_factory=Bets)
    accounts: dict[int, Account] = field(default_factory=dict)
    pools: dict[str, Balances] = field(default_factory=dict)
    grant: int | None = None

    def __post_init__(self) -> None:
        # Looked up by type, as asking one type after another took a fifth of the time of a booking.
        self._bookings: dict[type[Event], Callable[[Fact, Any, Account], list[str]]] = {
            WeekOpened: self._begin,
            AccountOpened: self._open,
            CreditsGranted: self._issue,
            BoughtBack: self._issue,
            StakePlaced: self._stake,
            BetWon: self._resolve,
            BetLost: self._resolve,
            StakeReturned: self._resolve,
            PayoutCorrected: self._correct,
        }

    @property
    def total(self) -> Balances:
        """The books of all pools together."""
        every = self.pools.values()
        return Balances(
            sum(books.issuance for books in every),
            sum(books.available for books in every),
            sum(books.escrow for books in every),
            sum(books.house for books in every),
        )

    def standings(self) -> dict[str, dict[UUID, int]]:
        """Return the available credits of each entry, by pool."""
        pools: dict[str, dict[UUID, int]] = {name: {} for name in self.pools}
        for account in self.accounts.values():
            pools[account.pool][account.entry] = account.available
        return pools

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Book the next movement."""
        event, account = fact.event, self.accounts.get(fact.stream.int)
        if account is not None:
            wrong = self._bookings[type(event)](fact, event, account)
        elif isinstance(event, AccountOpened):
            wrong = self._open(fact, event)
        elif isinstance(event, WeekOpened):
            wrong = self._begin(fact, event)
        else:
            wrong = [f"moves credits of {fact.stream}, which has no account"]
        return [Finding("books", fact.token, text) for text in wrong] if wrong else ()

    # Each returns what is wrong, in words.

    def _begin(self, _: Fact, event: WeekOpened, account: Account | None = None) -> list[str]:
        self.grant = event.rules.grant
        return []

    def _open(self, fact: Fact, event: AccountOpened, account: Account | None = None) -> list[str]:
        if account is not None:
            return [f"opens the account of {fact.stream} a second time"]
        books = self.pools.setdefault(event.pool_name, Balances())
        self.accounts[fact.stream.int] = Account(fact.stream, event.pool_name, books)
        return []

    def _issue(self, _: Fact, event: CreditsGranted | BoughtBack, account: Account) -> list[str]:
        wrong = []
        if self.grant is not None and event.amount != self.grant:
            wrong.append(f"gives {event.amount} credits, the rules give {self.grant}")
        if isinstance(event, CreditsGranted):
            if account.is_granted:
                wrong.append(f"grants the credits of {account.entry} a second time")
            account.is_granted = True
        else:
            if account.has_bought_back:
                wrong.append(f"lets {account.entry} buy back a second time")
            if account.available > 0 or account.open_stakes:
                has = f"{account.available} credits and {account.open_stakes} open bets"
                wrong.append(f"lets {account.entry} buy back, which is not bust: it has {has}")
            account.has_bought_back = True
        account.books.issuance -= event.amount
        return wrong + _move(account, event.amount, event.available)

    def _stake(self, fact: Fact, event: StakePlaced, account: Account) -> list[str]:
        available, stake = account.available, event.stake
        if not self.bets.place(fact, event, account):
            return [f"places bet {event.bet_id} a second time"]
        account.open_stakes += 1
        account.books.escrow += stake
        wrong = _move(account, -stake, event.available)
        return wrong if stake <= available else [f"stakes {stake} credits, {available} were available", *wrong]

    def _resolve(self, _: Fact, event: BetWon | BetLost | StakeReturned, account: Account) -> list[str]:
        bets = self.bets
        number = bets.find(event.bet_id)
        if number is None or bets.accounts[number] is not account:
            return [f"resolves bet {event.bet_id}, which {account.entry} never placed"]
        if bets.outcome(number) != "open":
            return [f"resolves bet {event.bet_id}, which is {bets.outcome(number)}"]
        outcome, payout = _outcome(event)
        stake, books = bets.stakes[number], account.books
        books.escrow -= stake
        books.house -= payout - stake
        account.open_stakes -= 1
        account.has_played = True
        bets.resolve(number, outcome=outcome, payout=payout, resolution=event.resolution)
        return _move(account, payout, event.available)

    def _correct(self, _: Fact, event: PayoutCorrected, account: Account) -> list[str]:
        number = self.bets.find(event.bet_id)
        if number is None or self.bets.accounts[number] is not account:
            return [f"corrects bet {event.bet_id}, which {account.entry} never placed"]
        wrong = []
        was = (self.bets.outcome(number), self.bets.payouts[number])
        if was != (event.from_outcome, event.from_payout):
            told = f"{event.from_outcome} for {event.from_payout}"
            wrong.append(f"corrects bet {event.bet_id} from {told}, it is {was[0]} for {was[1]}")
        difference = event.to_payout - event.from_payout
        account.books.house -= difference
        self.bets.resolve(number, outcome=event.to_outcome, payout=event.to_payout, resolution=event.resolution)
        return wrong + _move(account, difference, event.available)


def _outcome(event: BetWon | BetLost | StakeReturned) -> tuple[str, int]:
    if type(event) is BetLost:
        return "lost", 0
    if type(event) is BetWon:
        return "won", event.payout
    assert isinstance(event, StakeReturned)
    return ("push" if event.reason == "push" else "void"), event.amount


def _move(account: Account, amount: int, stated: int) -> list[str]:
    """Add to an account, and hold it against the balance that the event states."""
    account.available += amount
    account.books.available += amount
    if stated == account.available:
        return []
    return [f"states {stated} credits of {account.entry}, the log comes to {account.available}"]
