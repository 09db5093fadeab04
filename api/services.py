"""What the routes need, handed to the app as one value by whoever composes the service."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Final, Protocol
from uuid import UUID

from anyio import CapacityLimiter
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from api.answers import Answers
from api.http.ratelimits import Meters
from api.identity.errands import Errands
from api.identity.keys import ApiKeys
from api.identity.mail import Mailer
from api.identity.passwords import Passwords
from api.identity.players import Players
from api.identity.proofs import Proofs
from api.identity.revocations import Revocations
from api.identity.sessions import Sessions
from api.identity.tokens import Tokens
from api.people.devices import Devices
from api.people.gates import Gates
from api.people.log import PeopleLog
from api.people.pseudonyms import Pseudonyms
from api.people.registry import People
from api.people.restrictions import Restrictions
from api.people.spending import Spending
from api.people.taking_part import TakingPart
from api.readiness import Readiness, lack_of
from feeds.care import Care
from feeds.checkpoints import Checkpoints
from feeds.disputed import Disputed
from feeds.disputes import Disputes
from feeds.payments.money import Money
from feeds.receipts import Receipts
from ledger.datastore import Datastore
from ledger.drawn import Draws
from ledger.entries import Entries
from ledger.ledger import Ledger
from projections.accounts import Accounts
from projections.bets import Bets
from projections.board import Board
from projections.cases import Cases
from projections.leaderboard import Leaderboard
from projections.payments import PaymentsView
from projections.pools import Pools
from projections.previews import Previews
from projections.registrations import Registrations
from projections.runner import Runner
from projections.settlements import Settlements
from projections.tree import Trees
from projections.weeks import Weeks

if TYPE_CHECKING:
    # What is told over live streams are shapes of the routes, which import this module.
    from api.livefeed.hub import Hub

_ENTRIES_KEPT: Final = 200_000
_PREVIEW_PATIENCE_SECONDS: Final = 10.0


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
    settlements: Settlements
    registrations: Registrations
    payments: PaymentsView
    cases: Cases

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
            settlements=Settlements(datastore),
            registrations=Registrations(datastore),
            payments=PaymentsView(datastore),
            cases=Cases(datastore),
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

    def forget(self, player_id: UUID) -> None:
        """Forget the entries of a player who was erased. To be called in the event loop, as all of this."""
        for known in [known for known in self._found if known[0] == player_id]:
            del self._found[known]


@dataclass(frozen=True)
class Services:
    """Everything behind the routes. `clock` is the game's, which a test clock moves; tokens keep real time.

    `verifies_at_signup`: who signs up gets a code by mail; `confirms_signup`: and logs in only after using it.
    `free_entry`: whether anybody may take part without paying; unless said, only where no entry is sold.
    `return_url` is the page to which the provider's pages lead back, unless a client names another one.
    `migrations` names what must have run before the service is ready; without a `test_clock` its routes do not exist.
    """

    ledger: Ledger
    views: Views
    runner: Runner
    players: Players
    passwords: Passwords
    tokens: Tokens
    revocations: Revocations
    sessions: Sessions
    api_keys: ApiKeys
    proofs: Proofs
    mailer: Mailer
    pseudonyms: Pseudonyms
    live: Hub
    money: Money
    care: Care
    clock: Callable[[], datetime]
    test_clock: TestClock | None = None
    gates: Gates = field(default_factory=Gates)
    free_entry: bool | None = None
    return_url: str = ""
    currency: str = "USD"
    migrations: frozenset[str] = frozenset()
    is_stopping: Callable[[], bool] = lambda: False
    requests_max: int = 2_000
    dispute_approval_above: int = 1_000
    closing_soon: timedelta = timedelta(minutes=10)
    meters: Meters = field(default_factory=Meters)
    cors_origins: tuple[str, ...] = ()
    hsts_seconds: int = 0
    body_bytes_max: int = 64 * 1024
    body_wait: timedelta = timedelta(seconds=30)
    hashing_threads: int = 2
    reads_wait: timedelta = timedelta(seconds=2)
    verifies_at_signup: bool = False
    confirms_signup: bool = False

    @cached_property
    def entries(self) -> EntryFinder:
        """The entries behind the players who bet here."""
        return EntryFinder(self.ledger.entries)

    @cached_property
    def answers(self) -> Answers:
        """What the ledger's desks answer, in the event loop that the app runs in."""
        return Answers()

    @cached_property
    def people(self) -> People:
        """Players as persons."""
        return People(self.ledger.datastore, pseudonyms=self.pseudonyms, now=self.clock)

    @cached_property
    def people_log(self) -> PeopleLog:
        """What operators look at and do about people."""
        return PeopleLog(self.ledger.datastore, now=self.clock)

    @cached_property
    def devices(self) -> Devices:
        """The devices that players were seen with."""
        return Devices(self.ledger.datastore, pseudonyms=self.pseudonyms, now=self.clock)

    @cached_property
    def spending(self) -> Spending:
        """What players want to spend at most."""
        return Spending(self.ledger.datastore, currency=self.currency)

    @cached_property
    def restrictions(self) -> Restrictions:
        """What bars players from enrolling and betting."""
        return Restrictions(
            self.ledger.datastore, clock=self.clock, new_id=self.ledger.new_id, monotonic=time.monotonic
        )

    @cached_property
    def taking_part(self) -> TakingPart:
        """Who takes part in weeks."""
        return TakingPart(
            self.ledger, people=self.people, restrictions=self.restrictions, gates=self.gates, clock=self.clock
        )

    @cached_property
    def draws(self) -> Draws:
        """How pools were drawn."""
        return Draws(self.ledger)

    @cached_property
    def disputes(self) -> Disputes:
        """What operators dispute."""
        previews = Previews(self.ledger, projections=self.runner, patience_seconds=_PREVIEW_PATIENCE_SECONDS)
        return Disputes(self.ledger, previews, approval_above=self.dispute_approval_above)

    @cached_property
    def disputed(self) -> Disputed:
        """What disputes are about."""
        return Disputed(self.ledger)

    @cached_property
    def receipts(self) -> Receipts:
        """What receipts and other proofs are made from."""
        datastore = self.ledger.datastore
        return Receipts(self.ledger, Trees(datastore), Checkpoints(datastore))

    @property
    def entry_is_free(self) -> bool:
        """Whether anybody may take part without a pass or a subscription."""
        return self.free_entry if self.free_entry is not None else not self.money.till.sells_entries

    @cached_property
    def readiness(self) -> Readiness:
        """Whether the service can serve."""
        return Readiness(partial(lack_of, self.ledger, self.runner, self.migrations))

    @cached_property
    def errands(self) -> Errands:
        """What no answer waits for."""
        return Errands()

    @cached_property
    def hashing(self) -> CapacityLimiter:
        """How many passwords may be hashed at once: each takes a core and megabytes."""
        return CapacityLimiter(self.hashing_threads)


async def services_of(request: Request) -> Services:
    """Return the services that the app was made with."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
