"""Taking part in weeks, as a person: the gates and restrictions before an enrolment, and leaving weeks to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from uuid import UUID

from api.people.disputes import Disputes
from api.people.gates import Gates
from api.people.registry import People, Person, UnknownPlayer
from api.people.restrictions import Restricted, Restrictions, require_unrestricted
from api.refusal import Refusal
from feeds.payments.admission import NotAdmitted
from ledger import enrolment, weeks
from ledger.entries import Entry
from ledger.entry import NotEnrolled
from ledger.facts import Fact
from ledger.ledger import Ledger
from ledger.week import RegistrationClosed


class TakingPart:
    """Lets people take part who may, and takes them out of weeks to come."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        people: People,
        restrictions: Restrictions,
        gates: Gates,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._people = people
        self._restrictions = restrictions
        self._gates = gates
        self._clock = clock
        self._disputes = Disputes(ledger.datastore)

    def require_admitted(self, *, player_id: UUID, week: str) -> None:
        """Return if a player may take part in a week, as far as the person goes.

        Raises Restricted, a Refusal of the gates or `dispute_open`, or UnknownPlayer.
        """
        person = self._people.person(player_id)
        self._take_back_restrictions(person)
        self._require_unrestricted(player_id)
        self._disputes.require_none(player_id)
        self._gates.require_admitted(date_of_birth=person.date_of_birth, jurisdiction=person.jurisdiction, week=week)

    def enrol(self, *, player_id: UUID, week: str, via: str, request: str, payment_id: UUID | None = None) -> Fact:
        """Enrol a player who may take part and return the EntryEnrolled; a second time, the first one.

        Raises what `require_admitted` and the ledger's enrolment raise.
        """
        self.require_admitted(player_id=player_id, week=week)
        paid_by = str(payment_id) if payment_id is not None else None
        enrolled = enrolment.enrol(
            self._ledger, player_id=player_id, week=week, via=via, request=request, payment_id=paid_by
        )
        try:
            # Who restricts or erases somebody withdraws the entries that are there; one that came after is seen here.
            self._people.person(player_id)
            self._require_unrestricted(player_id)
        except (Restricted, UnknownPlayer) as refusal:
            # An erasure that cuts the link to the entry withdraws it.
            with suppress(RegistrationClosed, NotEnrolled):
                enrolment.withdraw(self._ledger, player_id=player_id, week=week, request=request)
            if isinstance(refusal, UnknownPlayer):
                self._people.forget_entries(player_id)
            raise
        return enrolled

    def withdraw_from_coming_weeks(
        self, *, player_id: UUID, until: datetime | None, request: str, by: str = "player"
    ) -> list[str]:
        """Withdraw a player from the weeks that start before an instant, or from all to come, and return which.

        A week that has begun is played to its end. `by` is the ledger's actor, `player` or `operator:<id>`.
        """
        entries = self._ledger.entries.entries_of(player_id=player_id)
        return self.withdraw_entries(entries, until=until, request=request, by=by)

    def withdraw_entries(
        self, entries: Iterable[Entry], *, until: datetime | None, request: str, by: str = "player"
    ) -> list[str]:
        """Withdraw those of some entries whose week starts before an instant, or is to come, and return the weeks."""
        now = self._clock()
        withdrawn = []
        for entry in entries:
            starts_at = weeks.starts_at(entry.week)
            if starts_at > now and (until is None or starts_at < until):
                # It may begin this very moment, or the enrolment may never have come about.
                with suppress(RegistrationClosed, NotEnrolled):
                    enrolment.withdraw_entry(
                        self._ledger,
                        entry=entry.entry,
                        week=entry.week,
                        request=request,
                        reason=by.partition(":")[0],
                        actor=by,
                    )
                    withdrawn.append(entry.week)
        return withdrawn

    def _require_unrestricted(self, player_id: UUID) -> None:
        """Refuse a player who is restricted by now: straight from the database, so it is never out of date."""
        require_unrestricted(self._restrictions.of_player(player_id), at=self._clock())

    def _take_back_restrictions(self, person: Person) -> None:
        """Place anew what bars somebody who erased an account and signed up again with the same address."""
        with self._ledger.datastore.connection() as connection, connection.transaction():
            left_behind = self._people.restrictions_left_behind(person.email, on=connection)
            for kind, ends_at in left_behind:
                self._restrictions.place(
                    player_id=person.id,
                    kind=kind,
                    ends=partial(_whenever, ends_at),
                    reason="carried over from an account with this address that was erased",
                    placed_by="carried",
                    request=f"{kind} until {ends_at}",
                    on=connection,
                )
        if left_behind:
            self._restrictions.changed()


class PayersAdmission:
    """Who may take part, for payments: what keeps a person from it is all the same to them."""

    def __init__(self, taking_part: TakingPart) -> None:
        self._taking_part = taking_part

    def require_admitted(self, *, player_id: UUID, week: str) -> None:
        """Return if the player may take part in a week; raises NotAdmitted."""
        try:
            self._taking_part.require_admitted(player_id=player_id, week=week)
        except Refusal as refusal:
            raise NotAdmitted(str(refusal)) from refusal

    def enrol(self, *, player_id: UUID, week: str, via: str, request: str, payment_id: UUID | None = None) -> Fact:
        """Enrol a player who may take part; raises NotAdmitted, or what the ledger's enrolment raises."""
        try:
            return self._taking_part.enrol(
                player_id=player_id, week=week, via=via, request=request, payment_id=payment_id
            )
        except Refusal as refusal:
            raise NotAdmitted(str(refusal)) from refusal


def _whenever(ends_at: datetime | None, _: datetime) -> datetime | None:
    return ends_at
