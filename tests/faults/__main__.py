"""`python -m tests.faults`, or `make faults`: break the running service in every way that this machine allows."""

from __future__ import annotations

import random
import sys

from tests.faults import catalogue
from tests.faults.ground import Ground, Size
from tests.faults.oracles import Findings
from tests.faults.rounds import Round
from tests.faults.running import names, parser, played, run, say, why_elsewhere


def main() -> int:
    """Play the faults that are chosen; return 1 if anything was found."""
    arguments = parser("faults", "Break the running service in every way that this machine allows.")
    arguments.add_argument("--only", nargs="*", metavar="WORDS", help="only faults whose names have one of these")
    arguments.add_argument("--scale", type=float, default=1.0, help="so many times the rounds")
    asked = arguments.parse_args()
    code, reason = why_elsewhere("tests.faults", asked.seed)
    if code is not None:
        return code
    chosen = catalogue.chosen(asked.only, scale=asked.scale)
    if reason is not None:
        say(f"not here, as {reason}: {names([each for each in chosen if each.is_isolated])}")
        chosen = [each for each in chosen if not each.is_isolated]

    def course(at: Ground, chance: random.Random) -> tuple[list[Round], list[Findings]]:
        return [each for fault in chosen for each in played(fault, at, chance)], []

    return run(course, seed=asked.seed, size=Size(bets=asked.bets))


if __name__ == "__main__":
    sys.exit(main())
