"""Measures one benchmark in this process: `python -m tests.benchmarks.measuring NAME FOLDER`; `run` calls it.

The benchmark gets a PostgreSQL of its own in FOLDER, as `fairpool up` starts it. What it measures stands in
FOLDER/measured.json after each round.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from fairpool.embedded import EmbeddedPostgres
from tests.benchmarks.figures import Ground
from tests.benchmarks.machine import server_settings
from tests.benchmarks.results import Measured

OUT: Final = "measured.json"
# A rough run is over in minutes on a slow machine, too: it then takes fewer rounds, and says so.
QUICK_SECONDS: Final = 60


def main() -> int:
    """Measure, and return 0 if all was measured."""
    parser = argparse.ArgumentParser(description="Measure one benchmark.")
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--plots", action="store_true")
    asked = parser.parse_args()
    # Whoever was started in the background of a script ignores it; `run` asks us to end by it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    measured = Measured(asked.name)
    try:
        _measure(asked, measured)
    except Exception as error:
        traceback.print_exc()
        measured.error = f"{type(error).__name__}: {error}"
    except KeyboardInterrupt:
        return 130
    measured.save(asked.folder / OUT)
    return int(measured.error is not None)


def _measure(asked: argparse.Namespace, measured: Measured) -> None:
    module = import_module(f"tests.benchmarks.{asked.name}")
    measured.figures = getattr(module, "FIGURES", ())
    measured.save(asked.folder / OUT)
    with EmbeddedPostgres(asked.folder / "data") as postgres:
        measured.settings = server_settings(postgres.dsn)
        ground = Ground(postgres, asked.folder, quick=asked.quick, tell=_Progress(asked.name).tell)
        if measured.figures:
            _take_rounds(module, ground, asked.rounds, measured)
        if asked.plots:
            _draw_up(module, ground, measured)


def _take_rounds(module: ModuleType, ground: Ground, rounds: int, measured: Measured) -> None:
    began = time.monotonic()
    ids = {figure.id for figure in measured.figures}
    ground.tell("preparing")
    with module.rounds(ground) as measure:
        for number in range(1, rounds + 1):
            if ground.quick and number > 1 and time.monotonic() - began > QUICK_SECONDS:
                ground.tell(f"{number - 1} of {rounds} rounds are enough for a rough figure")
                break
            samples = measure()
            if set(samples) != ids:
                raise ValueError(f"a round measured {sorted(samples)}, and the figures are {sorted(ids)}")
            for id, sample in samples.items():
                measured.samples.setdefault(id, []).append(sample)
            measured.save(ground.folder / OUT)
            told = ", ".join(f"#{id} {sample.ratio:.3g}" for id, sample in samples.items())
            ground.tell(f"round {number} of {rounds}: {told}")
    # What a benchmark changed, it changed for itself and the peer alike; but no figure stands on a server unlike ours.
    if server_settings(ground.postgres.dsn) != measured.settings:
        raise ValueError("the benchmark changed the server's settings")


def _draw_up(module: ModuleType, ground: Ground, measured: Measured) -> None:
    for kind, found in (("series", measured.series), ("layers", measured.layers)):
        if hasattr(module, kind):
            ground.tell(f"measuring {kind}")
            for each in getattr(module, kind)(ground):
                found.append(each)
                measured.save(ground.folder / OUT)


class _Progress:
    """Tells on standard error what is being done, and since when."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._began = time.monotonic()

    def tell(self, line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - self._began:4.0f} s  {self._name}: {line}\n")


if __name__ == "__main__":
    sys.exit(main())
