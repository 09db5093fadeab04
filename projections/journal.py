"""The journal: every movement of credits as double entry, each row of which the database itself holds to zero."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

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

Resolved = BetWon | BetLost | StakeReturned


class JournalEntry(Row, frozen=True):
    """A movement, in credits: what it added to each of the four accounts that it may touch (design §4).

    `kind`: granted, bought_back, staked, won, lost, returned or corrected. `issuance` and `house` are the pool's,
    `available` is the entry's own account, `escrow` that of the pool and `market_id`. They sum up to zero.
    """

    TABLE: ClassVar[str] = "journal"
    KEY: ClassVar[str] = "position"
    ARE_FINAL: ClassVar[bool] = True

    log: str
    position: int
    pool_name: str
    entry: UUID
    market_id: UUID | None
    bet_id: UUID | None
    kind: str
    issuance: int = 0
    available: int = 0
    escrow: int = 0
    house: int = 0


class JournalPool(Row, frozen=True):
    """The pool of an entry, remembered because movements do not repeat it."""

    TABLE: ClassVar[str] = "journal_pools"
    KEY: ClassVar[str] = "entry"

    log: str
    entry: UUID
    pool_name: str


class JournalStake(Row, frozen=True):
    """What an open bet holds in escrow, remembered until it is resolved."""

    TABLE: ClassVar[str] = "journal_stakes"
    KEY: ClassVar[str] = "bet_id"

    log: str
    bet_id: UUID
    market_id: UUID
    stake: int


@dataclass(frozen=True, slots=True)
class PoolBalance:
    """The four balances of a pool: issuance is negative, house may be, and they sum up to zero."""

    pool_name: str
    issuance: int
    available: int
    escrow: int
    house: int


@dataclass(frozen=True, slots=True)
class MarketEscrow:
    """What a pool's open bets on a market hold; a resolved market's is zero."""

    pool_name: str
    market_id: UUID
    escrow: int


class JournalProjection(Projection):
    """Books every movement of credits twice; balances that events state play no part."""

    name = "journal"
    tables = (JournalEntry, JournalPool, JournalStake)
    FOLDS = (AccountOpened, CreditsGranted, BoughtBack, StakePlaced, BetWon, BetLost, StakeReturned, PayoutCorrected)
    IS_BY_STREAM = True
    IS_EVIDENCE = True

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The entry's pool, and the bet that is resolved."""
        match fact.event:
            case BetWon() | BetLost() | StakeReturned() as event:
                yield JournalPool, fact.stream
                yield JournalStake, event.bet_id
            case CreditsGranted() | BoughtBack() | StakePlaced() | PayoutCorrected():
                yield JournalPool, fact.stream

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case StakePlaced(bet_id=bet_id, market_id=market_id, stake=stake):
                rows.add(JournalStake(fact.log, bet_id, market_id, stake))
                _book(rows, fact, "staked", market_id=market_id, bet_id=bet_id, available=-stake, escrow=stake)
            case BetWon(payout=payout) as event:
                bet = _release(rows, event)
                _resolve(rows, fact, "won", bet, available=payout, house=bet.stake - payout)
            case BetLost() as event:
                bet = _release(rows, event)
                _resolve(rows, fact, "lost", bet, house=bet.stake)
            case StakeReturned(amount=amount) as event:
                # The house has no part in it: another amount than the stake is a row that the database refuses.
                _resolve(rows, fact, "returned", _release(rows, event), available=amount)
            case AccountOpened(pool_name=pool_name):
                rows.add(JournalPool(fact.log, fact.stream, pool_name))
            case CreditsGranted(amount=amount):
                _book(rows, fact, "granted", issuance=-amount, available=amount)
            case BoughtBack(amount=amount):
                _book(rows, fact, "bought_back", issuance=-amount, available=amount)
            case PayoutCorrected(bet_id=bet_id, from_payout=before, to_payout=after):
                _book(rows, fact, "corrected", bet_id=bet_id, available=after - before, house=before - after)


class Journal(View):
    """What auditors ask of the journal. For its lines by account name they query the SQL view `journal_lines`."""

    NAME = "journal"

    def trial_balance(self, log: str, *, until: int | None = None) -> list[PoolBalance]:
        """Return the balances of each pool of a log up to a position (all of it, if None), A to Z before AA."""
        return self._all("trial_balance", PoolBalance, log=log, until=until)

    def escrow(self, log: str, *, until: int | None = None) -> list[MarketEscrow]:
        """Return what each market of each pool holds up to a position, where bets were placed on it at all."""
        return self._all("escrow", MarketEscrow, log=log, until=until)


def _release(rows: Rows, event: Resolved) -> JournalStake:
    bet = rows.need(JournalStake, event.bet_id)
    rows.remove(bet)
    return bet


def _resolve(rows: Rows, fact: Fact, kind: str, bet: JournalStake, *, available: int = 0, house: int = 0) -> None:
    market_id, bet_id, freed = bet.market_id, bet.bet_id, -bet.stake
    _book(rows, fact, kind, market_id=market_id, bet_id=bet_id, available=available, escrow=freed, house=house)


def _book(
    rows: Rows,
    fact: Fact,
    kind: str,
    *,
    market_id: UUID | None = None,
    bet_id: UUID | None = None,
    **amounts: int,
) -> None:
    pool_name = rows.need(JournalPool, fact.stream).pool_name
    rows.add(JournalEntry(fact.log, fact.position, pool_name, fact.stream, market_id, bet_id, kind, **amounts))
