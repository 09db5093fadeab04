"""What the routes need, handed to the app as one value by whoever composes the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Final, Protocol
from uuid import UUID

from anyio import CapacityLimiter
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.passwords import Passwords
from api.players import Players
from api.tokens import Tokens
from ledger.datastore import Datastore
from ledger.entries import Entries
from ledger.ledger import Ledger
from projections.accounts import Accounts
from projections.bets import Bets
from projections.board import Board
from projections.leaderboard import Leaderboard
from projections.pools import Pools
from projections.runner import Runner
from projections.weeks import Weeks

_ENTRIES_KEPT: Final = 200_000


class TestClock(Protocol):
    """The clock of a development service, which a client may move forward."""

    def now(self) -> datetime:
        """Return the time by this clock."""
        ...

    async def advance(self, to: datetime) -> None:
        """Move the clock, and return when all that is due until then has been done."""
        ...


@dataclass(frozen=True, slots=True)
class Views:
    """The read models that routes answer from."""

    weeks: Weeks
    pools: Pools
    accounts: Accounts
    bets: Bets
    leaderboard: Leaderboard
    board: Board

    @classmethod
    def of(cls, datastore: Datastore) -> Views:
        """Return the views of a database."""
        return cls(
            weeks=Weeks(datastore),
            pools=Pools(datastore),
            accounts=Accounts(datastore),
            bets=Bets(datastore),
            leaderboard=Leaderboard(datastore),
            board=Board(datastore),
        )


class EntryFinder:
    """Finds the entry behind a player's bet. An entry never changes, so what was found is remembered."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries
        self._found: dict[tuple[UUID, str], UUID] = {}

    async def entry_of(self, *, player_id: UUID, week: str) -> UUID | None:
        """Return the player's entry in a week."""
        known = self._found.get((player_id, week))
        if known is not None:
            return known
        entry = await run_in_threadpool(self._entries.entry_of, player_id=player_id, week=week)
        if entry is not None:
            if len(self._found) >= _ENTRIES_KEPT:
                del self._found[next(iter(self._found))]
            self._found[player_id, week] = entry
        return entry


@dataclass(frozen=True)
class Services:
    """Everything behind the routes. `clock` is the game's, which a test clock moves; tokens keep real time.

    `migrations` names what must have run before the service is ready; without a `test_clock` its routes do not exist.
    """

    ledger: Ledger
    views: Views
    runner: Runner
    players: Players
    passwords: Passwords
    tokens: Tokens
    clock: Callable[[], datetime]
    test_clock: TestClock | None = None
    migrations: frozenset[str] = frozenset()
    closing_soon: timedelta = timedelta(minutes=10)
    body_bytes_max: int = 64 * 1024
    hashing_threads: int = 2
    reads_wait: timedelta = timedelta(seconds=2)

    @cached_property
    def entries(self) -> EntryFinder:
        """The entries behind the players who bet here."""
        return EntryFinder(self.ledger.entries)

    @cached_property
    def hashing(self) -> CapacityLimiter:
        """How many passwords may be hashed at once: each takes a core and megabytes."""
        return CapacityLimiter(self.hashing_threads)


async def services_of(request: Request) -> Services:
    """Return the services that the app was made with."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
