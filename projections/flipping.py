"""Comparing the rows of a new generation with the live ones, and the flip from one to the other.

The comparison costs no pause. Beforehand, in one snapshot, the new rows are brought to where the live ones stand, and
the keys that differ are found. At the flip, with the live projection held, only those can differ still, and the ones
that were touched since.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.sql import SQL

from ledger.aggregate import LedgerError
from ledger.datastore import Datastore, cursor_on
from ledger.recorder import LogRecorder, open_logs
from projections.folding import Fold
from projections.generations import Act, Generations
from projections.making import Maker, Making
from projections.pages import pages
from projections.positions import Positions, Standing
from projections.projection import ProjectionStopped
from projections.replays import Difference, difference
from projections.rows import Row
from projections.tables import differing, row_in

NEARLY: Final = 1_000
_LEFT_MAX: Final = 10_000
_ROUNDS: Final = 50
_KEYS_LOOKED_AT: Final = 20_000
_HOLD_MS: Final = 5_000
_LOCK_MS: Final = (20, 50, 100, 200)
_PAUSE_SECONDS: Final = 0.25
_PATIENCE_SECONDS: Final = 600.0

Differing = Mapping[tuple[str, type[Row]], set[Any]]
logger = logging.getLogger(__name__)


class FlipRefused(LedgerError):
    """The new generation could not go live; the one before is."""

    code = "flip_refused"


class _NotYet(Exception):
    """Too much came while the flip was prepared, or a log that nobody knew: it is prepared again."""


@dataclass(frozen=True, slots=True)
class Flip:
    """What a flip changed, and how long it took. `kept` is the schema that has the rows from before.

    `differing` counts the rows that the flip changed, over all logs; `first` is the first of them: readers see
    `expected` now and saw `found` before. `uncompared` are the logs in which the live rows stood still behind the new
    ones. `held_ms` is for how long the live projection stood still, `locked_ms` for how long at most a reader may have
    waited; `attempts` counts how often it was tried, as readers that hold the tables for long are not waited for.
    """

    kept: str
    differing: int
    first: Difference | None
    uncompared: tuple[str, ...]
    held_ms: float
    locked_ms: float
    attempts: int


class Flipper:
    """Compares and flips, on one connection."""

    def __init__(
        self,
        datastore: Datastore,
        connection: Connection[Any],
        maker: Maker,
        *,
        act: Act,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._datastore = datastore
        self._connection = connection
        self._maker = maker
        self._generations = Generations(datastore)
        self._positions = Positions(datastore, ())
        self._act = act
        self._pause = pause

    def catch_up(self, making: Making) -> None:
        """Catch up until little is left; raises what stops the projection."""
        for _ in range(_ROUNDS):
            if self._maker.catch_up(making) < NEARLY or making.error is not None:
                break
        if making.error is not None:
            raise making.error

    def compare(self, making: Making, log: str) -> dict[type[Row], set[Any]]:
        """Bring the new rows of a log to where the live ones stand, and return the keys under which they differ.

        All in one snapshot, while everything goes on. By each row type that has any.
        """
        with self._connection.transaction():
            cursor_on(self._connection).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            standing = self._maker.live(making).get(log, Standing(log, 0, None))
            self._fold_to(making, standing)
            found = {row_type: set(self._differing(making, log, row_type)) for row_type in making.projection.tables}
        return {row_type: keys for row_type, keys in found.items() if keys}

    def flip(self, making: Making, known: Differing) -> Flip:
        """Let the new generation go live; raises FlipRefused where the tables are never free for a moment."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        for attempt in count(1):
            try:
                return self._flip(making, known, attempt)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected, _NotYet) as error:
                if time.monotonic() > give_up:
                    raise FlipRefused(f"{making.schema} cannot go live, somebody holds the tables: {error}") from error
                logger.info("the flip to %s is tried again: %s", making.schema, error)
            self._pause(_PAUSE_SECONDS if attempt > len(_LOCK_MS) else _PAUSE_SECONDS / 10)
            self.catch_up(making)
        raise AssertionError("it is tried until it is given up")

    def _flip(self, making: Making, known: Differing, attempt: int) -> Flip:
        with self._connection.transaction():
            self._wait_at_most(_HOLD_MS)
            self._generations.exchange(self._connection, making.label)
            standing = self._positions.lock_all(self._connection, making.label)
            held = time.monotonic()
            self._little_is_left(making, standing)
            touched = {each.log: self._fold_to(making, each) for each in standing}
            changed = self._changed(making, touched, known)
            locked = time.monotonic()
            self._wait_at_most(_LOCK_MS[min(attempt, len(_LOCK_MS)) - 1])
            kept = self._generations.live(making.label).schema
            self._generations.flip(self._connection, making.generation, self._act)
            self._nothing_new(making, standing)
            self._positions.exchange(self._connection, making.label, next=making.schema, kept=kept)
        done = time.monotonic()
        return Flip(
            kept=kept,
            differing=sum(map(len, changed.values())),
            first=self._first(making, changed, kept, {each.log: each.position for each in standing}),
            uncompared=tuple(sorted(making.behind)),
            held_ms=1000 * (done - held),
            locked_ms=1000 * (done - locked),
            attempts=attempt,
        )

    def _fold_to(self, making: Making, live: Standing) -> dict[type[Row], set[Any]]:
        """Fold the last facts of a log in the caller's transaction, and return the keys that they touched."""
        new = self._maker.standing(making).get(live.log, 0)
        fold = Fold(making.projection, live.log, making.schema, position=new, rows_kept=0)
        for page in pages(LogRecorder(self._datastore, live.log), after=new, until=live.position):
            fold.take(self._connection, page, until=live.position)
        if fold.position < live.position and live.log not in making.behind:
            raise ProjectionStopped(f"{making.schema} cannot come to {live.log}:{live.position}: the log has less")
        if fold.position > new:
            fold.write(self._connection, self._positions)
            making.facts += fold.position - new
        return {row_type: set(keys) for row_type, keys in fold.touched.items()}

    def _changed(
        self, making: Making, touched: Mapping[str, Mapping[type[Row], set[Any]]], known: Differing
    ) -> dict[tuple[str, type[Row]], list[Any]]:
        """Return the keys that differ, by log and row type: of those that differed before and those touched since.

        Where very many differed before, those are not looked at again.
        """
        asked: dict[tuple[str, type[Row]], set[Any]] = defaultdict(set)
        for log, keys in touched.items():
            for row_type, some in keys.items() if log not in making.behind else ():
                asked[log, row_type] |= some
        changed: dict[tuple[str, type[Row]], list[Any]] = {}
        for log, row_type in sorted({*known, *asked}, key=lambda at: (at[0], making.projection.tables.index(at[1]))):
            before, since = known.get((log, row_type), set()), asked[log, row_type]
            if len(before) <= _KEYS_LOOKED_AT:
                found = self._differing(making, log, row_type, keys=since | before)
            else:
                found = [*before - since, *self._differing(making, log, row_type, keys=since)]
            if found:
                changed[log, row_type] = found
        return changed

    def _differing(self, making: Making, log: str, row_type: type[Row], *, keys: set[Any] | None = None) -> list[Any]:
        schemas = {"home": making.projection.home, "schema": making.schema}
        return differing(self._connection, log, row_type, **schemas, keys=keys)

    def _little_is_left(self, making: Making, standing: list[Standing]) -> None:
        new = self._maker.standing(making)
        left = sum(max(0, each.position - new.get(each.log, 0)) for each in standing if each.log not in making.behind)
        if left > _LEFT_MAX:
            raise _NotYet(f"{making.schema} is {left} facts behind")

    def _nothing_new(self, making: Making, standing: list[Standing]) -> None:
        """Make sure that no log was begun since the positions were locked; with the tables locked none can be."""
        held = {each.log for each in standing}
        for each in self._positions.standing(self._connection, making.label):
            if each.log not in held and each.position:
                raise _NotYet(f"{making.label} began {each.log} meanwhile")

    def _first(
        self,
        making: Making,
        changed: Mapping[tuple[str, type[Row]], list[Any]],
        kept: str,
        positions: Mapping[str, int],
    ) -> Difference | None:
        """Return what readers see now and saw before under the first key that differs."""
        for (log, row_type), keys in changed.items():
            now = row_in(self._connection, log, row_type, min(keys), schema=making.projection.home)
            before = row_in(self._connection, log, row_type, min(keys), schema=kept)
            if now != before:
                return difference(making.label, log, positions[log], expected=now, found=before)
        return None

    def _wait_at_most(self, milliseconds: int) -> None:
        cursor_on(self._connection).execute(SQL("SET LOCAL lock_timeout = {}").format(milliseconds))


def logs_to_compare(datastore: Datastore, making: Making) -> list[str]:
    """Return the logs whose rows were folded anew, office first: those of others are copies of the live ones."""
    return [log for log in open_logs(datastore) if not making.is_copied(log) and log not in making.behind]
