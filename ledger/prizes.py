"""Prizes: what the entries of a pool win by its final standings. A prize is money, never credits."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from ledger.rules import Rules
from ledger.standings import rank


@dataclass(frozen=True, slots=True)
class Award:
    """What an entry wins, in cents; `rank` is where it stands in its pool, as the standings have it."""

    entry: UUID
    rank: int
    amount_cents: int


def awards(balances: Mapping[UUID, int], *, played: Set[UUID], rules: Rules) -> tuple[Award, ...]:
    """Return who of a pool wins what, best first; those who share a rank stand in order of entry id.

    `balances` are the credits of all entries of the pool, `played` holds those with a resolved bet: won, lost, pushed
    or void. The rule is that of design §3.11, and this is how it is read where that leaves room:

    - An entry wins only if it played and has credits left. Places are counted among such entries alone, so that an
      idle one keeps nobody's prize back: what is announced for a place goes to whoever of those who played holds it.
      A winner's `rank` may therefore be a later one than the place it is paid for, never an earlier one.
    - `prize_min_entries` counts all entries of the pool.
    - The places that tied entries take are added up, floored to cents and shared; the cents that remain go one each to
      the lowest entry ids. A share of no cent is no award.
    - A place that the table does not name has no prize, and the prize of a place that nobody takes is not awarded.
    """
    if not rules.prizes or len(balances) < rules.prize_min_entries:
        return ()
    amounts = {prize.rank: prize.amount_cents for prize in rules.prizes}
    winners = [standing for standing in rank(balances) if standing.credits > 0 and standing.entry in played]
    found: list[Award] = []
    for _, sharing in groupby(winners, key=lambda standing: standing.rank):
        tied = list(sharing)
        first = len(found) + 1
        total = sum(amounts.get(place, 0) for place in range(first, first + len(tied)))
        share, remaining = divmod(total, len(tied))
        found += [Award(each.entry, each.rank, share + (number < remaining)) for number, each in enumerate(tied)]
    return tuple(award for award in found if award.amount_cents)
