"""`python -m tests.faults`, or `make faults`: break the running service in every way that this machine allows."""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults import catalogue, ending, journal, report, witnesses
from tests.faults.building import ground
from tests.faults.ground import Ground, Size
from tests.faults.isolation import is_isolated, run_isolated, why_not_isolated
from tests.faults.rounds import Fault, Round, play


def main() -> int:
    """Run on a machine of the run's own where this one lends it; return 1 if anything was found."""
    arguments = _parser().parse_args()
    reason = None if is_isolated() else why_not_isolated()
    if not is_isolated() and reason is None:
        return run_isolated("tests.faults", [*sys.argv[1:], "--seed", str(arguments.seed)])
    say(f"seed {arguments.seed}")
    chosen = catalogue.chosen(arguments.only, scale=arguments.scale)
    if reason is not None:
        say(f"not here, as {reason}: {', '.join(each.name for each in chosen if each.is_isolated) or 'nothing'}")
        chosen = [each for each in chosen if not each.is_isolated]
    folder = Path(tempfile.mkdtemp(prefix="fairpool-faults-"))
    # Servers of root run as somebody else, who must be able to enter it.
    folder.chmod(0o755)
    is_sound = _run(folder, chosen, seed=arguments.seed, size=Size(bets=arguments.bets))
    if is_sound:
        shutil.rmtree(folder)
    else:
        say(f"what the processes said and the journal are in {folder}")
    return int(not is_sound)


def _run(folder: Path, chosen: Sequence[Fault], *, seed: int, size: Size) -> bool:
    """Play all faults, ask all witnesses, print the report; return whether nothing is wrong."""
    began, chance = time.monotonic(), random.Random(seed)
    with ground(folder, seed=seed, size=size) as at:
        say(f"{at.week} is drawn after {time.monotonic() - began:.0f} s: {size.players} players bet")
        at.begin_load()
        rounds = [each for fault in chosen for each in _played(fault, at, chance)]
        at.end_load()
        rounds += _played(ending.fault(), at, chance)
        told = journal.read(at.journal)
        verdicts, findings = witnesses.ask_all(at, told)
        findings.append(witnesses.processes(at, at.service.end()))
    found = report.rows(rounds, told, verdicts)
    for line in (*report.table([*found, report.total(found)]), "", *report.said(findings)):
        say(line)
    say(f"seed {seed}, {time.monotonic() - began:.0f} s")
    return all(row.is_sound for row in found) and not any(each.wrong for each in findings)


def _played(fault: Fault, at: Ground, chance: random.Random) -> list[Round]:
    rounds = list(play(fault, at, chance))
    slowest = max(each.whole_after for each in rounds)
    say(
        f"{fault.name}: {len(rounds)} rounds, {sum(each.faults for each in rounds)} faults, whole after {slowest:.1f} s"
    )
    return rounds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make faults ARGS=…", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31), help="repeats the choices of a run")
    parser.add_argument("--only", nargs="*", metavar="WORD", help="only faults whose name has one of these words")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the rounds")
    parser.add_argument("--bets", type=float, default=50.0, help="bets a second")
    return parser


def say(line: str) -> None:
    """Print a line at once: a run takes minutes."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
