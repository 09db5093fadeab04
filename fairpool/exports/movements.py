"""Movements: each event that moves credits, as the balanced postings of double entry.

Accounts are `issuance:<pool>`, `entry:<id>`, `escrow:<pool>:<market>` and `house:<pool>`; the postings of a movement
add up to zero. Besides the pool of each entry only open bets are remembered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple, TypeAlias
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
from ledger.mendable import Mendable

Moving: TypeAlias = CreditsGranted | BoughtBack | StakePlaced | BetWon | BetLost | StakeReturned | PayoutCorrected
_NUMBER_BITS: Final = 32


class UnbookableEvent(Mendable):
    """An event moves credits that are not there: the log was tampered with, and `audit verify` says where."""


class Posting(NamedTuple):
    """So many credits go to an account, or leave it where they are negative."""

    account: str
    credits: int


@dataclass(frozen=True, slots=True)
class Movement:
    """What an event moves on a day in UTC.

    The entry's posting comes first, also where it is zero; `available` is what the event states that it leaves.
    """

    token: str
    topic: str
    day: date
    pool: str
    bet_id: UUID | None
    available: int
    postings: tuple[Posting, ...]


@dataclass(slots=True)
class OpenStakes:
    """What the open bets hold in escrow. A week may have half a million at once: each is kept as two integers."""

    _packed: dict[int, int] = field(default_factory=dict)
    _escrows: list[str] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def put(self, bet_id: UUID, stake: Posting) -> None:
        """Remember the stake of a bet, by the posting that brought it into escrow."""
        number = self._numbers.get(stake.account)
        if number is None:
            number = self._numbers[stake.account] = len(self._escrows)
            self._escrows.append(stake.account)
        self._packed[bet_id.int] = stake.credits << _NUMBER_BITS | number

    def take(self, bet_id: UUID) -> Posting | None:
        """Return that posting and forget it; None for a bet that is not open."""
        packed = self._packed.pop(bet_id.int, None)
        if packed is None:
            return None
        return Posting(self._escrows[packed & (1 << _NUMBER_BITS) - 1], packed >> _NUMBER_BITS)


@dataclass(slots=True)
class Bookkeeper:
    """The fold of a log into movements."""

    _pools: dict[UUID, str] = field(default_factory=dict)
    _open: OpenStakes = field(default_factory=OpenStakes)

    def book(self, fact: Fact) -> Movement | None:
        """Return what a fact moves, or None where it moves nothing; raises UnbookableEvent."""
        event = fact.event
        if isinstance(event, AccountOpened):
            self._pools[fact.stream] = event.pool_name
        if not isinstance(event, Moving):
            return None
        pool = self._pools.get(fact.stream)
        if pool is None:
            raise UnbookableEvent(f"{fact.token} moves credits of entry {fact.stream}, which has no account")
        moved = credits_moved(event)
        return Movement(
            token=fact.token,
            topic=event.TOPIC,
            day=fact.at.date(),
            pool=pool,
            bet_id=getattr(event, "bet_id", None),
            available=event.available,
            postings=(Posting(f"entry:{fact.stream}", moved), *self._against(fact, event, pool, moved)),
        )

    def _against(self, fact: Fact, event: Moving, pool: str, moved: int) -> Iterator[Posting]:
        """Yield the postings that balance what the entry gets."""
        match event:
            case CreditsGranted() | BoughtBack():
                yield Posting(f"issuance:{pool}", -moved)
            case StakePlaced(bet_id=bet_id, market_id=market_id):
                stake = Posting(f"escrow:{pool}:{market_id}", -moved)
                self._open.put(bet_id, stake)
                yield stake
            case BetWon(bet_id=bet_id) | BetLost(bet_id=bet_id) | StakeReturned(bet_id=bet_id):
                held = self._open.take(bet_id)
                if held is None:
                    raise UnbookableEvent(f"{fact.token} resolves bet {bet_id}, which is not open")
                yield Posting(held.account, -held.credits)
                if held.credits != moved:
                    yield Posting(f"house:{pool}", held.credits - moved)
            case PayoutCorrected():
                if moved:
                    yield Posting(f"house:{pool}", -moved)


def credits_moved(event: Moving) -> int:
    """Return the credits that an event brings to its entry, negative where it takes them."""
    match event:
        case CreditsGranted(amount=amount) | BoughtBack(amount=amount) | StakeReturned(amount=amount):
            return amount
        case StakePlaced(stake=stake):
            return -stake
        case BetWon(payout=payout):
            return payout
        case BetLost():
            return 0
        case PayoutCorrected(from_payout=before, to_payout=after):
            return after - before
