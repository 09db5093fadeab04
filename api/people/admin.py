"""What operators see of people and do about them. All of it is logged, and told to the person in their export."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from api.http.cursors import Page, PagingDep
from api.http.moments import GivenMoment, Moment
from api.http.newest_first import Place
from api.http.reading import Shown
from api.identity.auth import Name
from api.identity.principal import AsKeeper, request_key
from api.identity.tokens import Principal
from api.people.devices import KEPT
from api.people.log import Act
from api.people.person import BirthDate, Jurisdiction, Profile, require_born
from api.people.protection import PlacedRestriction, RestrictionList, RestrictionShown, restriction_list
from api.people.registry import Changes
from api.refusal import Refusal
from api.services import ServicesDep

router = APIRouter(prefix="/admin/players", tags=["admin"])

_NOTES_SHOWN: Final = 200
# A line with something to read on it: what operators do is told in lists and logs.
_REASON: Final = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=_REASON, examples=["ticket 4711"])]
WhyLook = Annotated[
    str | None, Query(alias="reason", max_length=500, description="Why you look, for the log that the player can read.")
]


class PlayerListed(Shown):
    """A player in a list. `shares_device`: another player was seen with the same device in the last 90 days."""

    id: UUID
    email: str
    name: str
    role: str
    created_at: Moment
    is_restricted: bool
    shares_device: bool


class EntryListed(Shown):
    """A player's part in a week: the entry under which the public ledger keeps it."""

    week: str
    entry: UUID


class SharingShown(Shown):
    """Another player who was seen with `devices` of the same devices, and when the two last were."""

    player_id: UUID
    name: str
    devices: int
    last_seen: Moment


class NoteShown(Shown):
    """What an operator looked at or did about a player."""

    operator_id: UUID
    act: str = Field(examples=["looked at the player"])
    reason: str | None
    request_id: str
    at: Moment


class PayeeShown(Shown):
    """How prizes are paid to a player, as far as that is known. `identity_status`: open, verified or failed."""

    account_is_active: bool
    identity_status: str | None = Field(examples=["verified"])
    tax_form_at: Moment | None


class PlayerShown(BaseModel):
    """What an operator sees of a player; lists are newest first, of the log the newest 200 lines."""

    person: Profile
    restrictions: list[RestrictionShown]
    entries: list[EntryListed]
    payee: PayeeShown
    shares_device_with: list[SharingShown]
    log: list[NoteShown]


class CorrectPlayer(BaseModel):
    """What is to change, and why; what is left out, or null, stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason
    name: Name | None = None
    date_of_birth: BirthDate | None = None
    jurisdiction: Jurisdiction | None = None


class TaxForm(BaseModel):
    """Why it is noted that a player's tax form is there, such as where it is filed; the player can read it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason


