"""Signing up, logging in, and staying logged in."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Annotated, Final
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.identity.mail import known_letter
from api.identity.players import EmailTaken, Player
from api.identity.principal import PUBLIC, AsPerson, Leaving
from api.identity.recovery import Accepted, Password, mail_verification
from api.identity.sessions import Continued
from api.refusal import Refusal
from api.services import Services, ServicesDep

router = APIRouter(prefix="/auth", tags=["auth"])

# RFC 5322's specials would make a list, a group or a comment of an address in the header of a mail.
_PART: Final = r"[^@\s\x00-\x1f\x7f,:;<>()\[\]\"\\]+"
_EMAIL: Final = re.compile(f"{_PART}@{_PART}")


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text.strip()):
        raise ValueError("this is no e-mail address")
    return text


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text.strip())
    if not name or not name.isprintable():
        raise ValueError("a name has at least one character, and only printable ones")
    return name


Email = Annotated[
    str,
    Field(min_length=3, max_length=254, examples=["ann@example.org"], json_schema_extra={"format": "email"}),
    AfterValidator(_email),
]
Name = Annotated[
    str,
    Field(min_length=1, max_length=40, examples=["Ann"], json_schema_extra={"format": "display-name"}),
    AfterValidator(_name),
]


class Signup(BaseModel):
    """Who wants an account: `name` is what other players see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Email
    password: Password
    name: Name


class Login(BaseModel):
    """Who wants in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Email
    password: Annotated[str, Field(max_length=200)]


class Refresh(BaseModel):
    """Who wants to stay logged in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    refresh_token: Annotated[str, Field(max_length=4096, examples=["fpr_kq3vYbTtq0Xc9mUe"])]


class LoggedIn(BaseModel):
    """A token to send as `Authorization: Bearer`, good for `expires_in` seconds.

    `refresh_token` gets the next one at `POST /api/auth/refresh`, once, within `refresh_expires_in` seconds: keep it
    where only your app can read it.
    """

    player_id: UUID
    token: str
    token_type: str = "Bearer"
    expires_in: int = Field(examples=[900])
    refresh_token: str
    refresh_expires_in: int = Field(examples=[2592000])


class PublicKey(BaseModel):
    """A public key as a JSON Web Key (RFC 8037); `kid` is in the header of the tokens that it verifies."""

    kid: str
    x: str
    kty: str = "OKP"
    crv: str = "Ed25519"
    alg: str = "EdDSA"
    use: str = "sig"


class PublicKeys(BaseModel):
    """The keys whose tokens are accepted, as a JSON Web Key Set (RFC 7517)."""

    keys: list[PublicKey]


@router.post(
    "/signup",
    status_code=201,
    response_model=LoggedIn,
    responses={202: {"model": Accepted, "description": "Where sign-ups are confirmed by mail: look for a code there."}},
    openapi_extra=PUBLIC,
)
async def signup(body: Signup, request: Request, services: ServicesDep) -> LoggedIn | Response:
    """Make an account and log in. Refused with `email_taken`.

    A service that confirms sign-ups answers 202 to known and unknown addresses alike, and mails a code for
    `POST /api/auth/verify-email`; until then the account cannot log in.
    """
    if services.confirms_signup:
        # Each sign-up is a mail to whoever has the address.
        services.meters.log_in(body.email)
    password_hash = await run_sync(services.passwords.hash, body.password, limiter=services.hashing)
    if services.confirms_signup:
        services.errands.run("sign-up", lambda: _sign_up_by_mail(services, body, password_hash))
        return Response(Accepted().model_dump_json(), 202, media_type="application/json")
    player = await run_in_threadpool(
        services.players.create, email=body.email, name=body.name, password_hash=password_hash
    )
    if services.verifies_at_signup:
        services.errands.run("verification mail", lambda: mail_verification(services, player))
    return await _logged_in(services, player, request)


