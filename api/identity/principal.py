"""Who asks: the bearer token of a request, and what they may do."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from api.http.headers import header
from api.identity.keys import PREFIX
from api.identity.tokens import InvalidToken, Principal
from api.refusal import Refusal
from api.services import Services

_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]+=*)")
KEY_PATTERN: Final = r"^[!-~]{1,200}$"
_KEY: Final = re.compile(KEY_PATTERN)
INVALID_TOKEN: Final = 'Bearer error="invalid_token"'


class Bearer(SecurityBase):
    """A dependency: the principal of a request, which must have the scopes that the route asks for.

    `even_revoked`: also one whose session has ended, for routes that end it.
    """

    def __init__(self, *, even_revoked: bool = False) -> None:
        self._even_revoked = even_revoked
        self.model = HTTPBearer(bearerFormat="JWT", description="The token of POST /api/auth/login, or an API key.")
        self.scheme_name = "bearer"

    async def __call__(self, request: Request, required: SecurityScopes) -> Principal:
        """Return who asks; raises Refusal `unauthenticated` or `forbidden`."""
        return await identify(request, *required.scopes, even_revoked=self._even_revoked)


async def identify(request: Request, *scopes: str, even_revoked: bool = False) -> Principal:
    """Return who asks, from the request's token; raises Refusal `unauthenticated` or, without a scope, `forbidden`."""
    # The rate limits have asked before, to know who pays.
    found: Principal | None = request.scope["state"].get("principal")
    principal = found if found is not None else await _identified(request, even_revoked=even_revoked)
    if not principal.scopes.issuperset(scopes):
        raise Refusal("forbidden", f"This needs the scope {' and '.join(scopes)}, which a {principal.role} lacks.")
    return principal


async def _identified(request: Request, *, even_revoked: bool) -> Principal:
    given = _bearer_of(request)
    if given is None:
        raise Refusal("unauthenticated", "Send the token of POST /api/auth/login as Authorization: Bearer <token>.")
    try:
        return await principal_of(request.app.state.services, given[1], even_revoked=even_revoked)
    except InvalidToken as error:
        headers = {"WWW-Authenticate": INVALID_TOKEN}
        raise Refusal("unauthenticated", "The token is not valid (any more): log in again.", headers=headers) from error


async def principal_of(services: Services, credential: str, *, even_revoked: bool = False) -> Principal:
    """Return who an access token or an API key speaks for; raises InvalidToken, also where it has been revoked.

    What is held open for longer than a request, such as a stream, asks again now and then: that costs next to nothing.
    """
    if credential.startswith(PREFIX):
        principal = await services.api_keys.principal(credential)
    else:
        principal = services.tokens.verify(credential)
    if not even_revoked and await services.revocations.include(principal.revoked_by):
        raise InvalidToken("revoked")
    return principal


def required_key(request: Request) -> str:
    """Return the request's Idempotency-Key; raises Refusal where it is missing or cannot be used."""
    given = header(request.scope, b"idempotency-key")
    if given is None:
        raise Refusal("idempotency_key_required", "Send an Idempotency-Key: the same one again is the same request.")
    key = given.decode("latin-1")
    if not _KEY.fullmatch(key):
        raise Refusal("idempotency_key_invalid", "An Idempotency-Key is 1 to 200 visible ASCII characters.")
    return key


def request_key(request: Request) -> str:
    """Return the request's Idempotency-Key, or an id that no other request has where it brings none."""
    if "idempotency-key" in request.headers:
        return required_key(request)
    own_id: str = request.state.own_id
    return own_id


def needs_a_query(request: Request) -> bool:
    """Say whether the database must be asked who this is: for an API key that has not been seen for a while."""
    given = _bearer_of(request)
    services: Services = request.app.state.services
    return given is not None and given[1].startswith(PREFIX) and not services.api_keys.is_known(given[1])


def _bearer_of(request: Request) -> re.Match[str] | None:
    return _BEARER.fullmatch((header(request.scope, b"authorization") or b"").decode("latin-1"))


PUBLIC: Final[dict[str, Any]] = {"security": []}
"""Marks a route that anybody may use (`openapi_extra=PUBLIC`): every other one says which scopes it asks for."""

_bearer: Final = Bearer()
SignedIn = Annotated[Principal, Security(_bearer)]
AsPerson = Annotated[Principal, Security(_bearer, scopes=["self"])]
Leaving = Annotated[Principal, Security(Bearer(even_revoked=True), scopes=["self"])]
AsPlayer = Annotated[Principal, Security(_bearer, scopes=["play"])]
AsAuditor = Annotated[Principal, Security(_bearer, scopes=["audit"])]
AsOperator = Annotated[Principal, Security(_bearer, scopes=["operate"])]
AsOperatorInPerson = Annotated[Principal, Security(_bearer, scopes=["operate", "self"])]
AsKeeper = Annotated[Principal, Security(_bearer, scopes=["people"])]
