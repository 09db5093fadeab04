"""`python -m tests.faults.soak`, or `make soak`: load for as long as it is told, and is memory flat?"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from tests.faults import kills
from tests.faults.ground import Ground, Size
from tests.faults.oracles import Findings
from tests.faults.processes import resident_mb
from tests.faults.rounds import Round
from tests.faults.running import parser, played, run, say, why_elsewhere

LOOK_SECONDS: Final = 5.0
MINUTE_SECONDS: Final = 60.0
# What a process may grow by from the middle third of a soak to the last one, before that counts as a leak.
GROWTH: Final = 0.1
GROWTH_MB: Final = 10.0
# A desk forgets bets each time that 20,000 events have come: in a shorter soak it has only grown.
JUDGED_FROM_MINUTES: Final = 6.0
_PLAYERS_A_MINUTE: Final = 5


@dataclass
class Memory:
    """What each process has had resident, in MB, look after look."""

    by_process: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def look(self, at: Ground) -> None:
        """Note how much each process has that runs now."""
        for each in at.service.everybody:
            if (pid := each.pid) is not None:
                self.by_process[each.name].append(resident_mb(pid))

    def judged(self) -> Findings:
        """Hold the last third against the middle one; the first is for warming up."""
        grown = {name: (_third(looks, 1), _third(looks, 2)) for name, looks in self.by_process.items()}
        told = ", ".join(f"{name} {middle:.0f} then {last:.0f} MB" for name, (middle, last) in grown.items())
        found = Findings("memory", told)
        for name, (middle, last) in grown.items():
            if last - middle > max(GROWTH * middle, GROWTH_MB):
                found.wrong.append(f"{name} has grown from {middle:.0f} to {last:.0f} MB")
        return found


def main() -> int:
    """Soak; return 1 if anything was found."""
    arguments = parser("soak", "Load the service for as long as it is told, and see whether its memory is flat.")
    arguments.add_argument("--minutes", type=float, default=30.0)
    arguments.add_argument(
        "--faults", action="store_true", help="kill something every minute; memory is not judged then"
    )
    asked = arguments.parse_args()
    code, _ = why_elsewhere("tests.faults.soak", asked.seed)
    if code is not None:
        return code

    def course(at: Ground, chance: random.Random) -> tuple[list[Round], list[Findings]]:
        memory, rounds = Memory(), list[Round]()
        until = time.monotonic() + asked.minutes * MINUTE_SECONDS
        while time.monotonic() < until:
            _minute(at, memory)
            if asked.faults:
                rounds += played(chance.choice(kills.faults(0)), at, chance)
        is_judged = asked.minutes >= JUDGED_FROM_MINUTES and not asked.faults
        return rounds, [memory.judged()] if is_judged else []

    players = max(Size().players, round(_PLAYERS_A_MINUTE * asked.minutes))
    return run(course, seed=asked.seed, size=Size(players=players, bets=asked.bets))


def _minute(at: Ground, memory: Memory) -> None:
    """Let a minute pass, and say how things are."""
    ends = time.monotonic() + MINUTE_SECONDS
    while time.monotonic() < ends:
        time.sleep(LOOK_SECONDS)
        memory.look(at)
    behind, _ = at.await_whole(what="a minute")
    now = ", ".join(f"{name} {looks[-1]:.0f}" for name, looks in memory.by_process.items())
    say(f"{at.clock():%H:%M:%S}: {behind:.1f} s behind; MB: {now}")


def _third(looks: list[float], number: int) -> float:
    """Return the median of one third of the looks."""
    size = max(1, len(looks) // 3)
    return statistics.median(looks[number * size : (number + 1) * size] or looks)


if __name__ == "__main__":
    sys.exit(main())
