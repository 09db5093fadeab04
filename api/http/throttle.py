"""Rate limits over HTTP: who pays for a request, and what the answer says of it (IETF draft ratelimit-headers-10)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from ipaddress import AddressValueError, IPv6Address, IPv6Network
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem
from api.http.headers import telling
from api.http.ratelimits import UNMETERED, Meter, Meters, refusal
from api.identity.principal import identify, needs_a_query
from api.refusal import Refusal
from ledger.datastore import OUTAGES

_CUSTOMER_BITS: Final = 64


class Admission(NamedTuple):
    """What came of a request at its limit: headers for whatever is answered, and the answer if it was refused."""

    told: Sequence[tuple[bytes, bytes]] = ()
    refused: Response | None = None


class Toll:
    """Counts requests under their limits.

    A principal pays for itself wherever it asks from: many share an address. The address pays for those who do not
    say who they are, or say it wrongly; and for all that has to do with logging in, where anyone may claim to be
    anyone.
    """

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    async def admit(self, scope: Scope) -> Admission:
        """Count a request over HTTP, and say whether it may go on."""
        meter = self._meters.of(kind_of(scope))
        if meter is None:
            return Admission()
        grant = self._meters.take(meter, await self._payer(scope, meter))
        told = (meter.left(grant), meter.policy)
        if grant.is_allowed:
            return Admission(told)
        refused = refusal(grant)
        return Admission(told, problem(Request(scope), refused.code, str(refused), headers=refused.headers))

    async def _payer(self, scope: Scope, meter: Meter) -> Hashable:
        client = scope.get("client")
        address = network_of(client[0]) if client is not None else "none"
        request = Request(scope)
        # Who has used up an address's quota cannot go on to keep the database busy with API keys that are none.
        if meter.name == "auth" or (self._meters.is_spent(meter, address) and needs_a_query(request)):
            return address
        try:
            principal = await identify(request)
        except (Refusal, *OUTAGES):
            # A stranger, or nobody that we know: a route that has to know asks again, and answers with the reason.
            return address
        scope["state"]["principal"] = principal
        return principal.id


class Throttle:
    """Refuses requests above their limit, and tells every client of a limited route how much is left."""

    def __init__(self, app: ASGIApp, toll: Toll) -> None:
        self._app = app
        self._toll = toll

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        told, refused = await self._toll.admit(scope)
        await (refused or self._app)(scope, receive, telling(send, told))


def kind_of(scope: Scope) -> str:
    """Return which limit a request falls under: auth, bets, reads, writes, or none for probes and webhooks."""
    path: str = scope["path"]
    if not path.startswith("/api/") or path.startswith(UNMETERED):
        return "none"
    if scope["method"] in ("GET", "HEAD"):
        return "reads"
    if path.startswith("/api/bets"):
        return "bets"
    return "auth" if path.startswith("/api/auth/") else "writes"


def network_of(address: str) -> str:
    """Return what counts as one address: an IPv4 address, or the /64 that one IPv6 customer has at the least."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except AddressValueError:
        # A trusted proxy may have its own words for an address that it does not know.
        return address
    return str(parsed.ipv4_mapped or IPv6Network((parsed, _CUSTOMER_BITS), strict=False))
