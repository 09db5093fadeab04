"""Taking part in weeks, as a person: the gates and restrictions before an enrolment, and leaving weeks to come."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from functools import partial
from uuid import UUID

from api.people.registry import Person, UnknownPlayer
from api.people.restrictions import Restricted, require_unrestricted
from api.services import Services
from ledger import enrolment, weeks
from ledger.entries import Entry
from ledger.entry import NotEnrolled
from ledger.facts import Fact
from ledger.week import RegistrationClosed


def enrol(services: Services, *, player_id: UUID, week: str, via: str, request: str) -> Fact:
    """Enrol a player who may take part and return the EntryEnrolled; a second time, the first one.

    Raises Restricted, a Refusal of the gates, UnknownPlayer, or what the ledger's enrolment raises.
    """
    person = services.people.person(player_id)
    _take_back_restrictions(services, person)
    _require_unrestricted(services, player_id)
    services.gates.require_admitted(date_of_birth=person.date_of_birth, jurisdiction=person.jurisdiction, week=week)
    enrolled = enrolment.enrol(services.ledger, player_id=player_id, week=week, via=via, request=request)
    try:
        # Who restricts or erases somebody withdraws the entries that are there; one that came after it is seen here.
        services.people.person(player_id)
        _require_unrestricted(services, player_id)
    except (Restricted, UnknownPlayer) as refusal:
        # An erasure that cuts the link to the entry withdraws it.
        with suppress(RegistrationClosed, NotEnrolled):
            enrolment.withdraw(services.ledger, player_id=player_id, week=week, request=request)
        if isinstance(refusal, UnknownPlayer):
            services.people.forget_entries(player_id)
        raise
    return enrolled


def withdraw_from_coming_weeks(
    services: Services, *, player_id: UUID, until: datetime | None, request: str, by: str = "player"
) -> list[str]:
    """Withdraw a player from the weeks that start before an instant, or from all to come, and return which.

    A week that has begun is played to its end. `by` is the ledger's actor, `player` or `operator:<id>`.
    """
    entries = services.ledger.entries.entries_of(player_id=player_id)
    return withdraw_entries(services, entries, until=until, request=request, by=by)


def withdraw_entries(
    services: Services, entries: Iterable[Entry], *, until: datetime | None, request: str, by: str = "player"
) -> list[str]:
    """Withdraw those of some entries whose week starts before an instant, or is to come, and return the weeks."""
    now = services.clock()
    withdrawn = []
    for entry in entries:
        starts_at = weeks.starts_at(entry.week)
        if starts_at > now and (until is None or starts_at < until):
            # It may begin this very moment, or the enrolment may never have come about.
            with suppress(RegistrationClosed, NotEnrolled):
                enrolment.withdraw_entry(
                    services.ledger,
                    entry=entry.entry,
                    week=entry.week,
                    request=request,
                    reason=by.partition(":")[0],
                    actor=by,
                )
                withdrawn.append(entry.week)
    return withdrawn


def _require_unrestricted(services: Services, player_id: UUID) -> None:
    """Refuse a player who is restricted by now: straight from the database, so it is never out of date."""
    require_unrestricted(services.restrictions.of_player(player_id), at=services.clock())


def _take_back_restrictions(services: Services, person: Person) -> None:
    """Place anew what bars somebody who erased an account and signed up again with the same address."""
    with services.ledger.datastore.connection() as connection, connection.transaction():
        left_behind = services.people.restrictions_left_behind(person.email, on=connection)
        for kind, ends_at in left_behind:
            services.restrictions.place(
                player_id=person.id,
                kind=kind,
                ends=partial(_whenever, ends_at),
                reason="carried over from an account with this address that was erased",
                placed_by="carried",
                request=f"{kind} until {ends_at}",
                on=connection,
            )
    if left_behind:
        services.restrictions.changed()


def _whenever(ends_at: datetime | None, _: datetime) -> datetime | None:
    return ends_at
