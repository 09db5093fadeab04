"""kill -9 of roles and servers, one at a time and any of them in quick succession."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from tests.faults.ground import Ground
from tests.faults.rounds import Act, Fault

AWAY_SECONDS: Final = 1.0
# In a storm every so many of the kills fall on each server: of the roles there are eight.
_SERVERS_SHARE: Final = 3


def faults(scale: float) -> list[Fault]:
    """Return what is killed, more often by a scale."""

    def times(count: int) -> int:
        return max(1, round(scale * count))

    return [
        Fault("kill -9 of an API", _kill_api, times(4)),
        *(Fault(f"kill -9 of {name}", kill_role(name), times(2)) for name in ("settle", "project", "feed", "pay")),
        Fault("kill -9 of PostgreSQL", _kill_postgres, times(6)),
        Fault("kill -9 of NATS", _kill_nats, times(4)),
        Fault("kill -9 of anything, again and again", storm(times(50))),
    ]


def kill_role(name: str) -> Act:
    """Return what kills a role's process."""

    def act(ground: Ground, _: random.Random) -> int:
        ground.service.workers[name].kill()
        return 1

    return act


def storm(kills: int) -> Act:
    """Return what kills so many times whatever it falls on, mostly before all has come back from the time before."""

    def act(ground: Ground, chance: random.Random) -> int:
        victims: list[Callable[[], object]] = [process.kill for process in ground.service.everybody]
        for server in (_kill_postgres, _kill_nats):
            victims += [partial(server, ground, chance)] * _SERVERS_SHARE
        for _ in range(kills):
            chance.choice(victims)()
            time.sleep(chance.expovariate(1 / AWAY_SECONDS))
        return kills

    return act


def _kill_api(ground: Ground, chance: random.Random) -> int:
    chance.choice(ground.service.apis).kill()
    return 1


def _kill_postgres(ground: Ground, chance: random.Random) -> int:
    """Kill the database with all of its processes, amid commits, and start it after a moment."""
    ground.postgres.kill()
    time.sleep(chance.uniform(0, AWAY_SECONDS))
    ground.postgres.start()
    return 1


def _kill_nats(ground: Ground, chance: random.Random) -> int:
    """Kill NATS, and start it after a moment."""
    ground.nats.kill()
    time.sleep(chance.uniform(0, AWAY_SECONDS))
    ground.nats.start()
    return 1
