"""Accounts: each entry's credits, and what is at stake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from ledger.events import (
    AccountOpened,
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    PayoutCorrected,
    StakePlaced,
    StakeReturned,
)
from ledger.facts import Fact
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import View


class Account(Row, frozen=True):
    """An entry's account, in credits. `potential` is what its open bets would pay if all were won.

    `granted` and `bought_back` sum up what was given; `position` is that of the last movement.
    """

    TABLE: ClassVar[str] = "accounts"
    KEY: ClassVar[str] = "entry"

    log: str
    entry: UUID
    pool_id: UUID
    pool_name: str
    position: int
    available: int = 0
    at_stake: int = 0
    potential: int = 0
    open_bets: int = 0
    granted: int = 0
    bought_back: int = 0


class AccountStake(Row, frozen=True):
    """An open bet, remembered until it is resolved: the events that resolve bets do not repeat the stake."""

    TABLE: ClassVar[str] = "account_stakes"
    KEY: ClassVar[str] = "bet_id"

    log: str
    bet_id: UUID
    stake: int
    potential_payout: int


class AccountsProjection(Projection):
    """Folds every movement of credits."""

    name = "accounts"
    tables = (Account, AccountStake)
    FOLDS = (AccountOpened, CreditsGranted, BoughtBack, StakePlaced, BetWon, BetLost, StakeReturned, PayoutCorrected)
    IS_BY_STREAM = True

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The account, and the bet that is resolved."""
        match fact.event:
            case BetWon() | BetLost() | StakeReturned() as event:
                yield Account, fact.stream
                yield AccountStake, event.bet_id
            case CreditsGranted() | StakePlaced() | PayoutCorrected() | BoughtBack():
                yield Account, fact.stream

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case StakePlaced() as event:
                _stake(rows, fact, event)
            case BetWon() | BetLost() | StakeReturned() as event:
                _resolve(rows, fact, event)
            case AccountOpened(pool_id=pool_id, pool_name=pool_name):
                rows.add(Account(fact.log, fact.stream, pool_id, pool_name, fact.position))
            case CreditsGranted(amount=amount, available=available):
                account = rows.need(Account, fact.stream)
                granted = account.granted + amount
                rows.put(replace(account, position=fact.position, available=available, granted=granted))
            case BoughtBack(amount=amount, available=available):
                account = rows.need(Account, fact.stream)
                bought_back = account.bought_back + amount
                rows.put(replace(account, position=fact.position, available=available, bought_back=bought_back))
            case PayoutCorrected(available=available):
                account = rows.need(Account, fact.stream)
                rows.put(replace(account, position=fact.position, available=available))


class Accounts(View):
    """What readers ask of accounts."""

    NAME = "accounts"

    def account(self, entry: UUID) -> Account | None:
        """Return an entry's account, if the entry was drawn."""
        return self._one("account", Account, entry=entry)

    def members(self, pool_id: UUID) -> list[Account]:
        """Return the accounts of a pool in order of entry."""
        return self._all("members", Account, pool_id=pool_id)


def _stake(rows: Rows, fact: Fact, event: StakePlaced) -> None:
    account = rows.need(Account, fact.stream)
    rows.add(AccountStake(fact.log, event.bet_id, event.stake, event.potential_payout))
    rows.put(
        replace(
            account,
            position=fact.position,
            available=event.available,
            at_stake=account.at_stake + event.stake,
            potential=account.potential + event.potential_payout,
            open_bets=account.open_bets + 1,
        )
    )


def _resolve(rows: Rows, fact: Fact, event: BetWon | BetLost | StakeReturned) -> None:
    account = rows.need(Account, fact.stream)
    bet = rows.need(AccountStake, event.bet_id)
    rows.remove(bet)
    rows.put(
        replace(
            account,
            position=fact.position,
            available=event.available,
            at_stake=account.at_stake - bet.stake,
            potential=account.potential - bet.potential_payout,
            open_bets=account.open_bets - 1,
        )
    )
