"""Who stands where in a pool, and one hash that fixes where everybody in a week stands."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Standing:
    """An entry's place in its pool, by available credits."""

    entry: UUID
    rank: int
    credits: int


def rank(balances: Mapping[UUID, int]) -> tuple[Standing, ...]:
    """The standings of one pool, highest credits first; equal credits share a rank (1, 2, 2, 4).

    Those who share a rank stand in order of entry id.
    """
    standings: list[Standing] = []
    shared = 1
    order = sorted(balances.items(), key=lambda balance: (-balance[1], balance[0]))
    for place, (entry, credits) in enumerate(order, start=1):
        if standings and standings[-1].credits != credits:
            shared = place
        standings.append(Standing(entry, shared, credits))
    return tuple(standings)


def standings_hash(week: str, pools: Mapping[str, Mapping[UUID, int]]) -> str:
    """The SHA-256, in hex, of a week's standings: `pools` maps each pool's name to its entries' credits.

    The text hashed is that of design §10: a line for each entry, by pool (A to Z before AA), rank and entry.
    """
    names = sorted(pools, key=lambda name: (len(name), name))
    lines = [
        f"{name} {standing.rank} {standing.entry} {standing.credits}\n"
        for name in names
        for standing in rank(pools[name])
    ]
    head = f"fairpool/standings/v1\n{week}\n{len(lines)}\n"
    return hashlib.sha256((head + "".join(lines)).encode()).hexdigest()
