"""Runs the benchmarks and prints their figures: `python -m tests.benchmarks.run [NAME…]`, or `fairpool bench`.

Each benchmark runs in a process of its own, on a PostgreSQL of its own, in a temporary folder: none pays for the memory
or the garbage of another, and one that fails does not keep the others from being measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from fairpool.embedded_server import claimed
from ledger.mendable import Mendable
from tests.benchmarks import machine, measuring, pages, results, table
from tests.benchmarks.figures import FULL_ROUNDS, QUICK_ROUNDS
from tests.benchmarks.results import Measured

BENCHMARKS: Final[Mapping[str, tuple[str, ...]]] = {
    "stakes": ("1", "2", "11"),
    "web": ("3", "4", "5"),
    "settlement": ("6", "7"),
    "rebuild": ("8", "9"),
    "audit": ("10",),
    "draw": ("12",),
    "memory": ("m1", "m2", "m3", "m4", "m5", "m6", "m7"),
}
"""The figures of each benchmark, in the order in which they run."""

PLOTTED: Final = ("scaling", "layers")
"""What is measured for the plots and tables of the documentation only."""

# Until it is asked again to end, and at last is killed: PostgreSQL may have a long checkpoint to write.
STOP_SECONDS: Final = 20
STOP_ATTEMPTS: Final = 3


class NoSuchFigure(Mendable):
    """A figure is asked for that no benchmark has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is to measure: all figures, unless `names` names benchmarks or `only` figures."""

    names: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()
    quick: bool = False
    rounds: int
    plots: Path | None = None
    json: bool = False

    @property
    def benchmarks(self) -> list[str]:
        """The benchmarks to run, in order; raises NoSuchFigure."""
        if self.names:
            return list(self.names)
        known = [id for ids in BENCHMARKS.values() for id in ids]
        unknown = self.only.difference(known)
        if unknown:
            raise NoSuchFigure(f"no figure is called {', '.join(sorted(unknown))}: there are {', '.join(known)}")
        having = [name for name, ids in BENCHMARKS.items() if not self.only or self.only.intersection(ids)]
        return [*having, *(PLOTTED if self.plots else ())]

    @property
    def limit_seconds(self) -> int:
        """How long a benchmark may take, preparation included, before it counts as hung."""
        seconds = 120 + 30 * self.rounds if self.quick else 1_200 + 360 * self.rounds
        return 2 * seconds if self.plots else seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, and return 0 if all of it was measured, whatever the figures are."""
    asked = _asked(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return run(asked)
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
    except Mendable as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1


def _asked(arguments: Sequence[str] | None) -> Asked:
    parser = argparse.ArgumentParser(description="Measure how quick it is, beside peers and limits in the same run.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"benchmarks; all by default: {', '.join(BENCHMARKS)}")
    parser.add_argument("--only", default="", help="ids of figures, such as 1,2,m1")
    parser.add_argument("--quick", action="store_true", help="smaller data, fewer rounds")
    parser.add_argument("--rounds", type=int, help=f"{FULL_ROUNDS} by default, {QUICK_ROUNDS} with --quick")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="also measure series and layers; write them there")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    given = parser.parse_args(arguments)
    return Asked(
        names=tuple(given.names),
        only=frozenset(filter(None, given.only.split(","))),
        quick=given.quick,
        rounds=given.rounds or (QUICK_ROUNDS if given.quick else FULL_ROUNDS),
        plots=given.plots,
        json=given.json,
    )


def run(asked: Asked) -> int:
    """Measure, tell and draw what is asked for; returns 1 if a benchmark failed."""
    benchmarks = asked.benchmarks
    with tempfile.TemporaryDirectory(prefix="fairpool-bench-", ignore_cleanup_errors=True) as temporary:
        ground = machine.machine(Path(temporary))
        measured = list(_measured(benchmarks, asked, Path(temporary)))
    # The servers are all started alike.
    server = next((each.settings for each in measured if each.settings), {})
    settings = {**server, **machine.versions(), "quick": asked.quick, "rounds": asked.rounds}
    report = results.report(results.rows(measured, only=asked.only), machine=ground, settings=settings)
    if asked.plots:
        pages.write(asked.plots, report, measured)
    if asked.json:
        sys.stdout.write(json.dumps(report, separators=(",", ":")) + "\n")
    else:
        table.show(report)
    return int(any(each.error for each in measured))


def _measured(benchmarks: Sequence[str], asked: Asked, temporary: Path) -> Iterator[Measured]:
    # PostgreSQL's programs may be copied there, for another user to run, who must find the way in.
    temporary.chmod(0o711)
    for name in benchmarks:
        folder = temporary / name
        folder.mkdir()
        folder.chmod(0o711)
        yield measure(name, asked, folder)


def measure(name: str, asked: Asked, folder: Path) -> Measured:
    """Run one benchmark in a process of its own, and return what it measured, and why not more."""
    command = [sys.executable, "-m", measuring.__name__, name, str(folder), f"--rounds={asked.rounds}"]
    command += [*(["--quick"] if asked.quick else []), *(["--plots"] if asked.plots else [])]
    try:
        error = end_of(command, environment=_environment(folder), seconds=asked.limit_seconds)
    finally:
        # A server whose program was killed ends by itself, soon after, and only then can its folder go.
        with claimed(folder / "data" / "postgres"):
            pass
    found = folder / measuring.OUT
    measured = Measured.load(found) if found.exists() else Measured(name)
    if error and not measured.error:
        measured.error = error
    return measured


def end_of(
    command: Sequence[str], *, environment: Mapping[str, str], seconds: float, keeps: Sequence[int] = ()
) -> str | None:
    """Run a program to its end, and return what went wrong. None of its processes outlives this call.

    It `keeps` some file descriptors of ours.
    """
    # It has a session of its own: Ctrl-C comes to us alone, and its processes can be ended as one group.
    process = subprocess.Popen(
        command,
        cwd=machine.ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        start_new_session=True,
        pass_fds=keeps,
    )
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"took longer than {seconds:.0f} s"
    finally:
        _stop(process)
    return f"ended with exit code {code}" if code else None


def _stop(process: subprocess.Popen[bytes]) -> None:
    try:
        # Python swallows an interrupt that comes while it lets go of an object, so one is not always enough.
        for _ in range(STOP_ATTEMPTS):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=STOP_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _environment(folder: Path) -> dict[str, str]:
    """Return our environment without what would change the service's defaults; temporary files go into the folder."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FAIRPOOL_", "PG")) and name not in ("DATABASE_URL", "NATS_URL")
    }
    return ours | {"TMPDIR": str(folder)}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
