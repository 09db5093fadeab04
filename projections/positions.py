"""Positions: how far each projection has come in each log, for those who advance them and those who wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row

from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

_POLL_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """Where a projection stands in a log; `error` says what stopped it, and it stands before that fact.

    `rate` is that of its last batch, in facts a second, `generation` the one that is live, `waiting_since` when the
    first fact that it lacks was recorded.
    """

    name: str
    log: str
    position: int
    head: int
    error: str | None
    rate: float | None
    generation: int
    waiting_since: datetime | None

    @property
    def lag(self) -> int:
        """How many facts it is behind."""
        return self.head - self.position

    def lag_seconds(self, now: datetime) -> float:
        """Return for how long the first fact that it lacks has waited, by the service's clock."""
        return 0.0 if self.waiting_since is None else max(0.0, (now - self.waiting_since).total_seconds())


class Standing(NamedTuple):
    """Where one projection stands in a log, and what stopped it there."""

    log: str
    position: int
    error: str | None


class Parts(NamedTuple):
    """How far a log is folded by streams up to position `until`: of so many `parts` of them so many are `done`.

    Those had so many `facts`.
    """

    until: int
    parts: int
    done: int = 0
    facts: int = 0


class Positions:
    """The positions of some projections, by name. Changes are made on the connection of the caller's transaction.

    `labels` says what the positions are called of those that are not called by their name (`Projection.label`).
    """

    def __init__(
        self,
        datastore: Datastore,
        names: Sequence[str],
        *,
        labels: Mapping[str, str] | None = None,
        moved: threading.Condition | None = None,
    ) -> None:
        self._labels = labels or {}
        self.names = tuple(self._labels.get(name, name) for name in names)
        self._datastore = datastore
        self._sql = queries("projections", "positions.sql")
        self._moved = moved or threading.Condition()

    def among(self, names: Sequence[str]) -> Positions:
        """Return the positions of some of these projections alone; who waits on either is woken by both."""
        return Positions(self._datastore, names, labels=self._labels, moved=self._moved)

    def behind(self) -> list[str]:
        """Return the logs with news for a projection that is not stopped there."""
        with self._datastore.connection() as connection:
            rows = cursor_on(connection).execute(self._sql["behind"], {"names": list(self.names)}, prepare=True)
            return [log for (log,) in rows]

    def lock_free(
        self, connection: Connection[Any], log: str, labels: Sequence[str] | None = None
    ) -> list[tuple[str, int]]:
        """Lock those of a log, all unless given, that nobody else is at work on: labels and positions, by position."""
        cursor = cursor_on(connection)
        parameters = {"log": log, "names": list(self.names if labels is None else labels)}
        cursor.execute(self._sql["begin"], parameters)
        return [(name, position) for name, position in cursor.execute(self._sql["lock_free"], parameters)]

    def at(self, connection: Connection[Any], log: str) -> dict[str, int]:
        """Return the position of each projection in a log, 0 where it has not begun."""
        parameters = {"log": log, "names": list(self.names)}
        standing = cursor_on(connection).execute(self._sql["at"], parameters).fetchall()
        return dict.fromkeys(self.names, 0) | dict(standing)

    def lock(self, connection: Connection[Any], log: str, name: str) -> int:
        """Lock one projection of a log, waiting for whoever is at work on it, and return its position."""
        cursor = cursor_on(connection)
        cursor.execute(self._sql["begin"], {"log": log, "names": [name]})
        [(position,)] = cursor.execute(self._sql["lock"], {"log": log, "name": name}).fetchall()
        return int(position)

    def parts(self, connection: Connection[Any], log: str, name: str) -> Parts | None:
        """Lock one projection of a log that is folded by streams, and return how far it is; None where it is not."""
        row = cursor_on(connection).execute(self._sql["parts"], {"log": log, "name": name}).fetchone()
        return None if row is None else Parts(*row)

    def put_parts(self, connection: Connection[Any], log: str, name: str, parts: Parts) -> None:
        """Note how far a projection is folded by streams; with all of them it is at a position as any other."""
        cursor_on(connection).execute(self._sql["put_parts"], {"log": log, "name": name, **parts._asdict()})

    def advance(
        self, connection: Connection[Any], log: str, names: Collection[str], position: int, *, rate: float | None = None
    ) -> None:
        """Note that projections have come to a position, with no error, and at what rate in facts a second."""
        parameters = {"log": log, "names": list(names), "position": position, "rate": rate}
        cursor_on(connection).execute(self._sql["advance"], parameters)

    def stop(self, connection: Connection[Any], log: str, names: Collection[str], error: str) -> None:
        """Note what stopped projections, where they stand."""
        cursor_on(connection).execute(self._sql["stop"], {"log": log, "names": list(names), "error": error})

    def retry(self) -> None:
        """Let stopped projections try again: the release may be one that can take what stopped them."""
        with self._datastore.connection() as connection:
            cursor_on(connection).execute(self._sql["retry"], {"names": list(self.names)})

    def status(self) -> list[ProjectionStatus]:
        """Return where each projection stands in each log."""
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(ProjectionStatus))
            return cursor.execute(self._sql["status"], {"names": list(self.names)}).fetchall()

    def standing(self, connection: Connection[Any], name: str) -> list[Standing]:
        """Return where one projection stands in the logs that it has begun."""
        found = cursor_on(connection).execute(self._sql["standing"], {"name": name})
        return [Standing(*row) for row in found]

    def lock_all(self, connection: Connection[Any], name: str) -> list[Standing]:
        """Lock one projection in all logs that it has begun, waiting for whoever is at work on it."""
        found = cursor_on(connection).execute(self._sql["lock_all"], {"name": name})
        return [Standing(*row) for row in found]

    def put(self, connection: Connection[Any], name: str, standing: Mapping[str, int]) -> None:
        """Put a projection at positions, by log, with no error, whether it has begun those logs or not."""
        parameters = {"name": name, "logs": list(standing), "positions": list(standing.values())}
        cursor_on(connection).execute(self._sql["put"], parameters)

    def exchange(self, connection: Connection[Any], name: str, *, next: str, kept: str) -> None:
        """Give a projection the positions called `next`, and keep its own as `kept`."""
        cursor_on(connection).execute(self._sql["exchange"], {"name": name, "next": next, "kept": kept})

    def forget(self, connection: Connection[Any], name: str) -> None:
        """Drop the positions called `name`."""
        cursor_on(connection).execute(self._sql["forget"], {"name": name})

    def come_to(self, logs: Sequence[str]) -> dict[str, int]:
        """Return the position of each of some logs that every projection has come to; those not begun are missing."""
        with self._datastore.connection() as connection:
            parameters = {"logs": list(logs), "names": list(self.names)}
            return dict(cursor_on(connection).execute(self._sql["come_to"], parameters, prepare=True).fetchall())

    def moved(self) -> None:
        """Wake those who wait in this process."""
        with self._moved:
            self._moved.notify_all()

    def wait_for(self, log: str, position: int, *, timeout: float, names: Sequence[str] | None = None) -> bool:
        """Wait until projections (all unless named) have come to a position of a log, at most `timeout` seconds.

        Returns whether they have; at once where one of them is stopped before it.
        """
        deadline = time.monotonic() + timeout
        asked = self.names if names is None else [self._labels.get(name, name) for name in names]
        while True:
            reached, stopped = self._reached(log, position, asked)
            remaining = deadline - time.monotonic()
            if reached or stopped or remaining <= 0:
                return reached
            with self._moved:
                self._moved.wait(min(_POLL_SECONDS, remaining))

    def _reached(self, log: str, position: int, names: Sequence[str]) -> tuple[bool, bool]:
        parameters = {"log": log, "position": position, "names": list(names)}
        with self._datastore.connection() as connection:
            [(reached, stopped)] = cursor_on(connection).execute(self._sql["reached"], parameters, prepare=True)
        return reached, stopped
