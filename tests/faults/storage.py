"""Disks that become full and lose power, under the database and under NATS."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final

from tests.faults.disks import Disk
from tests.faults.ground import Ground
from tests.faults.nats_server import Nats
from tests.faults.postgres_server import Postgres
from tests.faults.rounds import Act, Fault

GOES_ON_SECONDS: Final = (0.0, 0.5)
FULL_SECONDS: Final = (2.0, 6.0)
Place = Callable[[Ground], Postgres | Nats]
"""Which server it is whose disk fails."""


def faults(scale: float) -> list[Fault]:
    """Return what disks do."""
    times = max(1, round(scale))
    return [
        Fault("power cut, PostgreSQL", _power_cut(_postgres), 4 * times, is_isolated=True),
        Fault("power cut, NATS", _power_cut(_nats), 2 * times, is_isolated=True),
        Fault("disk full, PostgreSQL", _disk_full(_postgres), 2 * times, is_isolated=True),
        Fault("disk full, NATS", _disk_full(_nats), 2 * times, is_isolated=True),
    ]


def _postgres(ground: Ground) -> Postgres:
    return ground.postgres


def _nats(ground: Ground) -> Nats:
    return ground.nats


def _power_cut(place: Place) -> Act:
    """Return what cuts the power amid writes; the server goes on for a moment, on a disk that takes nothing."""

    def act(ground: Ground, chance: random.Random) -> int:
        server = place(ground)
        disk = _disk(server)
        disk.cut_power()
        time.sleep(chance.uniform(*GOES_ON_SECONDS))
        server.kill()
        disk.return_power()
        server.start()
        return 1

    return act


def _disk_full(place: Place) -> Act:
    """Return what leaves a server no room for a while."""

    def act(ground: Ground, chance: random.Random) -> int:
        server = place(ground)
        disk = _disk(server)
        disk.fill()
        try:
            time.sleep(chance.uniform(*FULL_SECONDS))
        finally:
            disk.make_room()
        server.revive()
        return 1

    return act


def _disk(server: Postgres | Nats) -> Disk:
    assert isinstance(server.disk, Disk)
    return server.disk
