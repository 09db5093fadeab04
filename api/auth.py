"""Signing up and logging in."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Final
from uuid import UUID

from anyio.to_thread import run_sync
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.errors import Refusal
from api.players import Player
from api.principal import PUBLIC
from api.services import Services, ServicesDep

router = APIRouter(prefix="/auth", tags=["auth"])

_EMAIL: Final = re.compile(r"[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+")


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text.strip()):
        raise ValueError("this is no e-mail address")
    return text


def _name(text: str) -> str:
    name = unicodedata.normalize("NFC", text.strip())
    if not name or not name.isprintable():
        raise ValueError("a name has at least one character, and only printable ones")
    return name


Email = Annotated[str, Field(min_length=3, max_length=254, examples=["ann@example.org"]), AfterValidator(_email)]
Name = Annotated[str, Field(min_length=1, max_length=40, examples=["Ann"]), AfterValidator(_name)]


class Signup(BaseModel):
    """Who wants an account: `name` is what other players see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Email
    password: Annotated[str, Field(min_length=8, max_length=200)]
    name: Name


class Login(BaseModel):
    """Who wants in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Email
    password: Annotated[str, Field(max_length=200)]


class LoggedIn(BaseModel):
    """A token to send as `Authorization: Bearer`, good for `expires_in` seconds."""

    player_id: UUID
    token: str
    token_type: str = "Bearer"
    expires_in: int


@router.post("/signup", status_code=201, openapi_extra=PUBLIC)
async def signup(body: Signup, services: ServicesDep) -> LoggedIn:
    """Make an account and log in. Refused with `email_taken`."""
    password_hash = await run_sync(services.passwords.hash, body.password, limiter=services.hashing)
    player = await run_in_threadpool(
        services.players.create, email=body.email, name=body.name, password_hash=password_hash
    )
    return _logged_in(services, player)


@router.post("/login", openapi_extra=PUBLIC)
async def login(body: Login, services: ServicesDep) -> LoggedIn:
    """Log in. Refused with `wrong_credentials`, in the same words and time for an unknown address."""
    player = await run_in_threadpool(services.players.player_with_email, body.email)
    known_hash = player.password_hash if player is not None else None
    is_right = await run_sync(services.passwords.verify, known_hash, body.password, limiter=services.hashing)
    if player is None or not is_right:
        raise Refusal("wrong_credentials", "This e-mail address and password do not go together.")
    if services.passwords.is_outdated(player.password_hash):
        renewed = await run_sync(services.passwords.hash, body.password, limiter=services.hashing)
        await run_in_threadpool(services.players.set_password_hash, player_id=player.id, password_hash=renewed)
    return _logged_in(services, player)


def _logged_in(services: Services, player: Player) -> LoggedIn:
    token = services.tokens.issue(player_id=player.id, role=player.role)
    return LoggedIn(player_id=player.id, token=token.text, expires_in=token.expires_in)