class Suspend(BaseModel):
    """Why a player is suspended, which they can read, and until when; without `until`, until it is lifted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Reason
    until: GivenMoment | None = None


@router.get("")
def list_players(
    keeper: AsKeeper,
    request: Request,
    services: ServicesDep,
    paging: PagingDep,
    email: Annotated[str | None, Query(max_length=254, description="The whole address, however it is spelt.")] = None,
    name: Annotated[str | None, Query(min_length=1, max_length=40, description="Part of the name.")] = None,
    entry: Annotated[UUID | None, Query(description="An entry of theirs, such as one that has won a prize.")] = None,
    shares_device: bool | None = None,
    reason: WhyLook = None,
) -> Page[PlayerListed]:
    """Return players, newest first: all, or by address, part of a name, entry, or whether they share a device."""
    found = services.people.page(
        paging,
        email=email,
        name=name,
        entry=entry,
        shares_device=shares_device,
        devices_since=services.clock() - KEPT,
    )
    page = Page.of(found, paging, show=PlayerListed.of, place=lambda listed: str(Place.of(listed)))
    services.people_log.looked_at(
        _act(keeper, "listed the player", reason, request), players=[listed.id for listed in page.data]
    )
    return page


@router.get("/{player_id}")
def get_player(
    keeper: AsKeeper, player_id: UUID, request: Request, services: ServicesDep, reason: WhyLook = None
) -> PlayerShown:
    """Return a player: person, restrictions, entries, who shares a device with them, who looked at them and why."""
    person = services.people.person(player_id)
    services.people_log.looked_at(_act(keeper, "looked at the player", reason, request), players=[player_id])
    return PlayerShown(
        person=Profile.of(person),
        restrictions=restriction_list(services, player_id).data,
        entries=[EntryListed.of(entry) for entry in services.ledger.entries.entries_of(player_id=player_id)],
        payee=PayeeShown.of(services.money.payees.payee(player_id)),
        shares_device_with=[SharingShown.of(sharing) for sharing in services.devices.sharing(player_id)],
        log=[NoteShown.of(note) for note in services.people_log.notes_about(player_id, limit=_NOTES_SHOWN)],
    )


@router.patch("/{player_id}")
def correct_player(
    keeper: AsKeeper, player_id: UUID, body: CorrectPlayer, request: Request, services: ServicesDep
) -> Profile:
    """Correct what a player said of themselves: name, date of birth, jurisdiction."""
    changes = Changes(**body.model_dump(exclude={"reason"}))
    require_born(changes, services)
    what = ", ".join(field for field, value in asdict(changes).items() if value is not None)
    act = _act(keeper, f"corrected {what or 'nothing'}", body.reason, request)
    with services.people_log.acting(act, on=[player_id]) as connection:
        return Profile.of(services.people.correct(player_id, changes, on=connection))


@router.post("/{player_id}/suspension", status_code=201)
def suspend_player(
    keeper: AsKeeper, player_id: UUID, body: Suspend, request: Request, services: ServicesDep
) -> PlacedRestriction:
    """Bar a player from enrolling and betting, and withdraw them from the weeks that start before the end of it.

    What is staked already is played to its end and paid. Refused with `forbidden` for operators and auditors.
    """
    if services.people.person(player_id).role != "player":
        raise Refusal("forbidden", "Only players are suspended: take the role of a colleague away instead.")
    if body.until is not None and body.until <= services.clock():
        raise RequestValidationError([{"loc": ("body", "until"), "type": "until", "msg": "this lies in the past"}])
    key, operator = request_key(request), f"operator:{keeper.id}"
    with services.people_log.acting(_act(keeper, "suspended the player", body.reason, request), on=[player_id]) as on:
        placed = services.restrictions.place(
            player_id=player_id,
            kind="suspension",
            ends=lambda _: body.until,
            reason=body.reason,
            placed_by=operator,
            request=key,
            on=on,
        )
    services.restrictions.changed()
    withdrawn = services.taking_part.withdraw_from_coming_weeks(
        player_id=player_id, until=placed.ends_at, request=key, by=operator
    )
    return PlacedRestriction.of(placed, is_in_force=placed.is_in_force(services.clock()), withdrawn=withdrawn)


@router.delete("/{player_id}/suspension")
def lift_suspension(
    keeper: AsKeeper,
    player_id: UUID,
    request: Request,
    services: ServicesDep,
    reason: Annotated[str, Query(min_length=1, max_length=500, pattern=_REASON)],
) -> RestrictionList:
    """Lift a player's suspensions, and return all restrictions; what the player chose stands."""
    services.people.person(player_id)
    with services.people_log.acting(_act(keeper, "lifted the suspension", reason, request), on=[player_id]) as on:
        services.restrictions.lift_suspensions(player_id=player_id, by=f"operator:{keeper.id}", on=on)
    services.restrictions.changed()
    return restriction_list(services, player_id)


@router.post("/{player_id}/tax-form")
def note_tax_form(
    keeper: AsKeeper, player_id: UUID, body: TaxForm, request: Request, services: ServicesDep
) -> PayeeShown:
    """Note that a player's tax form is there: no prize waits for it any more. Again, it stays as noted first."""
    services.people.person(player_id)
    with services.people_log.acting(_act(keeper, "noted the tax form", body.reason, request), on=[player_id]) as on:
        services.money.payees.note_tax_form(player_id, services.clock(), on=on)
    return PayeeShown.of(services.money.payees.payee(player_id))


def _act(keeper: Principal, act: str, reason: str | None, request: Request) -> Act:
    return Act(keeper.id, act, reason, request.state.request_id)
