"""The builder: makes the generations that somebody asked for, and goes on with those whose maker died."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from ledger.datastore import OUTAGES, Datastore
from projections.generations import Act, Generation, Generations, RebuildRunning
from projections.projection import Projection
from projections.workers import MakerDied, Order, rebuild_in_processes

_POLL_SECONDS: Final = 1.0
_TRIES: Final = 3

logger = logging.getLogger(__name__)


class Builder:
    """Takes up what is asked or interrupted, in a process of its own; any number of builders may run."""

    def __init__(
        self, datastore: Datastore, projections: Sequence[Projection], *, dsn: str, clock: Callable[[], datetime]
    ) -> None:
        self._dsn = dsn
        self._clock = clock
        self._generations = Generations(datastore)
        self._names = {each.label: each.name for each in projections}

    def run(self, stop: threading.Event, *, poll_seconds: float = _POLL_SECONDS) -> None:
        """Build until `stop` is set; then what is under way ends where it stands, and goes on the next time."""
        while not stop.wait(poll_seconds):
            try:
                self.step(is_stopped=stop.is_set)
            except OUTAGES as error:
                logger.warning("the builder waits for the database: %s", error)

    def step(self, *, is_stopped: Callable[[], bool] = lambda: False) -> int:
        """Make what is to be made of one week or of all, and return how many projections that were."""
        waiting = self._waiting()
        if not waiting:
            return 0
        first = waiting[0]
        chosen = [each for each in waiting if each.week == first.week]
        names = tuple(self._names[each.label] for each in chosen)
        order = Order(names, log=first.week, act=Act(at=self._clock()), asked_only=True)
        try:
            rebuild_in_processes(self._dsn, order, is_stopped=is_stopped)
        except (RebuildRunning, MakerDied, *OUTAGES) as error:
            logger.warning("a rebuild is taken up again: %s", error)
        except Exception as error:
            # Whatever it is, it ended another process, and the service goes on as it did.
            logger.error("a rebuild failed: %s", error)
            self._note(chosen, str(error))
        return len(chosen)

    def _waiting(self) -> list[Generation]:
        """Return what nobody makes at this moment and has not failed; what killed its maker again and again has."""
        unfinished = self._unfinished()
        if not unfinished:
            return []
        with self._generations.claimed([each.label for each in unfinished]) as free:
            idle = [each for each in self._unfinished() if each.label in free]
            for each in idle:
                if each.tries >= _TRIES:
                    self._note([each], f"whoever made it died, {each.tries} times: drop it or ask for it again")
        return [each for each in idle if each.tries < _TRIES]

    def _unfinished(self) -> list[Generation]:
        """Return what is to be made and has not failed."""
        there = self._generations.generations(list(self._names))
        return [each for each in there if each.is_unfinished and each.error is None]

    def _note(self, failed: Sequence[Generation], error: str) -> None:
        for each in failed:
            standing = self._generations.unfinished(each.label)
            if standing is not None and standing.generation == each.generation and standing.error is None:
                self._generations.fail(standing, error)
