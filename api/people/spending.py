"""Spend limits that players set themselves: stricter at once, looser after a day to think about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from api.people.registry import UnknownPlayer
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

DELAY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """The most that may be spent in a period, in cents; None is no limit. From `next_from` on it is `next_cents`."""

    cents: int | None = None
    next_cents: int | None = None
    next_from: datetime | None = None

    def at(self, instant: datetime) -> SpendLimit:
        """Return the limit as it stands at an instant: what was pending until then is in force."""
        if self.next_from is not None and self.next_from <= instant:
            return SpendLimit(self.next_cents)
        return self

    def asked(self, cents: int | None, *, at: datetime) -> SpendLimit:
        """Return the limit after the player asked for another one.

        A lower one is in force at once. A higher one, or none, is so 24 hours later; asking for it again does not
        start the day anew, and asking for what is in force takes it back.
        """
        stands = self.at(at)
        if not _is_looser(cents, than=stands.cents):
            return SpendLimit(cents)
        if stands.next_from is not None and stands.next_cents == cents:
            return stands
        return SpendLimit(stands.cents, cents, at + DELAY)


@dataclass(frozen=True, slots=True)
class SpendLimits:
    """A player's limits: for a week of the game, and for a calendar month in New York."""

    weekly: SpendLimit
    monthly: SpendLimit


class Spending:
    """Reads and writes spend limits, all in one `currency` (ISO 4217)."""

    def __init__(self, datastore: Datastore, *, currency: str) -> None:
        self._datastore = datastore
        self._sql = queries("api.people", "spending.sql")
        self.currency = currency

    def limits_in_force(self, player_id: UUID, at: datetime) -> SpendLimits:
        """Return a player's limits as they stand at an instant: what is spent must fit the `cents` of both."""
        with self._datastore.connection() as connection:
            return self._limits(player_id, at, connection)

    def ask(self, *, player_id: UUID, weekly_cents: int | None, monthly_cents: int | None, at: datetime) -> SpendLimits:
        """Ask for other limits, and return what stands now and what follows; raises UnknownPlayer."""
        with self._datastore.connection() as connection, connection.transaction():
            if connection.execute(self._sql["hold"], {"player_id": player_id}).fetchone() is None:
                raise UnknownPlayer(player_id)
            stands = self._limits(player_id, at, connection)
            asked = SpendLimits(stands.weekly.asked(weekly_cents, at=at), stands.monthly.asked(monthly_cents, at=at))
            for period, limit in (("weekly", asked.weekly), ("monthly", asked.monthly)):
                values = {"player_id": player_id, "period": period, "currency": self.currency, **asdict(limit)}
                connection.execute(self._sql["keep"], values)
            return asked

    def _limits(self, player_id: UUID, at: datetime, connection: Connection[Any]) -> SpendLimits:
        rows = cursor_on(connection).execute(self._sql["limits"], {"player_id": player_id})
        found = {period: SpendLimit(*limit).at(at) for period, *limit in rows}
        return SpendLimits(found.get("weekly", SpendLimit()), found.get("monthly", SpendLimit()))


def _is_looser(cents: int | None, *, than: int | None) -> bool:
    return than is not None and (cents is None or cents > than)
