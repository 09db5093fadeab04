"""`fairpool bench`: the benchmarks of the checkout, run in this command's place."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ledger.mendable import Mendable

RUN = "tests.benchmarks.run"


class NoCheckout(Mendable):
    """The benchmarks are not here: they come with the source, as the peers that they measure against do."""


def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Smaller data, 2 rounds; under 8 minutes.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="End with one JSON object.")] = False,
    only: Annotated[str | None, typer.Option(metavar="IDS", help="Some figures by their ids, such as 1,2,m1.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Interleaved rounds; 5 by default, 2 with --quick.")] = None,
    plots: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Measure series and layers, too; write plots and tables there."),
    ] = None,
) -> None:
    """Measure how quick all this is, beside peers and limits in the same run; needs a checkout of the source.

    Each figure is a ratio to a peer or a limit measured right beside it: the median of the rounds. Servers are started
    for it in a temporary folder, with fsync on, and are gone at the end; nothing that runs here is touched.

    Exit code 0 says that all was measured, not that every figure reaches what it should: that is in the table. With
    exit code 1 a benchmark failed, and the others were measured nevertheless.
    """
    # Typer and the commands here know nothing of the tests, and this process has nothing to add: it becomes the run.
    command = [sys.executable, "-m", RUN, *(["--quick"] if quick else []), *(["--json"] if as_json else [])]
    command += [f"--only={only}"] if only else []
    command += [f"--rounds={rounds}"] if rounds else []
    command += [f"--plots={plots.absolute()}"] if plots else []
    os.chdir(_checkout())
    os.execv(sys.executable, command)


def _checkout() -> Path:
    root = Path(__file__).parents[2]
    if not (root / (RUN.replace(".", "/") + ".py")).exists():
        raise NoCheckout("benchmarks are part of the source, and not of the installed package: run this in a checkout")
    return root
