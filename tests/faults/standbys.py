"""Fail-over to a synchronous standby, and restoring from a base backup and its log."""

from __future__ import annotations

import random
import time
from typing import Final

from tests.faults.ground import PATIENCE_SECONDS, Ground
from tests.faults.postgres_server import Postgres
from tests.faults.processes import wait_until
from tests.faults.rounds import Fault

LOAD_SECONDS: Final = (1.0, 4.0)


def faults(scale: float) -> list[Fault]:
    """Return what happens to a primary that has a standby."""
    times = max(1, round(scale))
    return [
        Fault("fail-over to a synchronous standby", _fail_over, 2 * times, is_isolated=True),
        Fault("a wait for the standby is cancelled", _cancel_waits, times, is_isolated=True),
    ]


def _fail_over(ground: Ground, chance: random.Random) -> int:
    """Kill the primary or cut it off, and promote the standby; the old primary is the next standby, by a fresh copy."""
    primary, standby = ground.postgres, ground.spare
    follow(standby, primary)
    time.sleep(chance.uniform(*LOAD_SECONDS))
    is_cut_off = chance.random() < 0.5
    if is_cut_off:
        primary.host.unplug()
    else:
        primary.kill()
    standby.promote()
    ground.postgres, ground.spare = standby, primary
    standby.set(synchronous_standby_names="")
    time.sleep(chance.uniform(*LOAD_SECONDS))
    # The old primary never comes back as one: nobody may find two.
    primary.kill()
    primary.host.plug()
    return 1


def _cancel_waits(ground: Ground, chance: random.Random) -> int:
    """Cancel commits that wait for a standby which is away, then lose the primary: what was only there is gone.

    PostgreSQL lets such a commit stand, and answers with a warning: it must not be taken for an acknowledgement.
    """
    primary, standby = ground.postgres, ground.spare
    follow(standby, primary)
    standby.host.unplug()
    wait_until(lambda: bool(_waiting(primary)), what="commits wait", seconds=PATIENCE_SECONDS)
    for _ in range(20):
        primary.ask("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        time.sleep(chance.uniform(0.05, 0.2))
    primary.kill()
    standby.host.plug()
    standby.promote()
    ground.postgres, ground.spare = standby, primary
    standby.set(synchronous_standby_names="")
    return 1


def follow(standby: Postgres, primary: Postgres) -> None:
    """Have the primary acknowledge nothing from now on that the standby does not have on its disk."""
    standby.copy_of(primary, follows=True)
    standby.launch()
    primary.set(synchronous_standby_names=standby.name)
    wait_until(lambda: _is_synchronous(primary), what=f"{standby.name} follows", seconds=PATIENCE_SECONDS)


def _is_synchronous(primary: Postgres) -> bool:
    return [state for (state,) in primary.ask("SELECT sync_state FROM pg_stat_replication")] == ["sync"]


def _waiting(primary: Postgres) -> int:
    [(waiting,)] = primary.ask("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
    return int(waiting)
