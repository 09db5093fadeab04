"""The sessions of the player who asks, and the password behind them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from api.http.cursors import Page, PagingDep
from api.http.moments import Moment
from api.http.newest_first import Place
from api.http.reading import Shown
from api.identity.principal import AsPerson
from api.identity.recovery import Password
from api.refusal import Refusal
from api.services import ServicesDep

router = APIRouter(prefix="/me", tags=["auth"])


class SessionShown(Shown):
    """A log-in that still holds: with what, since when, and until when if it is not used again.

    `last_used_at` is when it was last refreshed; `is_current` marks the one that asks.
    """

    session_id: UUID
    user_agent: str = Field(examples=["Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X)"])
    created_at: Moment
    last_used_at: Moment
    expires_at: Moment
    is_current: bool


class ChangedPassword(BaseModel):
    """The password as it is, and as it is to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    old: Annotated[str, Field(max_length=200)]
    new: Password


@router.get("/sessions")
def list_my_sessions(principal: AsPerson, services: ServicesDep, paging: PagingDep) -> Page[SessionShown]:
    """Return the player's living sessions, newest first."""
    return Page.of(
        services.sessions.sessions_of(principal.id, paging),
        paging,
        show=lambda session: SessionShown.of(
            session, session_id=session.id, is_current=session.id == principal.session
        ),
        place=lambda session: str(Place.of(session)),
    )


@router.delete("/sessions/{session_id}", status_code=204)
def end_my_session(session_id: UUID, principal: AsPerson, services: ServicesDep) -> None:
    """End one of the player's sessions: whoever uses it is logged out. `unknown_session` where there is none."""
    if not services.sessions.revoke(player_id=principal.id, id=session_id):
        raise Refusal("unknown_session", f"You have no session {session_id}.")


@router.post("/password", status_code=204)
async def change_my_password(principal: AsPerson, body: ChangedPassword, services: ServicesDep) -> None:
    """Change the password, and end all other sessions of the player. Refused with `wrong_password`."""
    player = await run_in_threadpool(services.players.player, principal.id)
    if player is None:
        raise Refusal("forbidden", "Only people have passwords.")
    services.meters.log_in(player.email)
    if not await run_sync(services.passwords.verify, player.password_hash, body.old, limiter=services.hashing):
        raise _wrong_password()
    password_hash = await run_sync(services.passwords.hash, body.new, limiter=services.hashing)
    if not await run_in_threadpool(services.players.replace_password_hash, player, password_hash=password_hash):
        raise _wrong_password()
    await run_in_threadpool(
        services.sessions.revoke_all, player_id=player.id, reason="password changed", but=principal.session
    )


def _wrong_password() -> Refusal:
    return Refusal("wrong_password", "The old password is not your password.")
