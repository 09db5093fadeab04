"""Paying prizes: each that was awarded is paid once, as soon as nothing holds it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from psycopg.rows import class_row

from feeds.payments.provider import Provider, ProviderRefused, Transfer, Transferred
from feeds.payments.setbacks import Setbacks
from feeds.settler import ProjectionBehind
from ledger import prize_paying
from ledger.datastore import Datastore, cursor_on
from ledger.ids import OFFICE, prize_id
from ledger.ledger import Ledger
from ledger.prize_paying import PROVIDER, PrizeStanding
from ledger.prize_payment import FAILED, OPERATOR, PrizeTerms
from ledger.sql import queries
from ledger.weeks import NEW_YORK
from projections.runner import Runner

_A_PAGE: Final = 500
_PROJECTION_PATIENCE_SECONDS: Final = 30.0
# A transfer comes back by an operator's hand, at the provider; it is looked for among those of so many days.
REVERSIBLE: Final = timedelta(days=90)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PrizePolicy:
    """What a winner is asked for. From `tax_threshold_cents` in a calendar year on, prizes wait for a tax form.

    The threshold of 2026 in the United States is 2,000 dollars (form 1099-MISC, for payments after 2025).
    """

    identity_required: bool = True
    tax_threshold_cents: int | None = 200_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prize that is not paid, and what is known of its winner, who is None where the person was erased.

    `state` and `reason` are those that are projected.
    """

    entry: UUID
    week: str
    pool_name: str
    amount_cents: int
    currency: str
    player_id: UUID | None
    account_ref: str | None
    account_is_active: bool
    identity_status: str | None
    tax_form_at: datetime | None
    is_disputed: bool
    paid_this_year_cents: int
    state: str = "owed"
    reason: str | None = None

    @property
    def terms(self) -> PrizeTerms:
        """What was awarded."""
        return PrizeTerms(entry=self.entry, week=self.week, amount_cents=self.amount_cents, currency=self.currency)


def held_for(candidate: Candidate, policy: PrizePolicy, *, released: frozenset[str] = frozenset()) -> str | None:
    """Return why a prize cannot be paid now, None where it can; what an operator `released` holds it no longer."""
    year_cents = candidate.paid_this_year_cents + candidate.amount_cents
    is_taxed = policy.tax_threshold_cents is not None and year_cents >= policy.tax_threshold_cents
    holds = (
        ("erased", candidate.player_id is None),
        ("dispute", candidate.is_disputed),
        ("payout_account", candidate.account_ref is None or not candidate.account_is_active),
        ("identity", policy.identity_required and candidate.identity_status != "verified"),
        ("tax", is_taxed and candidate.tax_form_at is None),
    )
    return next((reason for reason, holds_it in holds if holds_it and reason not in released), None)


def year_of(instant: datetime) -> tuple[datetime, datetime]:
    """Return the beginning and the end of the calendar year in New York that holds an instant."""
    year = instant.astimezone(NEW_YORK).year
    return datetime(year, 1, 1, tzinfo=NEW_YORK), datetime(year + 1, 1, 1, tzinfo=NEW_YORK)


