"""A run from its beginning to its report: a ground, load, faults, the week's end, and what the witnesses say."""

from __future__ import annotations

import argparse
import logging
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from tests.faults import ending, journal, report, witnesses
from tests.faults.building import ground
from tests.faults.ground import Ground, Size
from tests.faults.isolation import is_isolated, run_isolated, why_not_isolated
from tests.faults.oracles import Findings
from tests.faults.rounds import Fault, Round, play

_SEEDS: Final = 2**31
Course = Callable[[Ground, random.Random], tuple[list[Round], list[Findings]]]
"""What happens under load: the rounds of faults, and what else was found."""


def parser(program: str, description: str) -> argparse.ArgumentParser:
    """Return what all runs may be told."""
    made = argparse.ArgumentParser(prog=f"make {program} ARGS=…", description=description)
    made.add_argument("--seed", type=int, default=secrets.randbelow(_SEEDS), help="repeats the choices of a run")
    made.add_argument("--bets", type=float, default=50.0, help="bets a second")
    return made


def why_elsewhere(module: str, seed: int) -> tuple[int | None, str | None]:
    """Run a module on a machine of its own where this one lends it, and return its exit code.

    Otherwise there is none, and it runs here: return what is in the way, if it is not on a machine of its own already.
    """
    reason = None if is_isolated() else why_not_isolated()
    if not is_isolated() and reason is None:
        return run_isolated(module, [*sys.argv[1:], "--seed", str(seed)]), None
    return None, reason


def run(course: Course, *, seed: int, size: Size) -> int:
    """Run it in a folder that is kept where anything is found; return the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="fairpool-faults-"))
    # Servers of root run as somebody else, who must be able to enter it.
    folder.chmod(0o755)
    # What our own clients of the servers say of outages is no news.
    logging.basicConfig(filename=folder / "run.log", level=logging.INFO)
    say(f"seed {seed}")
    if _run(folder, course, seed=seed, size=size):
        shutil.rmtree(folder)
        return 0
    say(f"what the processes said and the journal are in {folder}")
    return 1


def played(fault: Fault, at: Ground, chance: random.Random) -> list[Round]:
    """Play the rounds of one fault, and say how it went."""
    rounds = list(play(fault, at, chance))
    slowest, faults = max(rounds, key=lambda each: each.whole_after), sum(each.faults for each in rounds)
    after = f"whole after {slowest.whole_after:.1f} s, last {slowest.lack}"
    say(f"{fault.name}: {len(rounds)} rounds, {faults} faults, {after}")
    return rounds


def say(line: str) -> None:
    """Print a line at once: a run takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(folder: Path, course: Course, *, seed: int, size: Size) -> bool:
    """Play it, ask all witnesses, print the report; return whether nothing is wrong."""
    began, chance = time.monotonic(), random.Random(seed)
    with ground(folder, seed=seed, size=size) as at:
        say(f"{at.week} is drawn after {time.monotonic() - began:.0f} s: {size.players} players bet")
        at.begin_load()
        rounds, findings = course(at, chance)
        at.end_load()
        rounds += played(ending.fault(), at, chance)
        told = journal.read(at.journal)
        verdicts, words = witnesses.ask_all(at, told)
        findings += [*words, witnesses.processes(at, at.service.end())]
    found = report.rows(rounds, told, verdicts)
    for line in (*report.table([*found, report.total(found)]), "", *report.said(findings)):
        say(line)
    say(f"seed {seed}, {time.monotonic() - began:.0f} s")
    return all(row.is_sound for row in found) and not any(each.wrong for each in findings)


def names(faults: Sequence[Fault]) -> str:
    """Return the faults' names."""
    return ", ".join(each.name for each in faults) or "none"
