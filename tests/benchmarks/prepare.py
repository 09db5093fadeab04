"""Plays a big week into a database, signs it, and brings the projections to its end: `python -m … DATA EVENTS`.

The database is that of DATABASE_URL. A week that stands there already is taken as it is.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from psycopg.conninfo import make_conninfo

from fairpool.core import Core, core
from fairpool.schema import all_migrations
from fairpool.settings import Settings
from ledger.datastore import Datastore
from ledger.migrate import migrate
from ledger.recorder import open_logs
from tests.benchmarks.big_week import BigWeek
from tests.examples import WEEK


def main() -> None:
    """Prepare what the commands are run on."""
    data, events, dsn = Path(sys.argv[1]), int(sys.argv[2]), os.environ["DATABASE_URL"]
    migrate(dsn, all_migrations())
    # Nobody relies on these commits: a machine that fails meanwhile starts over.
    datastore = Datastore(make_conninfo(dsn, options="-c synchronous_commit=off"))
    if WEEK not in open_logs(datastore):
        _play(datastore, events)
    datastore.close()
    with core(Settings(data=data), dsn) as built:
        _project(built)
        while built.notary.step(now=time.monotonic(), forced=True):
            _project(built)


def _play(datastore: Datastore, events: int) -> None:
    week, began = BigWeek(datastore, events=events), time.monotonic()

    def progress(done: int, total: int) -> None:
        sys.stderr.write(f"\rplaying: {done} of {total} steps, {time.monotonic() - began:.0f} s ")

    week.play(progress)
    sys.stderr.write(f"\n{week.playing.head()} events\n")
    week.close()


def _project(built: Core) -> None:
    while built.projections.step():
        pass


if __name__ == "__main__":
    main()