class PrizePayer:
    """Pays what was awarded. Of several processes one does so at a time, so that what a year comes to is known."""

    def __init__(
        self,
        ledger: Ledger,
        datastore: Datastore,
        projections: Runner,
        *,
        provider: Provider,
        policy: PrizePolicy,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._datastore = datastore
        self._projections = projections
        self._provider = provider
        self._policy = policy
        self._clock = clock
        self._sql = queries("feeds.payments", "prizes.sql")

    async def step(self) -> int:
        """Pay or hold what is owed, and return how many facts came of it.

        Raises ProviderUnavailable, or what else keeps a prize waiting, when all others had their turn.
        """
        done, setbacks = 0, Setbacks()
        async with self._alone() as is_alone:
            if not is_alone:
                return 0
            after: UUID | None = None
            # Of whom a prize may or may not have been paid a moment ago, it is not known what the year comes to.
            unclear: set[UUID | None] = set()
            while page := await self._page(after):
                # Prizes that were paid a moment ago count for the year.
                paid_cents: Counter[UUID | None] = Counter()
                for candidate in page:
                    winner = candidate.player_id
                    if winner in unclear:
                        continue
                    unclear.add(winner)
                    with setbacks.borne():
                        so_far = candidate.paid_this_year_cents + paid_cents[winner]
                        done += await self._take(replace(candidate, paid_this_year_cents=so_far), paid_cents)
                        unclear.discard(winner)
                after = page[-1].entry
        setbacks.tell()
        return done

    async def look_for_reversed(self) -> int:
        """Note prizes that came back after they had been paid, and return how many."""
        now = self._clock()
        transfers = [each async for each in self._provider.transfers(since=now - REVERSIBLE, until=now)]
        standing = {each.prize_id for each in transfers if not each.is_reversed}
        gone = [each for each in transfers if each.is_reversed and each.prize_id not in standing]
        return sum([await asyncio.to_thread(self._note_reversed, each) for each in gone])

    async def _take(self, candidate: Candidate, paid_cents: Counter[UUID | None]) -> int:
        if self._stays(candidate):
            return 0
        stands = await asyncio.wrap_future(prize_paying.standing(self._ledger, entry=candidate.entry))
        if stands.waits_for_operator or stands.state == "paid":
            return 0
        reason = held_for(candidate, self._policy, released=stands.released)
        request = f"prize/{candidate.entry}"
        if reason is None:
            paid_cents[candidate.player_id] += await self._pay(candidate, stands, request)
            return 1
        held = prize_paying.hold_prize(self._ledger, candidate.terms, reason=reason, actor=PROVIDER, request=request)
        return int(await asyncio.wrap_future(held) is not None)

    def _stays(self, candidate: Candidate) -> bool:
        """Say whether a prize waits for what it is known to wait for, and the ledger need not be asked again."""
        if candidate.state == FAILED or candidate.reason == OPERATOR:
            return True
        return candidate.state == "held" and candidate.reason == held_for(candidate, self._policy)

    async def _pay(self, candidate: Candidate, stands: PrizeStanding, request: str) -> int:
        """Pay a prize, and return how many cents left for the winner: none where the provider refuses."""
        assert candidate.account_ref is not None
        transfer = Transfer(
            prize_id=prize_id(candidate.entry),
            group=f"{candidate.week}/{candidate.pool_name}/{candidate.entry}",
            attempt=stands.attempt,
            amount_cents=candidate.amount_cents,
            currency=candidate.currency,
            to=candidate.account_ref,
        )
        try:
            done = await self._provider.transfer(transfer)
        except ProviderRefused as error:
            _log.error("prize of entry %s of week %s failed: %s", candidate.entry, candidate.week, error)
            await asyncio.wrap_future(
                prize_paying.fail_prize(
                    self._ledger, candidate.terms, reason=error.reason, attempt=stands.attempt, request=request
                )
            )
            return 0
        await asyncio.wrap_future(
            prize_paying.pay_prize(
                self._ledger, candidate.terms, paid_at=done.created_at, attempt=stands.attempt, request=request
            )
        )
        return candidate.amount_cents

    def _note_reversed(self, transfer: Transferred) -> int:
        """Note that a prize came back, unless it has been paid again since."""
        parameters = {"prize_id": transfer.prize_id, "at": transfer.created_at}
        with self._datastore.connection() as connection:
            paid = cursor_on(connection).execute(self._sql["paid"], parameters).fetchone()
        if paid is None:
            return 0
        *terms, attempt = paid
        awarded = PrizeTerms(**dict(zip(PrizeTerms.__struct_fields__, terms, strict=True)))
        prize_paying.fail_prize(
            self._ledger, awarded, reason="reversed", attempt=attempt, request=f"reversed/{transfer.prize_id}/{attempt}"
        ).result()
        return 1

    def _candidates(self, after: UUID | None) -> list[Candidate]:
        since, until = year_of(self._clock())
        parameters = {"after": after, "since": since, "until": until, "limit": _A_PAGE}
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Candidate))
            return cursor.execute(self._sql["candidates"], parameters).fetchall()

    async def _page(self, after: UUID | None) -> list[Candidate]:
        """Return the next candidates, with all that the office knows by now; raises ProjectionBehind."""
        await asyncio.to_thread(self._catch_up)
        return await asyncio.to_thread(self._candidates, after)

    def _catch_up(self) -> None:
        head = self._ledger.recorder(OFFICE).head().position
        # Nothing is projected of a book in which nothing stands yet.
        if head > 0 and not self._projections.wait_for(
            OFFICE, head, timeout=_PROJECTION_PATIENCE_SECONDS, names=["payments"]
        ):
            raise ProjectionBehind(f"the payments projection has not reached position {head} of the office")

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[bool]:
        """Keep others from paying meanwhile; gives whether that is so, or somebody else pays."""
        with ExitStack() as stack:
            yield await asyncio.to_thread(self._lock, stack)

    def _lock(self, stack: ExitStack) -> bool:
        connection = stack.enter_context(self._datastore.connection())
        stack.enter_context(connection.transaction())
        [(is_alone,)] = cursor_on(connection).execute(self._sql["lock"])
        return bool(is_alone)
