"""The silence of sources: prices that nobody confirms any more take no stakes.

A source is silent when the newest thing that we have of it is older than its limit, whoever is to blame: it, the
network, or our own feed while it is down. A price is as stale in each case, and a stale one costs whoever holds it. It
is heard again when something *new* has come: what counts is when a message was said, not when it was taken. So a
backlog, drained after an outage, opens no market on a price from the middle of it; the last messages do. A source
that we have never heard is not silent: there is nothing to be stale. The limit must be well above the age at which a
source's messages usually come, and above its longest pause; a quote said again with a new time is a sign of life.

Markets are stopped one by one, and exactly those go on again that were stopped for this: see `SOURCE_SILENT`. All of
it stands in the log, so a crash, or two processes that do this at once, change nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from feeds.sources import Sources
from ledger import listing
from ledger.aggregate import LedgerError
from ledger.book import Decision
from ledger.datastore import OUTAGES
from ledger.game import SOURCE_SILENT, Game
from ledger.ledger import Ledger

CLOCK: Final = "clock"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SilentSource:
    """A source that has been silent for longer than its limit."""

    source: str
    heard_at: datetime
    limit: timedelta


class _Change(NamedTuple):
    game_id: UUID
    market: str
    stops: bool


class Silence:
    """Stops the markets of silent sources, and lets them go on. `seconds`: the limit, of all or by source; None is off.

    Switched off, it lets go on what it has stopped before.
    """

    def __init__(self, ledger: Ledger, *, seconds: int | Mapping[str, int] | None) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._sources = Sources(ledger.datastore)
        self._over: set[str] = set()
        self._is_off = False

    def run(self, stop: threading.Event, *, poll_seconds: float = 1.0) -> None:
        """Tick until `stop` is set."""
        while not stop.wait(poll_seconds):
            try:
                self.tick()
            except (LedgerError, *OUTAGES) as error:
                _log.warning("nobody minds the silence of sources: %s", error)

    def tick(self) -> int:
        """Stop and let go on what is due now, and return how many markets that were."""
        if self._is_off:
            return 0
        silent = {each.source for each in self.silent()}
        done = sum(self._tick(week, silent) for week in self._ledger.weeks() if week not in self._over)
        self._is_off = self._seconds is None
        return done

    def silent(self) -> list[SilentSource]:
        """Return the sources that are silent now."""
        now = self._ledger.clock()
        return [each for each in self._limited() if now - each.heard_at >= each.limit]

    def next_at(self) -> datetime | None:
        """Return when the next source falls silent, if it says nothing more; None where none can."""
        now = self._ledger.clock()
        return min((due for each in self._limited() if (due := each.heard_at + each.limit) > now), default=None)

    def _limited(self) -> list[SilentSource]:
        if self._seconds is None:
            return []
        heard = self._sources.last_heard().items()
        return [SilentSource(source, at, limit) for source, at in heard if (limit := self._limit(source)) is not None]

    def _limit(self, source: str) -> timedelta | None:
        seconds = self._seconds.get(source) if isinstance(self._seconds, Mapping) else self._seconds
        return None if seconds is None else timedelta(seconds=seconds)

    def _tick(self, week: str, silent: Collection[str]) -> int:
        state, changes = (
            self._ledger.desk(week).ask(partial(_due, silent=silent), actor=CLOCK, request="silence").result()
        )
        if state == "final":
            self._over.add(week)
        asked = [self._ask(week, change) for change in changes]
        return sum(len(future.result()) for future in asked)

    def _ask(self, week: str, change: _Change) -> Future[list[Any]]:
        origin: dict[str, Any] = {"week": week, "game_id": change.game_id, "market": change.market, "actor": CLOCK}
        if change.stops:
            return listing.suspend(self._ledger, why=SOURCE_SILENT, request=f"{week}/silence", **origin)
        return listing.reopen(
            self._ledger, why="source heard", stopped_for=SOURCE_SILENT, request=f"{week}/silence", **origin
        )


def _due(on: Decision, *, silent: Collection[str]) -> tuple[str, list[_Change]]:
    """Return the week's state, and which markets to stop or to let go on."""
    state = on.week().state
    if state != "grouped":
        return state, []
    upcoming = [game for game in on.games() if _takes_stakes(game, on.now)]
    return state, [change for game in upcoming for change in _changes(game, silent)]


def _takes_stakes(game: Game, now: datetime) -> bool:
    return not game.moved_out and game.locked is None and now < game.starts_at


def _changes(game: Game, silent: Collection[str]) -> list[_Change]:
    changes = []
    for market in game.markets.values():
        is_silent = market.quote is not None and market.quote.source in silent
        if is_silent and market.suspended is None and game.suspended is None:
            changes.append(_Change(game.id, market.market, stops=True))
        elif not is_silent and market.suspended == SOURCE_SILENT:
            changes.append(_Change(game.id, market.market, stops=False))
    return changes
