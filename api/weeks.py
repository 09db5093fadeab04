"""Weeks: where they are, what rules they play by, and taking part in them."""

from __future__ import annotations

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from api.errors import Refusal
from api.principal import PUBLIC, AsPlayer, request_key
from api.quotes import Moment
from api.reading import CAUGHT_UP, Shown, WeekNamed, WeekOpened
from api.services import Services, ServicesDep
from ledger import enrolment
from ledger.entry import NotEnrolled, Registration
from ledger.events import EntryEnrolled
from ledger.facts import fact_of
from ledger.ids import registration_stream
from projections.weeks import Week

router = APIRouter(prefix="/weeks", tags=["weeks"])


class WeekShown(Shown):
    """A week. `state`: registering, grouped, closed, settled or final. `seed` is revealed by the draw."""

    week: str
    state: str
    starts_at: Moment
    ends_at: Moment
    rules_hash: str
    seed_commitment: str
    roster_hash: str | None
    roster_size: int | None
    seed: str | None
    grouped_at: Moment | None
    closed_at: Moment | None
    settled_at: Moment | None
    finalised_at: Moment | None
    standings_hash: str | None
    position: str


class WeekList(BaseModel):
    """Weeks, newest first."""

    data: list[WeekShown]


class RulesShown(BaseModel):
    """The rules of a week; `rules_hash` is the sha256 of their RFC 8785 canonical JSON."""

    week: str
    rules_hash: str
    rules: dict[str, Any]


class Enrolment(BaseModel):
    """A player's part in a week: the entry that plays it, and the hash of the rules accepted."""

    week: str
    entry: UUID
    rules_hash: str
    via: str
    enrolled_at: Moment
    position: str


class Withdrawal(BaseModel):
    """An entry that no longer takes part."""

    week: str
    entry: UUID
    withdrawn_at: Moment
    position: str


@router.get("", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def list_weeks(services: ServicesDep, limit: Annotated[int, Query(ge=1, le=200)] = 52) -> WeekList:
    """Return the newest weeks."""
    return WeekList(data=[WeekShown.of(week) for week in services.views.weeks.weeks(limit=limit)])


@router.get("/{week}", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def get_week(week: WeekNamed, services: ServicesDep) -> WeekShown:
    """Return a week by id, or `current` or `next`."""
    return WeekShown.of(_row(services, week))


@router.get("/{week}/rules", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def get_rules(week: WeekNamed, services: ServicesDep) -> RulesShown:
    """Return the rules that a week plays by."""
    row = _row(services, week)
    return RulesShown(week=week, rules_hash=row.rules_hash, rules=json.loads(row.rules))


@router.post("/{week}/entry", status_code=201)
def enrol(player: AsPlayer, week: WeekOpened, request: Request, services: ServicesDep) -> Enrolment:
    """Take part in a week; again, the first answer. Refused with `registration_closed` from its start on."""
    enrolled = enrolment.enrol(
        services.ledger, player_id=player.id, week=week, via="free", request=request_key(request)
    )
    assert isinstance(enrolled.event, EntryEnrolled)
    return Enrolment(
        week=week,
        entry=enrolled.event.entry,
        rules_hash=enrolled.event.rules_hash,
        via=enrolled.event.via,
        enrolled_at=enrolled.at,
        position=enrolled.token,
    )


@router.delete("/{week}/entry")
def withdraw(player: AsPlayer, week: WeekOpened, request: Request, services: ServicesDep) -> Withdrawal:
    """Withdraw before the week starts; again, the first answer. Refused with `not_enrolled`, `registration_closed`."""
    entry = services.ledger.entries.entry_of(player_id=player.id, week=week)
    if entry is None:
        raise NotEnrolled(f"You are not enrolled in week {week}.")
    withdrawn = enrolment.withdraw(services.ledger, player_id=player.id, week=week, request=request_key(request))
    return Withdrawal(week=week, entry=entry, withdrawn_at=withdrawn.at, position=withdrawn.token)


def is_enrolled(services: Services, *, week: str, entry: UUID) -> bool:
    """Say whether an entry takes part in its week: straight from the log, so it is never out of date."""
    stream = registration_stream(entry)
    registration = Registration.blank(stream)
    for record in services.ledger.recorder(week).read_streams([stream]):
        registration.fold(fact_of(record))
    return registration.enrolled is not None


def _row(services: Services, week: str) -> Week:
    row = services.views.weeks.week(week)
    if row is None:
        raise Refusal("unknown_week", f"Week {week} is not open.")
    return row
