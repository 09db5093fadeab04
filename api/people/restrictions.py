"""Restrictions: what bars a player from enrolling and betting, and until when. Reading and payouts are never barred."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from psycopg import Connection
from psycopg.rows import class_row

from api.people.registry import Kind, UnknownPlayer
from api.refusal import Refusal
from api.together import Together
from ledger.datastore import Datastore
from ledger.sql import queries

KEPT_SECONDS: Final = 1.0
_WHY: Final[Mapping[str, str]] = {
    "cool_off": "you asked for a cool-off",
    "self_exclusion": "you excluded yourself",
    "suspension": "your account is suspended",
}


@dataclass(frozen=True, slots=True)
class Restriction:
    """A bar on enrolling and betting. Without `ends_at` it lasts for good, or until it is lifted.

    `placed_by` and `lifted_by`: `player`, or `operator:<id>`. `request` is the key of the request that placed it.
    """

    id: UUID
    player_id: UUID
    kind: Kind
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    placed_by: str
    request: str
    lifted_at: datetime | None = None
    lifted_by: str | None = None

    def is_in_force(self, at: datetime) -> bool:
        """Say whether it bars at an instant."""
        is_lifted = self.lifted_at is not None and self.lifted_at <= at
        return self.starts_at <= at and not is_lifted and (self.ends_at is None or at < self.ends_at)


class Restricted(Refusal):
    """The player may not enrol or bet."""

    def __init__(self, restriction: Restriction) -> None:
        super().__init__("restricted", f"You may not enrol or bet {_how_long(restriction)}: {_WHY[restriction.kind]}.")


class _Kept(NamedTuple):
    """What was read, when by the monotonic clock, and after which write of this process."""

    by_player: Mapping[UUID, Restriction]
    read_at: float
    last_write: object


class Restrictions:
    """Reads and writes restrictions, and keeps those in force in memory: a bet asks without a query.

    They are read again when older than a second, and after each write of this process; so a restriction placed in
    another process holds here a second later. `clock`, the game's, says which are in force; `monotonic` is in seconds.
    """

    def __init__(
        self,
        datastore: Datastore,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        monotonic: Callable[[], float],
    ) -> None:
        self._datastore = datastore
        self._sql = queries("api.people", "restrictions.sql")
        self._clock = clock
        self._new_id = new_id
        self._monotonic = monotonic
        self._last_write = object()
        self._kept = _Kept({}, 0.0, None)
        self._reading = Together[_Kept]()
        # A thread of its own: a bet does not queue behind slow reads.
        self._thread = CapacityLimiter(1)

    async def require_may_play(self, player_id: UUID) -> None:
        """Return if the player may enrol and bet, as far as the last second is known; else raise Restricted."""
        barred = await self.barred(player_id)
        if barred is not None:
            raise barred

    async def barred(self, player_id: UUID) -> Restricted | None:
        """Return what keeps the player from enrolling and betting, as far as the last second is known."""
        kept = self._kept if self._is_fresh() else await self._refreshed()
        found = kept.by_player.get(player_id)
        return Restricted(found) if found is not None and found.is_in_force(self._clock()) else None

    def of_player(self, player_id: UUID) -> list[Restriction]:
        """Return all restrictions that a player ever had, newest first."""
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Restriction))
            return cursor.execute(self._sql["of_player"], {"player_id": player_id}).fetchall()

    def place(
        self,
        *,
        player_id: UUID,
        kind: Kind,
        ends: Callable[[datetime], datetime | None],
        reason: str,
        placed_by: str,
        request: str,
        on: Connection[Any] | None = None,
    ) -> Restriction:
        """Place a restriction from now until `ends` of now, and return it; for the same request, the first one.

        `on` is the connection of a transaction to take part in: then call `changed` after its commit. Raises
        UnknownPlayer, or Refusal `idempotency_key_reused` where the request placed another one.
        """
        now = self._clock()
        wanted = Restriction(self._new_id(), player_id, kind, now, ends(now), reason, placed_by, request)
        if on is None:
            with self._datastore.connection() as connection:
                placed = self._place(wanted, connection)
            self.changed()
        else:
            placed = self._place(wanted, on)
        if (placed.kind, placed.ends_at) != (kind, ends(placed.starts_at)):
            raise Refusal("idempotency_key_reused", f"The request {request} placed another restriction.")
        return placed

    def lift_suspensions(self, *, player_id: UUID, by: str, on: Connection[Any]) -> int:
        """End the player's suspensions that are in force, and return how many; after the commit call `changed`."""
        parameters = {"player_id": player_id, "by": by, "at": self._clock()}
        return on.execute(self._sql["lift_suspensions"], parameters).rowcount

    def changed(self) -> None:
        """Have the restrictions in force read again before the next bet: what was written here holds at once."""
        self._last_write = object()

    def _place(self, wanted: Restriction, connection: Connection[Any]) -> Restriction:
        try:
            connection.execute(self._sql["place"], asdict(wanted))
        except psycopg.errors.ForeignKeyViolation as error:
            raise UnknownPlayer(wanted.player_id) from error
        cursor = connection.cursor(row_factory=class_row(Restriction))
        placed = cursor.execute(self._sql["placed"], asdict(wanted)).fetchone()
        assert placed is not None
        return placed

    def _is_fresh(self) -> bool:
        return self._kept.last_write is self._last_write and self._monotonic() - self._kept.read_at < KEPT_SECONDS

    async def _refreshed(self) -> _Kept:
        kept = await self._reading.run(self._read)
        while kept.last_write is not self._last_write:
            # It had begun before what was written here.
            kept = await self._reading.run(self._read)
        return kept

    async def _read(self) -> _Kept:
        # Both are noted before the query: what is written meanwhile makes this reading stale.
        last_write, read_at = self._last_write, self._monotonic()
        self._kept = _Kept(await run_sync(self._in_force, limiter=self._thread), read_at, last_write)
        return self._kept

    def _in_force(self) -> dict[UUID, Restriction]:
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Restriction))
            return {each.player_id: each for each in cursor.execute(self._sql["in_force"], {"at": self._clock()})}


def require_unrestricted(restrictions: Iterable[Restriction], *, at: datetime) -> None:
    """Raise Restricted if one of a player's restrictions is in force; it names the one that lasts longest."""
    in_force = [each for each in restrictions if each.is_in_force(at)]
    if in_force:
        raise Restricted(max(in_force, key=lambda each: (each.ends_at is None, each.ends_at or each.starts_at)))


def _how_long(restriction: Restriction) -> str:
    if restriction.ends_at is not None:
        return f"until {restriction.ends_at:%Y-%m-%dT%H:%M:%SZ}"
    return "until this is lifted" if restriction.kind == "suspension" else "any more"
