"""Generations: the sets of tables that a projection has, of which one is live."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import Connection
from psycopg.rows import class_row

from ledger.aggregate import LedgerError
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries
from projections.projection import ProjectionStopped

_POLL_SECONDS: Final = 0.05
ASKED, BUILDING, LIVE, KEPT = "asked", "building", "live", "kept"


class RebuildRunning(LedgerError):
    """Somebody else rebuilds the projection at this moment."""

    code = "rebuild_running"


class NothingKept(LedgerError):
    """There is no generation of the projection to go back to."""

    code = "nothing_kept"


class GenerationOutdated(LedgerError):
    """Another generation is live by now than the one that was seen."""

    code = "precondition_failed"


@dataclass(frozen=True, slots=True)
class Act:
    """Who wants something done, why, when, and under which id, with which the same act again is known."""

    reason: str = ""
    actor: str = ""
    request: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """A set of tables of one projection. `state`: asked, building, live or kept.

    `week` is the log that is folded anew, None for all. `done` of `total` facts are in its rows. `error` says what
    stopped it in the making, `tries` how often that was begun.
    """

    label: str
    generation: int
    state: str
    week: str | None
    reason: str
    actor: str
    request: str
    tries: int
    error: str | None
    changed_at: datetime | None
    done: int
    total: int

    @property
    def schema(self) -> str:
        """The schema of its tables while it is not live, and the name of its positions."""
        return f"{self.label}_g{self.generation}"

    @property
    def is_unfinished(self) -> bool:
        """Whether it is still to be made."""
        return self.state in (ASKED, BUILDING)


class Generations:
    """The generations of all projections. What changes tables is done by functions of the database's owner."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("projections", "generations.sql")

    def generations(self, labels: Sequence[str]) -> list[Generation]:
        """Return the generations of projections, in order of label and number."""
        with self._datastore.connection() as connection:
            cursor_on(connection).execute(self._sql["begin"], {"labels": list(labels)})
            cursor = connection.cursor(row_factory=class_row(Generation))
            return cursor.execute(self._sql["generations"], {"labels": list(labels)}).fetchall()

    def unfinished(self, label: str) -> Generation | None:
        """Return the generation of a projection that is asked for or in the making."""
        return next((each for each in self.generations([label]) if each.is_unfinished), None)

    def kept(self, label: str) -> list[Generation]:
        """Return the generations to which a projection can go back."""
        return [each for each in self.generations([label]) if each.state == KEPT]

    def live(self, label: str) -> Generation:
        """Return the generation that readers see."""
        return next(each for each in self.generations([label]) if each.state == LIVE)

    def ask(self, label: str, *, week: str | None, act: Act) -> Generation:
        """Ask for the next generation, and return it; or the one that is asked for already, or being made.

        Raises RebuildRunning where another week is being made alone.
        """
        self.require_room(label, week=week)
        parameters = {"reason": act.reason, "actor": act.actor, "request": act.request, "at": act.at}
        self._do("ask", label=label, week=week, **parameters)
        asked = self.unfinished(label)
        assert asked is not None
        return asked

    def require_room(self, label: str, *, week: str | None) -> None:
        """Make sure that a week (None for all) can be asked for; raises RebuildRunning."""
        other = self.unfinished(label)
        if other is not None and other.state == BUILDING and other.error is None and other.week not in (None, week):
            raise RebuildRunning(f"{other.schema} is being made of {other.week}: ask again when it is live, or drop it")

    def start(self, generation: Generation, *, at: datetime | None) -> Generation:
        """Note that a generation is being made, and make its tables unless they are there: return it as it stands.

        One that failed is made from its beginning, as what it failed of may be in its rows, and so is one of another
        shape than the live one.
        """
        if generation.state == ASKED or generation.error is not None or not self.fits(generation):
            self._forget_positions(generation)
            for step in ("make", "loosen"):
                self._do(step, label=generation.label, generation=generation.generation)
        self._do("start", label=generation.label, generation=generation.generation, at=at)
        started = self.unfinished(generation.label)
        assert started is not None
        return started

    def fail(self, generation: Generation, error: str) -> None:
        """Note why a generation was not finished."""
        self._do("fail", label=generation.label, generation=generation.generation, error=error)

    def wanted(self, connection: Connection[Any], generation: Generation) -> bool:
        """Say whether a generation is still to be made, or somebody has dropped it."""
        place = {"label": generation.label, "generation": generation.generation}
        return cursor_on(connection).execute(self._sql["wanted"], place).fetchone() is not None

    def fits(self, generation: Generation) -> bool:
        """Say whether the tables of a generation have the columns of the live ones."""
        place = {"label": generation.label, "generation": generation.generation}
        with self._datastore.connection() as connection:
            return _yes(cursor_on(connection).execute(self._sql["fits"], place).fetchone())

    def key(self, generation: Generation) -> None:
        """Make the keys by which the rows of a generation are found; raises ProjectionStopped where two have the same.

        Without keys rows can be written, but not read again. Doing it again changes nothing.
        """
        try:
            self._do("key", label=generation.label, generation=generation.generation)
        except psycopg.IntegrityError as error:
            raise ProjectionStopped(f"the rows of {generation.schema} do not fit: {error}") from error

    def finish(self, generation: Generation) -> None:
        """Make the keys and indexes of a generation whose rows are in; raises ProjectionStopped."""
        self.key(generation)
        self._do("finish", label=generation.label, generation=generation.generation)

    def flip(self, connection: Connection[Any], generation: Generation, act: Act) -> None:
        """Exchange the live tables for a generation's, in the caller's transaction, whose lock_timeout holds.

        An act that has an id is known by it from then on, in the place of the one that made the generation.
        """
        parameters = {"label": generation.label, "generation": generation.generation, "at": act.at}
        cursor_on(connection).execute(self._sql["flip"], parameters)
        if act.request:
            signed = parameters | {"reason": act.reason, "actor": act.actor, "request": act.request}
            cursor_on(connection).execute(self._sql["sign"], signed)

    def drop(self, generation: Generation) -> None:
        """Drop a generation that is not live, with its positions."""
        with self._datastore.connection() as connection, connection.transaction():
            cursor = cursor_on(connection)
            parameters = {"label": generation.label, "generation": generation.generation}
            cursor.execute(self._sql["drop"], parameters)
            cursor.execute(self._sql["forget"], parameters)
            cursor.execute(queries("projections", "positions.sql")["forget"], {"name": generation.schema})

    def versions(self) -> list[str]:
        """Return the labels under which there are tables: also those of versions that other releases run."""
        with self._datastore.connection() as connection:
            return [label for (label,) in cursor_on(connection).execute(self._sql["versions"])]

    @contextmanager
    def claimed(self, labels: Sequence[str], *, patience: float = 0) -> Iterator[list[str]]:
        """Keep others from rebuilding projections for as long as the block runs; gives those that nobody else does.

        Who does is waited for, at most `patience` seconds.
        """
        give_up = time.monotonic() + patience
        with self._datastore.connection() as connection:
            cursor, claimed = cursor_on(connection), []
            try:
                for label in sorted(labels):
                    while not (is_free := _yes(cursor.execute(self._sql["claim"], {"label": label}).fetchone())):
                        if time.monotonic() >= give_up:
                            break
                        time.sleep(_POLL_SECONDS)
                    claimed += [label] if is_free else []
                yield claimed
            finally:
                if not connection.closed:
                    for label in claimed:
                        cursor.execute(self._sql["release"], {"label": label})

    @contextmanager
    def watched(self, labels: Sequence[str]) -> Iterator[None]:
        """Let no tables be exchanged while the block runs, for who reads them in a snapshot of an earlier moment."""
        with self._datastore.connection() as connection:
            cursor, parameters = cursor_on(connection), {"labels": sorted(labels)}
            cursor.execute(self._sql["watch"], parameters)
            try:
                yield
            finally:
                if not connection.closed:
                    cursor.execute(self._sql["unwatch"], parameters)

    def exchange(self, connection: Connection[Any], label: str) -> None:
        """Wait until nobody watches the tables of a projection; nobody does until the transaction ends."""
        cursor_on(connection).execute(self._sql["exchange"], {"label": label})

    def _forget_positions(self, generation: Generation) -> None:
        with self._datastore.connection() as connection:
            forget = queries("projections", "positions.sql")["forget"]
            cursor_on(connection).execute(forget, {"name": generation.schema})

    def _do(self, query: str, **parameters: Any) -> None:
        with self._datastore.connection() as connection:
            cursor_on(connection).execute(self._sql[query], parameters)


def drop_tables(dsn: str, label: str) -> None:
    """Drop the tables of a version that no process runs any more; `dsn` names the owner of the database."""
    with psycopg.connect(dsn) as connection:
        connection.execute(queries("projections", "generations.sql")["drop_version"], {"label": label})


def _yes(row: tuple[Any, ...] | None) -> bool:
    return row is not None and bool(row[0])
