"""Looking for a seed under which a simulated week goes wrong, and for the smallest week in which it still does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace

from tests.simulation.chaos import Rates
from tests.simulation.simulated_week import Plan, Played, SimulatedWeek


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and how to have it again."""

    seed: int
    plan: Plan
    error: str

    def __str__(self) -> str:
        """Return it in a few lines."""
        return f"seed {self.seed}: {self.error}\n  again: play({self.seed}, {self.plan})"


def played(seed: int, plan: Plan) -> Played | Failure:
    """Play a week, and return what it came to, or what went wrong: whatever error it was."""
    try:
        return SimulatedWeek(seed, plan).play()
    except Exception as error:
        return Failure(seed, plan, f"{type(error).__name__}: {error}")


def first_failure(seeds: Iterable[int], plan: Plan) -> Failure | None:
    """Return what goes wrong first."""
    weeks = (played(seed, plan) for seed in seeds)
    return next((each for each in weeks if isinstance(each, Failure)), None)


def shrunk(failure: Failure) -> Failure:
    """Return the same seed's failure in the smallest week that has one: fewer players, bets, processes and faults."""
    for plan in _smaller(failure.plan):
        found = played(failure.seed, plan)
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


LEAST = {"kills": 0, "players": 1, "games": 1, "bets": 1, "processes": 1}
