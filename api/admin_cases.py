"""Disputes: an operator previews a change, opens a case, proposes it; another one approves it where much moves.

What changes a case wants a person, not a key: who proposes and who approves are two people. Each step is answered
from what it recorded, so that a repetition with the same Idempotency-Key gets the first answer.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.cases import (
    CaseApplication,
    CaseDone,
    CaseListed,
    CaseProposal,
    CaseShown,
    CaseState,
    CaseStep,
    ChangeWanted,
    EffectShown,
    PreviewShown,
)
from api.http.cursors import Page, PagingDep
from api.http.etags import IF_MATCH, version_seen, version_tag
from api.http.newest_first import Place
from api.http.reading import CAUGHT_UP, WeekOpened
from api.identity.actors import actor_of, names_of
from api.identity.principal import KEY_PATTERN, AsOperator, AsOperatorInPerson, request_key
from api.people.admin import Reason
from api.services import Services, ServicesDep
from ledger.case import UnknownCase
from ledger.casebook import Casebook
from ledger.events import CaseClosed, CaseProposed
from ledger.facts import Fact
from ledger.proposal import Proposal

router = APIRouter(prefix="/admin", tags=["admin"])
_log = logging.getLogger(__name__)

_KEY: Final[dict[str, Any]] = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "description": "The same key again is the same request, answered as it was first.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
}
_REPEATABLE: Final[dict[str, Any]] = {"parameters": [_KEY]}
_CONDITIONAL: Final[dict[str, Any]] = {"parameters": [_KEY, IF_MATCH]}


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OpenCase(_Asked):
    """What is disputed, and why: players read the reason in their statement, and it is public, so it names nobody."""

    subject: Annotated[
        str,
        Field(
            max_length=200,
            pattern=r"^(game|market|bet|week):",
            examples=["game:0b0f5e63-6c9c-5d0b-8f5e-3f1f0d8b7a10"],
            description="`game:`, `market:` or `bet:` with an id, or `week:` with the week.",
        ),
    ]
    reason: Reason


class ProposeChange(_Asked):
    """The change to propose. `preview_hash`: refuse it where it would come to something else than that preview."""

    change: ChangeWanted
    preview_hash: Annotated[str | None, Field(max_length=100)] = None


class ApproveChange(_Asked):
    """Which proposal is approved: that with this hash, as `GET /api/admin/cases/{case_id}` has it."""

    preview_hash: Annotated[str, Field(max_length=100)]


class CloseCase(_Asked):
    """Why the case ends without a change: it is public with the ledger."""

    outcome: Reason


@router.post("/weeks/{week}/disputes/preview")
def preview_change(operator: AsOperator, week: WeekOpened, body: ChangeWanted, services: ServicesDep) -> PreviewShown:
    """Show what a change would do: bets, credits, ranks, prizes, and who falls below zero. Nothing is written.

    Refused with `unknown_game`, `unknown_market` and `unknown_bet` where the week does not have it; with
    `unsound_change`, `nothing_to_lift` and `nothing_else_settles`.
    """
    change = services.disputed.require_change(week, body.as_change())
    preview = services.disputes.preview(week=week, change=change)
    return PreviewShown.of(preview, needs_approval=services.disputes.proposal(preview).needs_approval)


@router.post("/weeks/{week}/cases", status_code=201, openapi_extra=_REPEATABLE)
def open_case(
    operator: AsOperatorInPerson,
    week: WeekOpened,
    body: OpenCase,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> CaseDone:
    """Open a case; until it is closed, its week does not become final.

    Refused with `unknown_game`, `unknown_market` and `unknown_bet` where the week does not have it; with
    `unknown_subject`, `week_sealed` and `week_archived`.
    """
    services.disputed.require_subject(week, body.subject)
    opened = services.disputes.open(
        week=week,
        subject=body.subject,
        reason=body.reason,
        actor=actor_of(operator.id),
        request=request_key(request),
    )
    response.headers["Location"] = f"/api/admin/cases/{opened.stream}"
    return _done(opened, response)


@router.get("/cases", dependencies=[CAUGHT_UP])
def list_cases(
    operator: AsOperator,
    services: ServicesDep,
    paging: PagingDep,
    week: Annotated[str | None, Query(pattern=r"^(office|\d{4}-W\d{2})$", examples=["2026-W47"])] = None,
    state: CaseState | None = None,
    game_id: UUID | None = None,
) -> Page[CaseListed]:
    """Return cases, newest first: all, those of a week or of a game, or in a state."""
    found = services.views.cases.cases(
        week=week,
        state=state,
        game_id=game_id,
        place=Place.wanted(paging),
        is_back=paging.is_back,
        limit=paging.fetch,
    )
    return Page[CaseListed].of(
        found, paging, show=CaseListed.shown, place=lambda row: str(Place(row.opened_at, row.case_id))
    )


@router.get("/cases/{case_id}", dependencies=[CAUGHT_UP])
def get_case(operator: AsOperator, case_id: UUID, response: Response, services: ServicesDep) -> CaseShown:
    """Return a case: who did what, why, what settled the game before and after, and what it came to."""
    row = services.views.cases.case(case_id)
    if row is None:
        raise UnknownCase(f"there is no case {case_id}")
    # The read model may be behind: the ETag is that of what is shown.
    facts = [fact for fact in Casebook(services.ledger).history(case_id) if fact.position <= row.position]
    response.headers["ETag"] = version_tag(len(facts))
    return CaseShown.shown(row, steps=_steps(services, facts))


@router.post("/cases/{case_id}/proposal", openapi_extra=_CONDITIONAL)
def propose_change(
    operator: AsOperatorInPerson,
    case_id: UUID,
    body: ProposeChange,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> CaseProposal:
    """Propose a change, in the place of an earlier proposal and its approval; answers what it comes to.

    Refused with `case_closed`, `preview_outdated`, and as a preview is: with `unknown_game`, `unknown_market`,
    `unknown_bet`, `unsound_change`, `nothing_to_lift` and `nothing_else_settles`.
    """
    week = _week_of(services, case_id)
    proposed = services.disputes.propose(
        week=week,
        case_id=case_id,
        change=services.disputed.require_change(week, body.change.as_change()),
        preview_hash=body.preview_hash,
        actor=actor_of(operator.id),
        request=request_key(request),
        seen=version_seen(request),
    )
    assert isinstance(proposed.event, CaseProposed)
    proposal = Proposal.parse(proposed.event.change)
    response.headers["ETag"] = version_tag(proposed.version)
    _note(proposed)
    return CaseProposal.of(
        proposed,
        effect=EffectShown.of(proposal.effect),
        resolution=proposal.resolution,
        needs_approval=proposal.needs_approval,
        preview_hash=proposed.event.preview_hash,
    )


@router.post("/cases/{case_id}/approval", openapi_extra=_CONDITIONAL)
def approve_change(
    operator: AsOperatorInPerson,
    case_id: UUID,
    body: ApproveChange,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> CaseDone:
    """Agree to what is proposed, as somebody else than who proposed it.

    Refused with `second_operator_needed`, `nothing_proposed` and `case_closed`; with `preview_outdated` where something
    else is proposed by now.
    """
    approved = services.disputes.approve(
        week=_week_of(services, case_id),
        case_id=case_id,
        preview_hash=body.preview_hash,
        actor=actor_of(operator.id),
        request=request_key(request),
        seen=version_seen(request),
    )
    return _done(approved, response)


@router.post("/cases/{case_id}/application", openapi_extra=_CONDITIONAL)
def apply_change(
    operator: AsOperatorInPerson, case_id: UUID, request: Request, response: Response, services: ServicesDep
) -> CaseApplication:
    """Carry out what is proposed, and close the case; bets are settled anew right behind it. Again, it is done once.

    Refused with `nothing_proposed`, `second_operator_needed` and `case_closed`; with `preview_outdated` where it would
    do something else by now, as the game was settled anew, bets were placed or a feed spoke; with `nothing_changes`,
    `nothing_to_lift` and `nothing_else_settles`.
    """
    applied, closed = services.disputes.apply(
        week=_week_of(services, case_id), case_id=case_id, actor=actor_of(operator.id), seen=version_seen(request)
    )
    assert isinstance(closed.event, CaseClosed)
    response.headers["ETag"] = version_tag(closed.version)
    _note(applied)
    return CaseApplication.of(closed, outcome=closed.event.outcome)


@router.post("/cases/{case_id}/closing", openapi_extra=_CONDITIONAL)
def close_case(
    operator: AsOperatorInPerson,
    case_id: UUID,
    body: CloseCase,
    request: Request,
    response: Response,
    services: ServicesDep,
) -> CaseDone:
    """Close a case without a change. Refused with `case_closed`."""
    closed = services.disputes.close(
        week=_week_of(services, case_id),
        case_id=case_id,
        outcome=body.outcome,
        actor=actor_of(operator.id),
        request=request_key(request),
        seen=version_seen(request),
    )
    return _done(closed, response)


def _week_of(services: Services, case_id: UUID) -> str:
    week = Casebook(services.ledger).log_of_case(case_id)
    if week is not None:
        return week
    # Of a week that was archived the read model still tells; that it can be changed no more, its desk will say.
    row = services.views.cases.case(case_id)
    if row is None:
        raise UnknownCase(f"there is no case {case_id}")
    return row.log


def _done(fact: Fact, response: Response) -> CaseDone:
    response.headers["ETag"] = version_tag(fact.version)
    _note(fact)
    return CaseDone.of(fact)


def _note(fact: Fact) -> None:
    _log.info("%s of case %s by %s: %s", fact.event.TOPIC, fact.stream, fact.actor, fact.token)


def _steps(services: Services, facts: list[Fact]) -> list[CaseStep]:
    names = names_of(services.players, (fact.actor for fact in facts))
    return [CaseStep.of(fact, names) for fact in facts]
