"""Weeks: where they are, what rules they play by, and taking part in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field

from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown, WeekNamed, WeekOpened, not_open
from api.identity.principal import PUBLIC, AsPlayer, request_key
from api.people.device_header import SEEN_DEVICE
from api.refusal import Refusal
from api.services import Services, ServicesDep
from feeds.payments.provider import Kind
from ledger import enrolment
from ledger.entry import NotEnrolled, Registration
from ledger.events import EntryEnrolled
from ledger.events import WeekOpened as Opened
from ledger.facts import Fact, fact_of
from ledger.ids import registration_stream
from projections.weeks import Week

router = APIRouter(prefix="/weeks", tags=["weeks"])


class WeekShown(Shown):
    """A week. `state`: registering, grouped (drawn, takes stakes), closed, settled or final.

    `registered` counts the entries that take part, `pools` the pools, 0 until the draw. `seed_commitment` binds the
    draw's `seed`, which the draw reveals; `roster_hash` and `roster_size` are those of the entries drawn.
    `standings_hash` is that of the newest settlement, and is the result once the week is final.
    """

    week: str = Field(examples=["2026-W47"])
    state: str = Field(examples=["registering"])
    starts_at: Moment
    ends_at: Moment
    registered: int = Field(examples=[251])
    pools: int = Field(examples=[3])
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
    position: str = Field(examples=["2026-W47:5123"])


class WeekPage(Page[WeekShown]):
    """Some weeks, newest first."""


class RulesShown(BaseModel):
    """The rules of a week; `rules_hash` is the sha256 of their RFC 8785 canonical JSON."""

    week: str
    rules_hash: str
    rules: dict[str, Any]


class AcceptedRules(BaseModel):
    """The rules that a player has read and plays by: the `rules_hash` of `GET /api/weeks/{week}/rules`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


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
def list_weeks(services: ServicesDep, paging: PagingDep) -> WeekPage:
    """Return the weeks that were opened, newest first."""
    found = services.views.weeks.weeks(week=paging.week(), is_back=paging.is_back, limit=paging.fetch)
    return WeekPage.of(found, paging, show=_shower(services, found), place=lambda week: week.week)


@router.get("/{week}", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def get_week(week: WeekNamed, services: ServicesDep) -> WeekShown:
    """Return a week by id, or `current` or `next`.

    Refused with `unknown_week` until the week is open: the detail says when it is, and what it waits for. Whether the
    player who asks is enrolled is in `GET /api/me` and `GET /api/me/weeks`.
    """
    row = _row(services, week)
    return _shower(services, [row])(row)


@router.get("/{week}/rules", dependencies=[CAUGHT_UP], openapi_extra=PUBLIC)
def get_rules(week: WeekNamed, services: ServicesDep) -> RulesShown:
    """Return the rules that a week plays by."""
    row = _row(services, week)
    return RulesShown(week=week, rules_hash=row.rules_hash, rules=json.loads(row.rules))


@router.post("/{week}/entry", status_code=201, dependencies=[SEEN_DEVICE])
def enrol(
    player: AsPlayer,
    week: WeekOpened,
    request: Request,
    services: ServicesDep,
    body: Annotated[AcceptedRules | None, Body()] = None,
) -> Enrolment:
    """Take part in a week; again, the first answer.

    The enrolment records the hash of the week's rules as accepted. An app that showed them says which ones: refused
    with `rules_changed`, and the `rules_hash` of the week, where they are others. Refused with `registration_closed`
    from the week's start on, unless its rules allow late entry; with `restricted` during a pause or a suspension; and
    where the service asks for an age or a place, with `age_unknown`, `too_young`, `jurisdiction_unknown` or
    `jurisdiction_not_served`; with `dispute_open` while a payment of the player's is disputed. Where taking part costs
    a pass or a subscription, `pass_required` says so: whoever has one is enrolled by it, and gets that answer here.
    """
    if body is not None and body.rules_hash is not None:
        _require_rules(services, week=week, accepted=body.rules_hash)
    if services.entry_is_free:
        enrolled = services.taking_part.enrol(player_id=player.id, week=week, via="free", request=request_key(request))
    else:
        enrolled = _enrolled_by_pass(services, player_id=player.id, week=week)
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
    """Withdraw before the week starts; again, the first answer.

    Refused with `not_enrolled`, and with `registration_closed` from the week's start on.
    """
    entry = services.ledger.entries.entry_of(player_id=player.id, week=week)
    if entry is None:
        raise NotEnrolled(f"You are not enrolled in week {week}.")
    withdrawn = enrolment.withdraw(services.ledger, player_id=player.id, week=week, request=request_key(request))
    return Withdrawal(week=week, entry=entry, withdrawn_at=withdrawn.at, position=withdrawn.token)


def is_enrolled(services: Services, *, week: str, entry: UUID) -> bool:
    """Say whether an entry takes part in its week: straight from the log, so it is never out of date."""
    return _enrolment(services, week=week, entry=entry) is not None


def _enrolment(services: Services, *, week: str, entry: UUID) -> Fact | None:
    stream = registration_stream(entry)
    registration = Registration.blank(stream)
    for record in services.ledger.recorder(week).read_streams([stream]):
        registration.fold(fact_of(record))
    return registration.enrolled


def _enrolled_by_pass(services: Services, *, player_id: UUID, week: str) -> Fact:
    """Return the enrolment of who takes part already: nobody else is enrolled where that costs something."""
    services.taking_part.require_admitted(player_id=player_id, week=week)
    entry = services.ledger.entries.entry_of(player_id=player_id, week=week)
    enrolled = _enrolment(services, week=week, entry=entry) if entry is not None else None
    if enrolled is None:
        raise Refusal("pass_required", f"Week {week} takes a pass: {_how_to_get_in(services)}.")
    return enrolled


def _how_to_get_in(services: Services) -> str:
    kinds: tuple[Kind, ...] = ("weekly_pass", "subscription")
    sold = [kind for kind in kinds if services.money.till.sells(kind)]
    if not sold:
        return "passes are not sold here, ask the operators for one"
    ways = " or ".join(f'{{"kind": "{kind}"}}' for kind in sold)
    return f"POST /api/payments/checkout with {ways}, and you are enrolled once it is paid"


def _require_rules(services: Services, *, week: str, accepted: str) -> None:
    """Refuse rules that are not the week's: straight from the log, which a week's opening is the first event of."""
    for record in services.ledger.recorder(week).read_topics(Opened.TOPIC):
        opened = fact_of(record).event
        assert isinstance(opened, Opened)
        if opened.rules_hash != accepted:
            detail = f"Week {week} plays by rules {opened.rules_hash}: read GET /api/weeks/{week}/rules."
            raise Refusal("rules_changed", detail, rules_hash=opened.rules_hash)


def _row(services: Services, week: str) -> Week:
    row = services.views.weeks.week(week)
    if row is None:
        raise not_open(week, services.clock())
    return row


def _shower(services: Services, found: Sequence[Week]) -> Callable[[Week], WeekShown]:
    """Return how to show some weeks, with what other projections count in them."""
    names = [week.week for week in found]
    registered = services.views.registrations.registered(names)
    pools = services.views.pools.pools_in(names)

    def show(week: Week) -> WeekShown:
        return WeekShown.of(week, registered=registered.get(week.week, 0), pools=pools.get(week.week, 0))

    return show
