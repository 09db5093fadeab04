"""`python -m tests.simulation`: simulate weeks under one seed after another, and say what became of them."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Final

from tests.simulation.exploring import Failure, played, shrunk
from tests.simulation.mutations import MUTATIONS, planted
from tests.simulation.simulated_week import Plan, Played

_SEEDS_A_TIME: Final = 20
_FAILURES_SHOWN: Final = 5


def main() -> int:
    """Simulate weeks; return 1 if one of them went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--weeks", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first week; each has the next")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mutation", choices=MUTATIONS, help="a bug to plant")
    chosen = parser.parse_args()
    seeds, began = range(chosen.seed, chosen.seed + chosen.weeks), time.monotonic()
    weeks: list[Played] = []
    failures: list[Failure] = []
    with ProcessPoolExecutor(chosen.jobs) as processes:
        for came_to in processes.map(partial(_play, chosen.mutation), seeds, chunksize=_SEEDS_A_TIME):
            (failures if isinstance(came_to, Failure) else weeks).append(came_to)  # type: ignore[arg-type]
    _show(weeks, failures, seconds=time.monotonic() - began)
    for failure in failures[:_FAILURES_SHOWN]:
        sys.stdout.write(f"{_smallest(chosen.mutation, failure)}\n")
    return int(bool(failures))


def _play(mutation: str | None, seed: int) -> Played | Failure:
    # Each refusal and outage is logged, and most of a simulated week is made of them.
    logging.disable(logging.CRITICAL)
    with planted(mutation):
        return played(seed, Plan())


def _smallest(mutation: str | None, failure: Failure) -> Failure:
    logging.disable(logging.CRITICAL)
    with planted(mutation):
        return shrunk(failure)


def _show(weeks: list[Played], failures: list[Failure], *, seconds: float) -> None:
    sums = {
        name: sum(getattr(week, name) for week in weeks)
        for name in ("events", "steps", "bets", "refused", "doubts", "kills")
    }
    told = ", ".join(f"{number} {name}" for name, number in sums.items())
    count = len(weeks) + len(failures)
    sys.stdout.write(f"{count} weeks in {seconds:.0f} s ({60 * count / seconds:.0f} a minute): {told}\n")
    sys.stdout.write(f"{len(failures)} went wrong\n")


if __name__ == "__main__":
    sys.exit(main())
