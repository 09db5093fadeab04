"""Who asks: the bearer token of a request, and what its role may do."""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from api.errors import Refusal
from api.tokens import InvalidToken, Principal

_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]+=*)")
KEY_PATTERN: Final = r"^[!-~]{1,200}$"
_KEY: Final = re.compile(KEY_PATTERN)
INVALID_TOKEN: Final = 'Bearer error="invalid_token"'


class Bearer(SecurityBase):
    """A dependency: the principal of a request. With `roles`, others are refused."""

    def __init__(self, *roles: str) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="The token of POST /api/auth/login.")
        self.scheme_name = "bearer"
        self._roles = roles

    async def __call__(self, request: Request) -> Principal:
        """Return who asks; raises Refusal `unauthenticated` or `forbidden`."""
        return identify(request, *self._roles)


def identify(request: Request, *roles: str) -> Principal:
    """Return who asks, from the request's token; raises Refusal `unauthenticated` or, for another role, `forbidden`."""
    given = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if given is None:
        raise Refusal("unauthenticated", "Send the token of POST /api/auth/login as Authorization: Bearer <token>.")
    try:
        principal: Principal = request.app.state.services.tokens.verify(given[1])
    except InvalidToken as error:
        headers = {"WWW-Authenticate": INVALID_TOKEN}
        raise Refusal("unauthenticated", "The token is not valid (any more): log in again.", headers=headers) from error
    if roles and principal.role not in roles:
        raise Refusal("forbidden", f"This is for the role {' or '.join(roles)}; yours is {principal.role}.")
    return principal


def required_key(request: Request) -> str:
    """Return the request's Idempotency-Key; raises Refusal where it is missing or cannot be used."""
    key = request.headers.get("idempotency-key")
    if key is None:
        raise Refusal("idempotency_key_required", "Send an Idempotency-Key: the same one again is the same request.")
    if not _KEY.fullmatch(key):
        raise Refusal("idempotency_key_invalid", "An Idempotency-Key is 1 to 200 visible ASCII characters.")
    return key


def request_key(request: Request) -> str:
    """Return the request's Idempotency-Key, or its request id where it has none."""
    if "idempotency-key" in request.headers:
        return required_key(request)
    request_id: str = request.state.request_id
    return request_id


SignedIn = Annotated[Principal, Depends(Bearer())]
AsPlayer = Annotated[Principal, Depends(Bearer("player"))]
AsOperator = Annotated[Principal, Depends(Bearer("operator"))]
