"""The player as a person: profile, everything that is kept about them, and erasure."""

from __future__ import annotations

import logging
import re
from datetime import date
from typing import Annotated, Any, Final
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from api.http.moments import Moment
from api.http.reading import Shown
from api.identity.auth import Name
from api.identity.principal import AsPerson, AsPlayer, request_key
from api.people import personal_data
from api.people.device_header import SEEN_DEVICE
from api.people.gates import JURISDICTION
from api.people.registry import Changes, UnknownPlayer
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger.weeks import NEW_YORK

router = APIRouter(prefix="/me", tags=["me"], dependencies=[SEEN_DEVICE])
_log = logging.getLogger(__name__)

_EARLIEST: Final = date(1900, 1, 1)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def _written_out(given: object) -> object:
    # A number would be read as seconds since 1970.
    if not isinstance(given, str) or not _DATE.fullmatch(given):
        raise ValueError("a date is written as YYYY-MM-DD")
    return given


BirthDate = Annotated[
    date,
    BeforeValidator(_written_out),
    Field(ge=_EARLIEST, examples=["1990-05-17"], json_schema_extra={"pattern": "^(19|2[0-9])"}),
]
Jurisdiction = Annotated[
    str,
    Field(
        pattern=JURISDICTION,
        examples=["US-NY"],
        description="ISO 3166-2 code of a subdivision, such as US-NY, or ISO 3166-1 code of a country, such as CA.",
    ),
]


class Profile(Shown):
    """A player as a person. `name` is what other players see; the date of birth and the jurisdiction may be unknown."""

    id: UUID
    email: str
    name: str
    role: str
    created_at: Moment
    date_of_birth: date | None
    jurisdiction: str | None = Field(examples=["US-NY"])


class DescribeMe(BaseModel):
    """What is to change; what is left out, or null, stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name | None = None
    date_of_birth: BirthDate | None = None
    jurisdiction: Jurisdiction | None = None


class EraseMe(BaseModel):
    """The player's password, as proof that it is not only their phone that asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    password: Annotated[str, Field(max_length=200)]


class Erasure(BaseModel):
    """The person is erased. `withdrawn` are the weeks to come that they were enrolled in."""

    player_id: UUID
    erased_at: Moment
    withdrawn: list[str] = Field(examples=[["2026-W48"]])


class WeekKept(BaseModel):
    """A player's part in a week: `facts` are lines of the week's public export, which knows the `entry` only.

    They are null where the week is archived: operators have its export.
    """

    week: str
    entry: UUID
    facts: list[dict[str, Any]] | None


class PersonalDataShown(BaseModel):
    """All that is kept about a person: `tables` by name, with their rows, and their part in each week.

    Hashes of passwords, tokens and codes are left out.
    """

    player_id: UUID
    exported_at: Moment
    tables: dict[str, list[dict[str, Any]]]
    weeks: list[WeekKept]


@router.get("/profile")
def get_profile(principal: AsPerson, services: ServicesDep) -> Profile:
    """Return who is logged in, as a person."""
    return Profile.of(services.people.person(principal.id))


@router.patch("")
def describe_me(principal: AsPerson, body: DescribeMe, services: ServicesDep) -> Profile:
    """Change one's name; say when one was born and where one lives.

    The latter two can be said once: refused with `already_set` where they would change. Operators correct them.
    """
    changes = Changes(**body.model_dump())
    require_born(changes, services)
    return Profile.of(services.people.describe(principal.id, changes))


def require_born(changes: Changes, services: Services) -> None:
    """Refuse a date of birth that is yet to come in New York."""
    today = services.clock().astimezone(NEW_YORK).date()
    if changes.date_of_birth is not None and changes.date_of_birth > today:
        wrong = {"loc": ("body", "date_of_birth"), "type": "date_of_birth", "msg": "this lies in the future"}
        raise RequestValidationError([wrong])


@router.post("/deletion")
async def erase_me(player: AsPlayer, body: EraseMe, request: Request, services: ServicesDep) -> Erasure:
    """Erase one's account and all that is kept about oneself, at once and for good.

    Entries of weeks to come are withdrawn, sessions end. A week that has begun is played to its end by an entry that
    is nobody's, shown as a former player. A subscription is ended; of what was paid the ledger keeps the amounts, as
    nobody's, and a prize that is not paid yet never will be. The e-mail address can sign up again, as somebody new;
    restrictions in force meet them there. Refused with `wrong_password`.
    """
    found = await run_in_threadpool(services.players.player, player.id)
    if found is not None:
        services.meters.log_in(found.email)
    is_right = found is not None and await run_sync(
        services.passwords.verify, found.password_hash, body.password, limiter=services.hashing
    )
    if not is_right:
        raise Refusal("wrong_password", "This is not the password of this account.")

    def erase() -> list[str]:
        key = request_key(request)
        withdrawn = services.taking_part.withdraw_from_coming_weeks(player_id=player.id, until=None, request=key)
        services.sessions.revoke_all(player_id=player.id, reason="the player erased the account")
        # An enrolment may have come about since: among the entries that are nobody's now it is found.
        withdrawn += services.taking_part.withdraw_entries(services.people.erase(player.id), until=None, request=key)
        return list(dict.fromkeys(withdrawn))

    withdrawn = await run_in_threadpool(erase)
    services.entries.forget(player.id)
    _log.info("player %s is erased", player.id)
    return Erasure(player_id=player.id, erased_at=services.clock(), withdrawn=withdrawn)


@router.get("/export")
def export_me(principal: AsPerson, services: ServicesDep) -> PersonalDataShown:
    """Return all that is kept about oneself, as one document."""
    tables = personal_data.tables_about(services.ledger, principal.id)
    if not tables["players"]:
        raise UnknownPlayer(principal.id)
    kept = [
        WeekKept(
            week=entry.week,
            entry=entry.entry,
            facts=personal_data.facts_of_entry(services.ledger, week=entry.week, entry=entry.entry),
        )
        for entry in services.ledger.entries.entries_of(player_id=principal.id)
    ]
    return PersonalDataShown(player_id=principal.id, exported_at=services.clock(), tables=tables, weeks=kept)
