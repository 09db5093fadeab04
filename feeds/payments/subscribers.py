"""Subscribers: how their subscriptions stand, and their enrolment in each week that registers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from psycopg.rows import class_row

from feeds.payments.admission import Admission, NotAdmitted
from feeds.payments.provider import Provider, ProviderRefused, ProviderSubscription
from feeds.payments.setbacks import Setbacks
from ledger import enrolment, paying
from ledger.datastore import Datastore, cursor_on
from ledger.entry import NotEnrolled
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.payment import PaymentMoved
from ledger.sql import queries
from ledger.week import RegistrationClosed

T = TypeVar("T")
ELIGIBLE: Final = ("active", "trialing")
# Nothing begins again behind these.
ENDED: Final = ("canceled", "incomplete_expired")
LAPSED: Final = "subscription"
_ADMISSION_HOLDS: Final = timedelta(minutes=10)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as the provider last told. `withdrew_from`: the week that its lapse withdrew the player from."""

    ref: str
    payment_id: UUID
    player_id: UUID
    status: str
    ends_at: datetime | None
    withdrew_from: str | None
    version: int

    @property
    def makes_eligible(self) -> bool:
        """Whether its player takes part in the next draw."""
        return self.status in ELIGIBLE


class Subscribers:
    """Reads and writes subscriptions."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds.payments", "subscribers.sql")

    def subscription(self, ref: str) -> Subscription | None:
        """Return a subscription."""
        found = self._all("subscription", ref=ref)
        return found[0] if found else None

    def of_player(self, player_id: UUID) -> list[Subscription]:
        """Return a player's subscriptions, those that make eligible first."""
        return self._all("of_player", player_id=player_id)

    def is_subscribed(self, player_id: UUID) -> bool:
        """Say whether a player has a subscription that makes eligible."""
        return any(each.makes_eligible for each in self.of_player(player_id))

    def keep(self, said: ProviderSubscription, *, known: int) -> bool:
        """Keep how a subscription stands; `known` is its version before the provider was asked, 0 for none.

        Returns False where it is nobody's: its player is erased, or never was one of ours. Raises PaymentMoved where
        somebody kept it since.
        """
        kept = self._change(said, version=known) if known else self._add(said)
        if not kept and (known or self.subscription(said.ref) is not None):
            raise PaymentMoved(f"subscription {said.ref} has changed since version {known}: ask again")
        return kept > 0

    def to_enrol(self, week: str) -> list[Subscription]:
        """Return the subscriptions whose players are to be enrolled in a week."""
        return self._all("to_enrol", week=week)

    def to_withdraw(self, week: str) -> list[tuple[UUID, UUID]]:
        """Return player and entry of those whose subscription got them into a week, and lapsed since."""
        with self._datastore.connection() as connection:
            return cursor_on(connection).execute(self._sql["to_withdraw"], {"week": week}).fetchall()

    def withdrew(self, player_id: UUID, week: str | None) -> None:
        """Note from which week a lapse withdrew a player."""
        self._run("withdrew", player_id=player_id, week=week)

    def of_excluded(self, now: datetime) -> list[Subscription]:
        """Return the subscriptions of players who have excluded themselves."""
        return self._all("of_excluded", now=now)

    def paid_in_exclusion(self) -> list[UUID]:
        """Return the payments of subscriptions that who had excluded themselves was charged, and that stand."""
        with self._datastore.connection() as connection:
            return [payment for (payment,) in cursor_on(connection).execute(self._sql["paid_in_exclusion"])]

    def surplus(self) -> list[Subscription]:
        """Return subscriptions that came second to another one of the same player."""
        return self._all("surplus")

    def orphans(self) -> list[str]:
        """Return the refs of subscriptions whose players were erased."""
        with self._datastore.connection() as connection:
            return [ref for (ref,) in cursor_on(connection).execute(self._sql["orphans"])]

    def cancel_later(self, ref: str) -> None:
        """Have a subscription ended whose player was erased."""
        self._run("cancel_later", ref=ref)

    def forget_orphan(self, ref: str) -> None:
        """Let go of one that was cancelled."""
        self._run("forget_orphan", ref=ref)

    def _add(self, said: ProviderSubscription) -> int:
        return self._run("add", **asdict(said))

    def _change(self, said: ProviderSubscription, *, version: int) -> int:
        return self._run("change", version=version, **asdict(said))

    def _all(self, query: str, **parameters: Any) -> list[Subscription]:
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Subscription))
            return cursor.execute(self._sql[query], parameters).fetchall()

    def _run(self, query: str, **parameters: Any) -> int:
        with self._datastore.connection() as connection:
            return cursor_on(connection).execute(self._sql[query], parameters).rowcount


