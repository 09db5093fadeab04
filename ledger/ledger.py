"""The ledger: its logs, a desk for each, and what the use cases need beside them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, partial
from typing import Final
from uuid import UUID

from ledger.archives import Archives
from ledger.beacon import Beacon
from ledger.datastore import Datastore
from ledger.desk import Desk
from ledger.entries import Entries
from ledger.ids import OFFICE
from ledger.recorder import LogRecorder, open_logs
from ledger.seeds import SeedChain

# Anybody may ask for weeks that never were: they are not kept for ever.
RECORDERS_KEPT: Final = 64


class Ledger:
    """The one way to the logs of a database. Clock, ids and seeds come from outside; so does what a dead desk stops.

    With a `beacon`, the draws of rosters frozen from now on wait for a round of it.
    """

    def __init__(
        self,
        datastore: Datastore,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        seeds: SeedChain,
        on_death: Callable[[BaseException], None],
        beacon: Beacon | None = None,
    ) -> None:
        self.datastore = datastore
        self.clock = clock
        self.new_id = new_id
        self.seeds = seeds
        self.beacon = beacon
        self.entries = Entries(datastore)
        self.archives = Archives(datastore)
        self._on_death = on_death
        self._desks: dict[str, Desk] = {}
        self._recorder = lru_cache(RECORDERS_KEPT)(partial(LogRecorder, datastore))
        self._lock = threading.Lock()

    def desk(self, log: str) -> Desk:
        """Return the desk of a log, starting one where there is none."""
        desk = self._desks.get(log)
        if desk is None:
            with self._lock:
                desk = self._desks.get(log)
                if desk is None:
                    desk = self._desks[log] = Desk(self.recorder(log), clock=self.clock, on_death=self._on_death)
        return desk

    def recorder(self, log: str) -> LogRecorder:
        """Return the recorder of a log, which keeps nothing but the statements that it took time to put together."""
        return self._recorder(log)

    def weeks(self) -> list[str]:
        """Return the weeks that were ever opened and are not archived, in order."""
        return [log for log in open_logs(self.datastore) if log != OFFICE]

    def week_of_market(self, market_id: UUID) -> str | None:
        """Return the week of a market that a desk here has on its board; other processes' boards come by the news."""
        for log, desk in list(self._desks.items()):
            if market_id in desk.book.games_by_market:
                return log
        return None

    @property
    def is_failing(self) -> bool:
        """Whether the database has just now not taken what a desk here wrote, though it may well be read."""
        return any(desk.is_failing for desk in list(self._desks.values()))

    def close(self) -> None:
        """Answer what was asked, stop the desks and give the connections back."""
        for desk in list(self._desks.values()):
            desk.close()
        self.datastore.close()
