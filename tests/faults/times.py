"""Clocks of processes that are wrong, and processes of two versions at once."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Final

from tests.faults.ground import Ground
from tests.faults.rounds import Fault
from tests.faults.service import ROOT

JUMPS: Final = (-86_400.0, -3_600.0, -120.0, -3.0, 3.0, 120.0, 3_600.0, 86_400.0)
WRONG_SECONDS: Final = (3.0, 7.0)
# The release before this one: its processes still run while those of this one start.
OLD_VERSION: Final = "cfbc7e3"
_PACKAGES: Final = ("api", "fairpool", "feeds", "ledger", "projections")
_BOTH_SECONDS: Final = 6.0


def faults(scale: float) -> list[Fault]:
    """Return what time does to processes."""
    times = max(1, round(scale))
    return [
        Fault("a process has a wrong clock", _wrong_clock, 6 * times),
        Fault("two versions at once", _two_versions, times),
    ]


def _wrong_clock(ground: Ground, chance: random.Random) -> int:
    """Set the clock of one process wrong, by seconds to a day, while it runs; half of the time it starts so."""
    process = chance.choice(ground.service.everybody)
    process.clock.set(ground.clock.ahead + chance.choice(JUMPS))
    if chance.random() < 0.5:
        process.kill()
    time.sleep(chance.uniform(*WRONG_SECONDS))
    process.clock.set(ground.clock.ahead)
    return 1


def _two_versions(ground: Ground, chance: random.Random) -> int:
    """Run half of the processes from the release before, on the same database, and bring them back one by one."""
    old = _unpacked(ground.folder / "old")
    if old is None:
        return 0
    everybody = list(ground.service.everybody)
    outdated = [ground.service.apis[0], *chance.sample(everybody[2:], 3)]
    for process in outdated:
        process.source = old
        process.kill()
    time.sleep(_BOTH_SECONDS)
    for process in outdated:
        process.source = ROOT
        process.kill()
        time.sleep(chance.uniform(0.5, 2))
    return len(outdated)


def _unpacked(folder: Path) -> Path | None:
    """Return a tree of the old release's source, or None where this checkout does not have its history."""
    if not folder.exists():
        command = ["git", "-C", str(ROOT), "archive", OLD_VERSION, *_PACKAGES]
        archived = subprocess.run(command, capture_output=True, check=False)
        if archived.returncode:
            return None
        with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
            archive.extractall(folder, filter="data")
    return folder
