"""What operators see of the feed and do about it: dead letters, flags, and all that waits for them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.http.cursors import Page, PagingDep
from api.http.etags import IF_MATCH, version_seen, version_tag
from api.http.moments import Moment
from api.http.reading import Shown
from api.identity.actors import actor_of
from api.identity.principal import AsOperator, request_key
from api.people.admin import Reason
from api.services import ServicesDep
from feeds.flags import Flag
from feeds.inbox import DeadLetter

router = APIRouter(prefix="/admin", tags=["admin"])

_CONDITIONAL: Final[dict[str, Any]] = {"parameters": [IF_MATCH]}
_NUMBER: Final = re.compile(r"[1-9]\d{0,17}")
Number = Annotated[int, Path(ge=1, le=10**18)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DeadLetterShown(Shown):
    """A message that could not be applied, and why; `body` is the message as text.

    `resolved` is what became of it: applied, repeated, waiting, dropped, or null as long as nothing did.
    """

    id: int
    source: str | None
    game_id: str | None = Field(description="The feed's id of the game.")
    reason: str
    body: str
    received_at: Moment
    tries: int
    resolved: Literal["applied", "repeated", "waiting", "dropped"] | None
    resolved_at: Moment | None
    resolved_by: str | None = Field(examples=["feed"])
    resolved_why: str | None


class FlagShown(Shown):
    """Something that the feed did about a game. `resolved_by` is an operator, or `feed` where what came cleared it."""

    id: int
    kind: Literal["rescheduled", "moved", "swapped", "vanished", "sources_disagree", "conflicting_result"]
    source: str
    week: str = Field(examples=["2026-W47"])
    game_id: UUID
    detail: str
    raised_at: Moment
    resolved_at: Moment | None
    resolved_by: str | None
    note: str | None


class MatterShown(Shown):
    """Something that waits for a person; `due_at` is when it resolves itself, if it does.

    `kind`: silent_source, projection, game, week, case, flag, dead_letter, prize or refund. `todo` is what to do, with
    the commands for it.
    """

    kind: str = Field(examples=["dead_letter"])
    subject: str = Field(examples=["dead-letter:7"])
    week: str | None
    what: str
    todo: str
    since: Moment | None
    due_at: Moment | None


class AttentionShown(BaseModel):
    """All that waits for a person, what touches most people first."""

    data: list[MatterShown]


class TryAgain(_Asked):
    """Why a message is tried again: public with the ledger, so it names nobody."""

    reason: Reason = "tried again"


class WithReason(_Asked):
    """Why: public with the ledger, so it names nobody."""

    reason: Reason


class Resolve(_Asked):
    """What came of looking at it: public with the ledger, so it names nobody."""

    note: Reason


@router.get("/attention")
def get_attention(operator: AsOperator, services: ServicesDep) -> AttentionShown:
    """Return all that waits for a person, each with what to do about it."""
    return AttentionShown(data=[MatterShown.of(each) for each in services.care.attention.matters()])


@router.get("/dead-letters")
def list_dead_letters(
    operator: AsOperator,
    services: ServicesDep,
    paging: PagingDep,
    all: Annotated[bool, Query(description="Also those that something became of.")] = False,
) -> Page[DeadLetterShown]:
    """Return messages that could not be applied, newest first."""
    place = paging.place(_NUMBER)
    found = services.care.letters.page(
        with_resolved=all, place=None if place is None else int(place), is_back=paging.is_back, limit=paging.fetch
    )
    return Page[DeadLetterShown].of(found, paging, show=_letter, place=lambda letter: str(letter.id))


@router.get("/dead-letters/{letter_id}")
def get_dead_letter(
    operator: AsOperator, letter_id: Number, response: Response, services: ServicesDep
) -> DeadLetterShown:
    """Return a message that could not be applied. Refused with `unknown_dead_letter`."""
    return _tagged(services.care.letters.letter(letter_id), response)


@router.post("/dead-letters/{letter_id}/retry", openapi_extra=_CONDITIONAL)
def retry_dead_letter(
    operator: AsOperator,
    letter_id: Number,
    request: Request,
    response: Response,
    services: ServicesDep,
    body: TryAgain | None = None,
) -> DeadLetterShown:
    """Take the message again as if it came now; `resolved` says what became of it, null where it still cannot be.

    Refused with `dead_letter_resolved` where something became of it, unless it was dropped.
    """
    letter = services.care.letters.retry(
        letter_id,
        actor=actor_of(operator.id),
        request=request_key(request),
        reason=(body or TryAgain()).reason,
        seen=version_seen(request),
    )
    return _tagged(letter, response)


@router.post("/dead-letters/{letter_id}/drop", openapi_extra=_CONDITIONAL)
def drop_dead_letter(
    operator: AsOperator,
    letter_id: Number,
    body: WithReason,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> DeadLetterShown:
    """Let go of the message, which stays readable. Refused with `dead_letter_resolved`."""
    letter = services.care.letters.drop(
        letter_id,
        reason=body.reason,
        actor=actor_of(operator.id),
        request=request_key(request),
        seen=version_seen(request),
    )
    return _tagged(letter, response)


@router.get("/flags")
def list_flags(
    operator: AsOperator,
    services: ServicesDep,
    paging: PagingDep,
    all: Annotated[bool, Query(description="Also those that are resolved.")] = False,
) -> Page[FlagShown]:
    """Return flags, newest first."""
    place = paging.place(_NUMBER)
    found = services.care.flags.flags(
        open_only=not all, place=None if place is None else int(place), is_back=paging.is_back, limit=paging.fetch
    )
    return Page[FlagShown].of(found, paging, show=FlagShown.of, place=lambda flag: str(flag.id))


@router.get("/flags/{flag_id}")
def get_flag(operator: AsOperator, flag_id: Number, response: Response, services: ServicesDep) -> FlagShown:
    """Return a flag. Refused with `unknown_flag`."""
    return _tagged_flag(services.care.flags.flag(flag_id), response)


@router.post("/flags/{flag_id}/resolution", openapi_extra=_CONDITIONAL)
def resolve_flag(
    operator: AsOperator, flag_id: Number, body: Resolve, request: Request, response: Response, services: ServicesDep
) -> FlagShown:
    """Note that a flag was looked at; one that is resolved stays as it is."""
    flag = services.care.resolve_flag(
        flag_id,
        note=body.note,
        actor=actor_of(operator.id),
        request=request_key(request),
        seen=version_seen(request),
    )
    return _tagged_flag(flag, response)


def _letter(letter: DeadLetter) -> DeadLetterShown:
    return DeadLetterShown.of(letter, body=letter.body.decode(errors="replace"))


def _tagged(letter: DeadLetter, response: Response) -> DeadLetterShown:
    response.headers["ETag"] = version_tag(letter.version)
    return _letter(letter)


def _tagged_flag(flag: Flag, response: Response) -> FlagShown:
    response.headers["ETag"] = version_tag(flag.version)
    return FlagShown.of(flag)
