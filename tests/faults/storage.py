"""Disks that become full and lose power, under the database and under NATS."""

from __future__ import annotations

import random
import time
from typing import Final

from tests.faults.disks import Disk, Folder
from tests.faults.ground import Ground
from tests.faults.rounds import Fault

FULL_SECONDS: Final = (2.0, 6.0)


def faults(scale: float) -> list[Fault]:
    """Return what disks do."""
    times = max(1, round(scale))
    return [
        Fault("power cut, PostgreSQL", _cut_power_of_postgres, 4 * times, is_isolated=True),
        Fault("power cut, NATS", _cut_power_of_nats, 2 * times, is_isolated=True),
        Fault("disk full, PostgreSQL", _fill_postgres, 2 * times, is_isolated=True),
        Fault("disk full, NATS", _fill_nats, 2 * times, is_isolated=True),
    ]


def _cut_power_of_postgres(ground: Ground, chance: random.Random) -> int:
    """Cut the power amid commits; the server goes on for a moment, on a disk that takes nothing."""
    disk = _disk(ground.postgres.disk)
    disk.cut_power()
    time.sleep(chance.uniform(0, 0.5))
    ground.postgres.kill()
    disk.return_power()
    ground.postgres.start()
    return 1


def _cut_power_of_nats(ground: Ground, chance: random.Random) -> int:
    disk = _disk(ground.nats.disk)
    disk.cut_power()
    time.sleep(chance.uniform(0, 0.5))
    ground.nats.kill()
    disk.return_power()
    ground.nats.start()
    return 1


def _fill_postgres(ground: Ground, chance: random.Random) -> int:
    """Leave the database no room; it may end itself for want of a place for its log, and is then started again."""
    disk = _disk(ground.postgres.disk)
    disk.fill()
    try:
        time.sleep(chance.uniform(*FULL_SECONDS))
    finally:
        disk.make_room()
    ground.postgres.revive()
    return 1


def _fill_nats(ground: Ground, chance: random.Random) -> int:
    """Leave NATS no room. It does not write again by itself when there is some: so it is started again."""
    disk = _disk(ground.nats.disk)
    disk.fill()
    try:
        time.sleep(chance.uniform(*FULL_SECONDS))
    finally:
        disk.make_room()
    ground.nats.kill()
    ground.nats.start()
    return 1


def _disk(folder: Folder) -> Disk:
    assert isinstance(folder, Disk)
    return folder
