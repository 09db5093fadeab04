"""How large a simulated week is, and how much goes wrong in it."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random
from typing import Final

from tests.simulation.chaos import Rates

USUALLY: Final = 0.6
BAD: Final = Rates(outages=0.002, delays=0.25, lost_commits=0.02, lost_answers=0.02, redeliveries=0.2)


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a week is, and how bad."""

    players: int = 3
    bets: int = 4
    games: int = 2
    processes: int = 3
    kills: int = 4
    jumps: int = 0
    rates: Rates = BAD


def drawn_plan(seed: int, **sizes: int) -> Plan:
    """Draw a plan, but for some sizes: weeks that are all alike find less than small and large, good and bad ones."""
    random = Random(f"plan {seed}")
    rates = {each.name: getattr(BAD, each.name) * (random.random() < USUALLY) for each in fields(Rates)}
    drawn = Plan(
        players=random.randint(1, 4),
        bets=random.randint(1, 4),
        games=random.choice((1, 2, 2, 3)),
        processes=random.randint(1, 4),
        kills=random.randint(0, 4),
        jumps=max(0, random.randint(-4, 2)),
        rates=Rates(**rates),
    )
    return replace(drawn, **sizes)  # type: ignore[arg-type]
