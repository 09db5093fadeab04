"""Whatever the database raises when it goes away, no part of the service ends of it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.errors import (
    AdminShutdown,
    CannotConnectNow,
    DiskFull,
    IdleInTransactionSessionTimeout,
    ReadOnlySqlTransaction,
)
from psycopg_pool import PoolClosed, PoolTimeout

from fairpool.core import core
from fairpool.settings import Settings
from feeds.ingest import OUTAGES
from ledger.desk import LedgerUnavailable

PARTS: Final = {
    "deadlines": "tick",
    "silence": "tick",
    "watch": "tick",
    "settler": "step",
    "notary": "step",
    "projections": "step",
    "builder": "step",
}
TROUBLES: Final = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    PoolTimeout,
    PoolClosed,
    AdminShutdown,
    CannotConnectNow,
    DiskFull,
    ReadOnlySqlTransaction,
    IdleInTransactionSessionTimeout,
)


class Hurried(threading.Event):
    """Lets nobody wait."""

    def wait(self, timeout: float | None = None) -> bool:
        """Say whether it is set."""
        return self.is_set()


def test_every_loop_goes_on_after_an_outage(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It tries again, whichever error it was."""
    tries: dict[str, int] = {}
    with core(Settings(data=tmp_path), dsn, master=bytes(32)) as built:
        for name, step in PARTS.items():
            part, stop = getattr(built, name), Hurried()
            troubles = [*TROUBLES, *([LedgerUnavailable] if name not in ("projections", "builder") else [])]

            def fail(*_: Any, name: str = name, stop: Hurried = stop, left: list[Any] = troubles, **__: Any) -> int:
                tries[name] = tries.get(name, 0) + 1
                if not left:
                    stop.set()
                    return 0
                raise left.pop()("away")

            monkeypatch.setattr(part, step, fail)
            wanted = len(troubles) + 1
            part.run(stop)
            assert tries[name] == wanted


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_message_that_meets_an_outage_is_not_to_blame(trouble: type[Exception]) -> None:
    """The feed, too, tries again: nothing becomes a dead letter."""
    assert issubclass(trouble, OUTAGES)
