"""Simulated weeks keep every promise whatever happens; where a bug is planted, the simulation finds it."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from ledger.facts import export_line
from tests.examples import WEEK
from tests.simulation.exploring import Failure, first_failure, played, shrunk
from tests.simulation.mutations import MUTATIONS, RARE, planted
from tests.simulation.plans import drawn_plan
from tests.simulation.simulated_week import SimulatedWeek

SEEDS = range(1, 31)
SEEDS_OF_BUGS = range(1, 101)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Refusals and outages are what these weeks are made of: nobody needs a log of each."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_nothing_is_lost_made_or_doubled_whatever_happens() -> None:
    """Processes die, commits are in doubt, messages come twice: the model, the journal and the auditor agree."""
    assert first_failure(SEEDS) is None


def test_a_seed_is_a_run() -> None:
    """The same seed gives the same log, byte by byte, so that a failure can be had again."""

    def log_of(seed: int) -> list[bytes]:
        week = SimulatedWeek(seed, drawn_plan(seed))
        week.play()
        return [export_line(record) for record in week.world.storage.logs[WEEK].records]

    assert log_of(7) == log_of(7)
    assert log_of(7) != log_of(8)


@pytest.mark.parametrize("bug", sorted(MUTATIONS.keys() - RARE))
def test_a_planted_bug_is_found(bug: str) -> None:
    """A simulation that finds nothing proves something only if it finds what is there."""
    with planted(bug):
        assert first_failure(SEEDS_OF_BUGS) is not None


def test_a_failure_shrinks() -> None:
    """What is told of a failure is the smallest week that has one."""
    with planted("a request that comes again is a new one"):
        failure = first_failure(SEEDS)
        assert failure is not None
        least = shrunk(failure)
        assert (least.plan.games, least.plan.kills) == (1, 0)
        assert isinstance(played(least.seed, least.plan), Failure)
