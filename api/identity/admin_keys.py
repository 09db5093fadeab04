"""API keys, handed out and taken back by operators."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field

from api.http.cursors import Page, PagingDep
from api.http.moments import GivenMoment, Moment
from api.http.newest_first import Place
from api.http.reading import Shown
from api.identity.keys import ScopeTooWide
from api.identity.principal import AsKeeper
from api.refusal import Refusal
from api.services import ServicesDep

router = APIRouter(prefix="/admin/keys", tags=["admin"])


class NewApiKey(BaseModel):
    """A key to be made. `scopes`: some of the role's, all of them where they are left out; `expires_at`: never."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["auditor", "service"]
    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["dashboard"])]
    scopes: Annotated[list[str] | None, Field(min_length=1, max_length=10, examples=[["audit"]])] = None
    expires_at: GivenMoment | None = None


class ApiKeyShown(Shown):
    """An API key; `prefix` is what its text begins with. `last_used_at` is right to the minute."""

    key_id: UUID
    prefix: str = Field(examples=["fpk_6f2d1c0e5b7a4f8f9d3c2b1a0e9f8d7c"])
    role: str
    name: str
    scopes: list[str]
    created_by: UUID | None
    created_at: Moment
    last_used_at: Moment | None
    expires_at: Moment | None


class CreatedApiKey(ApiKeyShown):
    """A new API key, and the only time that its text is told: send `key` as `Authorization: Bearer`."""

    key: str


@router.post("", status_code=201)
def create_api_key(keeper: AsKeeper, body: NewApiKey, services: ServicesDep) -> CreatedApiKey:
    """Make a key for a service or an auditor. Store it at once: nobody can show it again."""
    if body.expires_at is not None and body.expires_at <= services.api_keys.now():
        raise _invalid("expires_at", "a key expires in the future")
    try:
        key, text = services.api_keys.create(
            role=body.role,
            name=body.name,
            scopes=body.scopes,
            expires_at=body.expires_at,
            created_by=keeper.id,
        )
    except ScopeTooWide as error:
        raise _invalid("scopes", str(error)) from error
    return CreatedApiKey.of(key, key_id=key.id, key=text)


@router.get("")
def list_api_keys(keeper: AsKeeper, services: ServicesDep, paging: PagingDep) -> Page[ApiKeyShown]:
    """Return the keys that were not revoked, newest first."""
    found = services.api_keys.keys(paging)
    return Page.of(
        found, paging, show=lambda key: ApiKeyShown.of(key, key_id=key.id), place=lambda key: str(Place.of(key))
    )


@router.delete("/{key_id}", status_code=204)
def revoke_api_key(keeper: AsKeeper, key_id: UUID, services: ServicesDep) -> None:
    """Revoke a key: no request with it is answered any more. `unknown_api_key` where there is none."""
    if not services.api_keys.revoke(key_id):
        raise Refusal("unknown_api_key", f"There is no API key {key_id}.")


def _invalid(field: str, reason: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", field), "type": field, "msg": reason}])
