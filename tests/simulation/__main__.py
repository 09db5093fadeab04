"""`python -m tests.simulation`: simulate weeks under one seed after another, and say what became of them."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import partial
from typing import Any, Final

from tests.simulation.exploring import Failure, played, shrunk
from tests.simulation.mutations import MUTATIONS, planted
from tests.simulation.plans import Plan, drawn_plan
from tests.simulation.simulated_week import Played

_SEEDS_A_TIME: Final = 20
_FAILURES_SHOWN: Final = 5
_FINDS: Final = 5
_SIZES: Final = tuple(each.name for each in fields(Plan) if each.type == "int")


def main() -> int:
    """Simulate weeks; return 1 if one of them went wrong, or if a planted bug was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--weeks", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first week; each has the next")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mutation", choices=MUTATIONS, metavar="NAME", help="a bug to plant")
    parser.add_argument("--mutations", action="store_true", help="plant each bug, in so many weeks at most")
    for size in _SIZES:
        parser.add_argument(f"--{size}", type=int, help="in each week, where the seed does not draw it")
    chosen = parser.parse_args()
    sizes = {size: getattr(chosen, size) for size in _SIZES if getattr(chosen, size) is not None}
    seeds = range(chosen.seed, chosen.seed + chosen.weeks)
    with ProcessPoolExecutor(chosen.jobs, initializer=logging.disable) as processes:
        if chosen.mutations:
            return _show_mutations(processes, seeds, sizes)
        return _show_weeks(processes, seeds, sizes, chosen.mutation)


def _play(mutation: str | None, sizes: dict[str, int], seed: int) -> Played | Failure:
    with planted(mutation):
        return played(seed, drawn_plan(seed, **sizes))


def _show_weeks(
    processes: ProcessPoolExecutor, seeds: Sequence[int], sizes: dict[str, int], mutation: str | None
) -> int:
    began = time.monotonic()
    came_to = list(processes.map(partial(_play, mutation, sizes), seeds, chunksize=_SEEDS_A_TIME))
    seconds = time.monotonic() - began
    weeks = [each for each in came_to if isinstance(each, Played)]
    failures = [each for each in came_to if isinstance(each, Failure)]
    told = ", ".join(f"{sum(getattr(week, each.name) for week in weeks)} {each.name}" for each in fields(Played))
    rate = 60 * len(came_to) / seconds
    _say(f"{len(came_to)} weeks in {seconds:.0f} s ({rate:.0f} a minute): {told}")
    _say(f"{len(failures)} went wrong")
    for least in processes.map(partial(_smallest, mutation), failures[:_FAILURES_SHOWN]):
        _say(str(least))
    return int(bool(failures))


def _smallest(mutation: str | None, failure: Failure) -> Failure:
    with planted(mutation):
        return shrunk(failure)


def _show_mutations(processes: ProcessPoolExecutor, seeds: Sequence[int], sizes: dict[str, int]) -> int:
    """Say of each planted bug after how many weeks it is found, on average."""
    missed = 0
    for mutation, (weeks, failures) in zip(
        MUTATIONS, processes.map(partial(_finds, seeds, sizes), MUTATIONS), strict=True
    ):
        mean = f"{weeks / len(failures):8.1f}" if failures else "   never"
        _say(f"{mean} weeks  {mutation}" + (f": {failures[0].error:.100}" if failures else ""))
        missed += not failures
    _say(f"{len(MUTATIONS)} bugs were planted, {missed} of them not found")
    return int(bool(missed))


def _finds(seeds: Sequence[int], sizes: dict[str, int], mutation: str) -> tuple[int, list[Failure]]:
    """Look for a planted bug until it was found a few times; return in how many weeks."""
    failures: list[Failure] = []
    for weeks, seed in enumerate(seeds, start=1):
        found: Any = _play(mutation, sizes, seed)
        failures += [found] if isinstance(found, Failure) else []
        if len(failures) == _FINDS:
            return weeks, failures
    return len(seeds), failures


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
