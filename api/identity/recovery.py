"""Ways back in by mail: verifying an e-mail address, and resetting a forgotten password."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from api.identity.mail import reset_letter, verification_letter
from api.identity.players import Player
from api.identity.principal import PUBLIC, AsPerson
from api.identity.proofs import Purpose
from api.services import Services, ServicesDep

router = APIRouter(prefix="/auth", tags=["auth"])

Code = Annotated[str, Field(max_length=200, examples=["Zk9…, as it was mailed"])]
Password = Annotated[str, Field(min_length=8, max_length=200)]


class Accepted(BaseModel):
    """If there is something to mail, it is on its way: the answer is the same for known and unknown addresses."""

    status: str = "accepted"


class ForgottenPassword(BaseModel):
    """Who forgot a password."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Annotated[str, Field(max_length=254, examples=["ann@example.org"])]


class NewPassword(BaseModel):
    """The code of the mail, and the password from now on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Code
    password: Password


class Verification(BaseModel):
    """The code of the mail."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Code


@router.post("/password-reset", status_code=202, openapi_extra=PUBLIC)
async def reset_password(body: ForgottenPassword, services: ServicesDep) -> Accepted:
    """Mail a code that sets a new password, good once within 30 minutes; a newer one replaces it."""
    services.meters.log_in(body.email)
    # Whether there is such a player is looked up when the answer is out: neither it nor its time tells.
    services.errands.run("reset mail", lambda: _mail_reset(services, body.email))
    return Accepted()


@router.post("/password-reset/confirm", status_code=204, openapi_extra=PUBLIC)
async def confirm_password_reset(body: NewPassword, services: ServicesDep) -> None:
    """Set a new password with a mailed code, and end all sessions of the account. Refused with `code_invalid`."""
    player_id = await run_in_threadpool(services.proofs.redeem, body.code, purpose=Purpose.RESET_PASSWORD)
    password_hash = await run_sync(services.passwords.hash, body.password, limiter=services.hashing)
    await run_in_threadpool(services.players.set_password_hash, player_id=player_id, password_hash=password_hash)
    await run_in_threadpool(services.sessions.revoke_all, player_id=player_id, reason="password reset")
    await run_in_threadpool(services.players.verify_email, player_id)


@router.post("/verify-email", status_code=204, openapi_extra=PUBLIC)
def verify_email(body: Verification, services: ServicesDep) -> None:
    """Confirm an e-mail address with a mailed code. Refused with `code_invalid`."""
    services.players.verify_email(services.proofs.redeem(body.code, purpose=Purpose.VERIFY_EMAIL))


@router.post("/verify-email/resend", status_code=202)
async def resend_verification(principal: AsPerson, services: ServicesDep) -> Accepted:
    """Mail a code that confirms your e-mail address, good once within three days; nothing if it is confirmed."""
    player = await run_in_threadpool(services.players.player, principal.id)
    if player is not None and player.email_verified_at is None:
        services.meters.log_in(player.email)
        services.errands.run("verification mail", lambda: mail_verification(services, player))
    return Accepted()


def mail_verification(services: Services, player: Player) -> None:
    """Mail a player the code that verifies the address."""
    code = services.proofs.issue(player_id=player.id, purpose=Purpose.VERIFY_EMAIL)
    services.mailer.send(**verification_letter(to=player.email, code=code)._asdict())


def _mail_reset(services: Services, email: str) -> None:
    player = services.players.player_with_email(email)
    if player is not None:
        code = services.proofs.issue(player_id=player.id, purpose=Purpose.RESET_PASSWORD)
        services.mailer.send(**reset_letter(to=player.email, code=code)._asdict())