class SubscriptionKeeper:
    """Enrols subscribers, withdraws those whose subscription lapsed, and ends subscriptions that should not go on."""

    def __init__(
        self,
        ledger: Ledger,
        subscribers: Subscribers,
        *,
        provider: Provider,
        admission: Admission,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._subscribers = subscribers
        self._provider = provider
        self._admission = admission
        self._clock = clock
        # Who may not take part, or not yet, is asked about now and then, not at every step: since when of each.
        self._not_admitted: dict[UUID, datetime] = {}
        # What the provider will not end is an operator's to look at: it is tried once by each process.
        self._not_endable: set[str] = set()

    async def step(self) -> int:
        """Do what is to be done now, and return how much that was."""
        weeks = await asyncio.to_thread(self._registering)
        done = 0
        for week in weeks:
            done += await asyncio.to_thread(self._enrol, week) + await asyncio.to_thread(self._withdraw, week)
        return done + await self._end()

    def _registering(self) -> list[str]:
        now = self._clock()
        newest = self._ledger.weeks()[-2:]

        def registers(week: str) -> bool:
            asked = self._ledger.desk(week).ask(
                lambda on: on.week().state == "registering" and now < on.week().starts_at,
                actor="clock",
                request="subscribers",
            )
            return asked.result()

        return [week for week in newest if registers(week)]

    def _enrol(self, week: str) -> int:
        done = 0
        for each in self._subscribers.to_enrol(week):
            now, refused_at = self._clock(), self._not_admitted.get(each.player_id)
            if refused_at is not None and now < refused_at + _ADMISSION_HOLDS:
                continue
            try:
                # The log is public: what is the same every week would link the player's entries.
                self._admission.enrol(
                    player_id=each.player_id, week=week, via="subscription", request=f"{week}/subscription"
                )
            except (NotAdmitted, RegistrationClosed) as refusal:
                _log.info("payment %s does not enrol in %s: %s", each.payment_id, week, refusal)
                self._not_admitted[each.player_id] = now
                continue
            self._not_admitted.pop(each.player_id, None)
            self._subscribers.withdrew(each.player_id, None)
            done += 1
        return done

    def _withdraw(self, week: str) -> int:
        done = 0
        for player_id, entry in self._subscribers.to_withdraw(week):
            with suppress(RegistrationClosed, NotEnrolled):
                # Noted first: after a crash in between, who recovers is enrolled again all the same.
                self._subscribers.withdrew(player_id, week)
                withdrawn = enrolment.withdraw_entry(
                    self._ledger, entry=entry, week=week, request=f"{week}/lapsed", reason=LAPSED, actor="clock"
                )
                if getattr(withdrawn.event, "reason", None) != LAPSED:
                    # The player was faster, and stays out.
                    self._subscribers.withdrew(player_id, None)
                done += 1
        return done

    async def _end(self) -> int:
        """End what should not go on: subscriptions of the erased and the excluded, and those that came second."""
        done, setbacks = 0, Setbacks()
        for ref in await asyncio.to_thread(self._subscribers.orphans):
            with setbacks.borne():
                if await self._cancel(ref):
                    await asyncio.to_thread(self._subscribers.forget_orphan, ref)
                    done += 1
        excluded = await asyncio.to_thread(self._subscribers.of_excluded, self._clock())
        for payment_id in await asyncio.to_thread(self._subscribers.paid_in_exclusion):
            await asyncio.to_thread(self._refuse, payment_id, "not_admitted")
            done += 1
        surplus = await asyncio.to_thread(self._subscribers.surplus)
        for each in surplus:
            await asyncio.to_thread(self._refuse, each.payment_id, "second")
        for each in {each.ref: each for each in [*excluded, *surplus]}.values():
            with setbacks.borne():
                said = await self._cancel(each.ref)
                if said is not None:
                    await asyncio.to_thread(self._subscribers.keep, said, known=each.version)
                    done += 1
        setbacks.tell()
        return done

    def _refuse(self, payment_id: UUID, reason: str) -> None:
        """Refuse a payment in the office, as a subscription is of no week; the cashier gives the money back."""
        request = f"subscription/{payment_id}"
        paying.refuse(
            self._ledger, week=OFFICE, payment_id=payment_id, kind="subscription", reason=reason, request=request
        )

    async def _cancel(self, ref: str) -> ProviderSubscription | None:
        if ref in self._not_endable:
            return None
        try:
            return await self._provider.cancel_subscription(ref, at_period_end=False)
        except ProviderRefused as error:
            _log.error("subscription %s is to be ended, and cannot be: %s", ref, error)
            self._not_endable.add(ref)
            return None
