"""The statement of an account: every movement of its credits with the balance after it, read from its stream.

No read model stands between: the amounts are those of the events, so they add up to what is available, and what has
been recorded is on the statement at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, TypeAlias
from uuid import UUID

from ledger.events import (
    BetLost,
    BetWon,
    BoughtBack,
    CreditsGranted,
    PayoutCorrected,
    PrizeAwarded,
    StakePlaced,
    StakeReturned,
)
from ledger.facts import Fact, fact_of
from ledger.ledger import Ledger

_Resolving: TypeAlias = BetWon | BetLost | StakeReturned | PayoutCorrected
_Moving: TypeAlias = CreditsGranted | StakePlaced | _Resolving | BoughtBack

MovementKind = Literal["grant", "stake", "payout", "lost", "returned", "correction", "buy_back", "prize"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """One event of an account: `amount` credits came (or went, below zero), and `available` were there after it.

    `bet` is the stake of the bet that it is about, `bet_status` what the bet is from here on: placed, won, lost, push
    or void. `reason` says why a stake was returned or a payout corrected, `resolution` under which of the game's
    resolutions. A lost bet and a prize move no credits. `position` and `at` are the event's, `cause` is the token of
    what brought the resolution: a result, or an operator's ruling (see `ledger.casebook`).
    """

    kind: MovementKind
    amount: int
    available: int
    log: str
    position: int
    at: datetime
    bet: StakePlaced | None = None
    bet_status: str | None = None
    reason: str | None = None
    resolution: int | None = None
    cause: str | None = None


def statement(ledger: Ledger, *, week: str, entry: UUID) -> list[Movement]:
    """Return the movements of an entry's account in an open week, oldest first; none where it has no account."""
    return movements(map(fact_of, ledger.recorder(week).read_streams([entry])))


def movements(facts: Iterable[Fact]) -> list[Movement]:
    """Return the movements in an account's facts, which are given in order; other streams have none."""
    available = 0
    bets: dict[UUID, StakePlaced] = {}
    found: list[Movement] = []
    for fact in facts:
        event = fact.event
        if not isinstance(event, _Moving | PrizeAwarded):
            continue
        if isinstance(event, _Moving):
            available = event.available
        if isinstance(event, StakePlaced):
            bets[event.bet_id] = event
        change = _change(event)
        found.append(
            Movement(
                kind=change.kind,
                amount=change.amount,
                available=available,
                log=fact.log,
                position=fact.position,
                at=fact.at,
                bet=bets[event.bet_id] if isinstance(event, StakePlaced | _Resolving) else None,
                bet_status=change.bet_status,
                reason=change.reason,
                resolution=event.resolution if isinstance(event, _Resolving) else None,
                cause=fact.cause if isinstance(event, _Resolving) else None,
            )
        )
    return found


class _Change(NamedTuple):
    kind: MovementKind
    amount: int
    bet_status: str | None = None
    reason: str | None = None


def _change(event: _Moving | PrizeAwarded) -> _Change:
    """Say what an event changed; the amounts of all events of an account add up to what is available."""
    match event:
        case CreditsGranted(amount=amount):
            return _Change("grant", amount)
        case StakePlaced(stake=stake):
            return _Change("stake", -stake, "placed")
        case BetWon(payout=payout):
            return _Change("payout", payout, "won")
        case BetLost():
            return _Change("lost", 0, "lost")
        case StakeReturned(amount=amount, reason=reason):
            return _Change("returned", amount, "push" if reason == "push" else "void", reason)
        case PayoutCorrected(from_payout=before, to_payout=after) as corrected:
            return _Change("correction", after - before, corrected.to_outcome, corrected.reason)
        case BoughtBack(amount=amount):
            return _Change("buy_back", amount)
        case PrizeAwarded():
            return _Change("prize", 0)
