"""Looking for a seed under which a simulated week goes wrong, and for the smallest week in which it still does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Final

from tests.simulation.chaos import Rates
from tests.simulation.plans import Plan, drawn_plan
from tests.simulation.simulated_week import Played, SimulatedWeek


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and how to have it again."""

    seed: int
    plan: Plan
    error: str

    def __str__(self) -> str:
        """Return it in a few lines."""
        return f"seed {self.seed}: {self.error}\n  again: played({self.seed}, {self.plan})"


def played(seed: int, plan: Plan) -> Played | Failure:
    """Play a week, and return what it came to, or what went wrong: whatever error it was."""
    try:
        return SimulatedWeek(seed, plan).play()
    except Exception as error:
        return Failure(seed, plan, f"{type(error).__name__}: {error}")


def first_failure(seeds: Iterable[int]) -> Failure | None:
    """Return what goes wrong first, in weeks as their seeds draw them."""
    weeks = (played(seed, drawn_plan(seed)) for seed in seeds)
    return next((each for each in weeks if isinstance(each, Failure)), None)


def shrunk(failure: Failure) -> Failure:
    """Return the failure in the smallest week that has one: with fewer players, bets, processes and faults.

    With less of anything all else is drawn anew, so a few more seeds are tried.
    """
    for plan in _smaller(failure.plan):
        for seed in range(failure.seed, failure.seed + SEEDS_TRIED):
            found = played(seed, plan)
            if isinstance(found, Failure):
                return shrunk(found)
    return failure


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Yield plans with less of one thing: none of it, half, or one less."""
    for field, least in LEAST.items():
        number = getattr(plan, field)
        for less in sorted({least, number // 2, number - 1}):
            if least <= less < number:
                yield replace(plan, **{field: less})
    for each in fields(Rates):
        if getattr(plan.rates, each.name):
            yield replace(plan, rates=replace(plan.rates, **{each.name: 0.0}))


SEEDS_TRIED: Final = 3
LEAST = {"kills": 0, "jumps": 0, "players": 1, "games": 1, "bets": 1, "processes": 1}