@router.post("/login", openapi_extra=PUBLIC)
async def login(body: Login, request: Request, services: ServicesDep) -> LoggedIn:
    """Log in. Refused with `wrong_credentials`, in the same words and time for an unknown address.

    So is an account that waits for its code, where the service confirms sign-ups. More than a few tries a minute are
    refused with `rate_limited`.
    """
    services.meters.log_in(body.email)
    player = await run_in_threadpool(services.players.player_with_email, body.email)
    known_hash = player.password_hash if player is not None else None
    is_right = await run_sync(services.passwords.verify, known_hash, body.password, limiter=services.hashing)
    if player is None or not is_right or (services.confirms_signup and player.email_verified_at is None):
        raise _wrong_credentials()
    if services.passwords.is_outdated(player.password_hash):
        renewed = await run_sync(services.passwords.hash, body.password, limiter=services.hashing)
        if not await run_in_threadpool(services.players.replace_password_hash, player, password_hash=renewed):
            # Another log-in renewed it first, or the password was changed: the new hash tells.
            return await login(body, request, services)
        player = replace(player, password_hash=renewed)
    return await _logged_in(services, player, request)


@router.post("/refresh", openapi_extra=PUBLIC)
async def refresh(body: Refresh, services: ServicesDep) -> LoggedIn:
    """Trade a refresh token for a new access token and the refresh token's successor.

    Each is good once. If the answer got lost, repeat the request within ten seconds: it is answered with the same
    successor. A used one that comes later is refused with `refresh_reused` and ends the session, since somebody
    else may have it; one that was never good, or is no more, with `refresh_invalid`.
    """
    continued = await run_in_threadpool(services.sessions.rotate, body.refresh_token)
    return _answer(services, continued)


@router.post("/logout", status_code=204)
async def logout(principal: Leaving, services: ServicesDep) -> None:
    """End the session of the token: neither it nor its refresh token is good any more. May be repeated."""
    if principal.session is not None:
        await run_in_threadpool(services.sessions.revoke, player_id=principal.id, id=principal.session)


@router.post("/logout-everywhere", status_code=204)
async def logout_everywhere(principal: AsPerson, services: ServicesDep) -> None:
    """End all sessions of the player, this one too."""
    await run_in_threadpool(services.sessions.revoke_all, player_id=principal.id, reason="logged out everywhere")


@router.get("/keys", openapi_extra=PUBLIC)
async def list_token_keys(services: ServicesDep) -> PublicKeys:
    """Return the public keys that access tokens are signed with, so that other services can verify them."""
    return PublicKeys(keys=[PublicKey(kid=kid, x=x) for kid, x in services.tokens.public_keys().items()])


async def _logged_in(services: Services, player: Player, request: Request) -> LoggedIn:
    """Open a session; raises `wrong_credentials` if the password was changed while it was checked."""
    user_agent = request.headers.get("user-agent", "")
    continued = await run_in_threadpool(services.sessions.open, player, user_agent=user_agent)
    if continued is None:
        raise _wrong_credentials()
    return _answer(services, continued)


def _answer(services: Services, continued: Continued) -> LoggedIn:
    token = services.tokens.issue(player_id=continued.player_id, role=continued.role, session=continued.id)
    return LoggedIn(
        player_id=continued.player_id,
        token=token.text,
        expires_in=token.expires_in,
        refresh_token=continued.refresh_token,
        refresh_expires_in=continued.expires_in,
    )


def _sign_up_by_mail(services: Services, body: Signup, password_hash: str) -> None:
    """Make an account that waits for its code, or tell the owner of a known address that somebody tried."""
    try:
        player = services.players.create(email=body.email, name=body.name, password_hash=password_hash)
    except EmailTaken:
        services.mailer.send(**known_letter(to=body.email)._asdict())
    else:
        mail_verification(services, player)


def _wrong_credentials() -> Refusal:
    return Refusal("wrong_credentials", "This e-mail address and password do not go together.")
