"""Restoring: a base backup and the log since bring the database back as it was at any position."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path
from typing import Final

from tests.faults.disks import Folder
from tests.faults.ground import PATIENCE_SECONDS, Ground
from tests.faults.postgres_server import Postgres
from tests.faults.processes import wait_until
from tests.faults.rounds import Fault

LOAD_SECONDS: Final = (2.0, 5.0)
_LOG: Final = """
SELECT count(*), sha256(string_agg(sha256(convert_to(events::text, 'UTF8')), '' ORDER BY notification_id))
  FROM events WHERE log = %s AND notification_id <= %s
"""
# The service looks for no database at this port: what is restored must not be taken for the one that runs.
_PORT: Final = 6432


class Restored(AssertionError):
    """What came back is not what was there."""


def faults(scale: float) -> list[Fault]:
    """Return the restoring of backups."""
    return [Fault("a restore to a position", _restore, max(1, round(scale)))]


def _restore(ground: Ground, chance: random.Random) -> int:
    """Copy the running database, go on, note a position; restore the copy up to there beside the one that runs.

    Raises Restored where the log is not, byte for byte, what it was.
    """
    archive = _archive(ground)
    ground.postgres.set(archive_command=f"cp %p {archive}/%f.part && mv {archive}/%f.part {archive}/%f")
    copy = ground.spare.beside(f"copy{chance.getrandbits(32)}", port=_PORT)
    copy.copy_of(ground.postgres, follows=False)
    time.sleep(chance.uniform(*LOAD_SECONDS))
    [(acknowledged,)] = ground.postgres.ask("SELECT position FROM heads WHERE log = %s", ground.week)
    [(position,)] = ground.postgres.ask("SELECT pg_current_wal_flush_lsn()::text")
    time.sleep(chance.uniform(*LOAD_SECONDS))
    [(segment,)] = ground.postgres.ask("SELECT pg_walfile_name(pg_switch_wal())")
    wait_until((archive / segment).exists, what=f"{segment} is archived", seconds=PATIENCE_SECONDS)
    copy.recover_to(position, archive=archive)
    copy.start()
    try:
        _compare(ground, copy, acknowledged)
    finally:
        copy.kill()
    ground.postgres.set(archive_command="true")
    return 1


def _compare(ground: Ground, copy: Postgres, acknowledged: int) -> None:
    wait_until(lambda: not _is_recovering(copy), what="the copy opens", seconds=PATIENCE_SECONDS)
    [(head,)] = copy.ask("SELECT position FROM heads WHERE log = %s", ground.week)
    if head < acknowledged:
        raise Restored(f"{acknowledged} events had been acknowledged, {head} came back")
    if copy.ask(_LOG, ground.week, head) != ground.postgres.ask(_LOG, ground.week, head):
        raise Restored(f"the first {head} events are not what they were")


def _is_recovering(server: Postgres) -> bool:
    [(is_recovering,)] = server.ask("SELECT pg_is_in_recovery()")
    return bool(is_recovering)


def _archive(ground: Ground) -> Path:
    """Return an empty folder on the host's disk, which the server's user may write."""
    archive = ground.folder / "archive"
    shutil.rmtree(archive, ignore_errors=True)
    folder = Folder(archive)
    folder.path.chmod(0o777)
    return folder.path
