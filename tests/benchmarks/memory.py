"""Memory and start-up: what processes of the service take, and how soon one of them serves behind a large log.

Processes are measured from outside, as the operating system sees them: their resident sets, shared libraries included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from tests.benchmarks.figures import Figure, Ground, Round, Sample
from tests.benchmarks.live_accounts import LiveAccounts
from tests.benchmarks.peaks import Peaks, SizedLog
from tests.benchmarks.starting import Starting

ACCOUNTS: Final = 100_000
LIMIT_MB: Final = 300.0
LIMIT_SECONDS: Final = 3.0
_CONSTANT: Final = "the same with a tenth of the events"


def _limited(id: str, work: str, *, peer: str, unit: str, reach: float = 1.0, dream: float) -> Figure:
    return Figure(id=id, work=work, peer=peer, unit=unit, reach=reach, dream=dream, at_least=False)


def _constant(id: str, work: str) -> Figure:
    return _limited(id, f"peak memory: {work}", peer=_CONSTANT, unit="MB", reach=1.25, dream=1.1)


FIGURES: Final = (
    _limited("m1", "memory of the API, 100,000 live accounts", peer=f"{LIMIT_MB:.0f} MB", unit="MB", dream=0.7),
    _limited(
        "m2",
        "`fairpool api` on 10 million events: until the first bet is answered",
        peer=f"{LIMIT_SECONDS:.0f} s",
        unit="s",
        dream=0.6,
    ),
    _constant("m3", "all projections rebuilt"),
    _constant("m4", "audit replay, projections compared"),
    _constant("m5", "export in all forms"),
    _constant("m6", "the settler, one game of eight settled"),
    _limited(
        "m7",
        "`fairpool up`, with its own servers, on 10 million events: until the first bet is answered",
        peer=f"{LIMIT_SECONDS:.0f} s",
        unit="s",
        dream=0.8,
    ),
)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is: players who visit the API, events behind which it starts, and events of the larger log."""

    visitors: int
    behind: int
    events: int


FULL: Final = Sizes(visitors=ACCOUNTS, behind=10_000_000, events=1_000_000)
QUICK: Final = Sizes(visitors=2_000, behind=300_000, events=50_000)


@contextmanager
def rounds(ground: Ground) -> Iterator[Round]:
    """Fill the logs, and let the players visit the API, which keeps running."""
    sizes = QUICK if ground.quick else FULL
    with ExitStack() as running:
        ground.tell(f"filling logs of {sizes.events // 10} and {sizes.events} events")
        small, large = (SizedLog(ground, events=events) for events in (sizes.events // 10, sizes.events))
        ground.tell(f"filling a log of {sizes.behind} events to start behind")
        starting = Starting(ground.folder / "service", events=sizes.behind)
        ground.tell(f"{sizes.visitors} players visit the API")
        accounts = running.enter_context(LiveAccounts.visited(ground, visitors=sizes.visitors))

        def measure() -> Mapping[str, Sample]:
            started = starting.measure()
            return {
                "m1": Sample(accounts.memory_mb(ACCOUNTS), LIMIT_MB),
                "m2": Sample(started.api, LIMIT_SECONDS),
                **_peaks(large.measure(), small.measure()),
                "m7": Sample(started.up, LIMIT_SECONDS),
            }

        yield measure


def _peaks(large: Peaks, small: Peaks) -> dict[str, Sample]:
    return {
        "m3": Sample(large.rebuild, small.rebuild),
        "m4": Sample(large.replay, small.replay),
        "m5": Sample(large.export, small.export),
        "m6": Sample(large.settlement, small.settlement),
    }
