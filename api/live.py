"""Live updates of a week over Server-Sent Events (WHATWG HTML §9.2)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

import anyio
from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from api.http.reading import CAUGHT_UP, WeekOpened
from api.identity.principal import SignedIn, identify
from api.livefeed.shapes import TOPICS, LiveEvent
from api.livefeed.stream import Stream, Wanted
from api.refusal import Refusal
from api.services import ServicesDep
from ledger.entry import NotEnrolled
from ledger.recorder import LogArchived

router = APIRouter(prefix="/weeks/{week}/live", tags=["live"])

_RETRY_MS: Final = 2_000
_log = logging.getLogger(__name__)
_TOPIC: Final = f"({'|'.join(TOPICS)})"
_OWN: Final = frozenset({"standings", "balance"})
_ANSWER: Final = "Events without end; the schema is that of one event, with its fields as members."

Topics = Annotated[
    str | None,
    Query(
        pattern=f"^{_TOPIC}(,{_TOPIC}){{0,9}}$",
        description=f"Some of {', '.join(TOPICS)}, separated by commas; all that apply, if it is left out.",
        examples=["balance,standings"],
    ),
]
PoolNamed = Annotated[
    str | None, Query(max_length=40, description="Whose standings, by name or id; for the scope `audit` only.")
]
LastEventId = Annotated[str | None, Header(max_length=100, description="The id of the last event that the client has.")]
LastEventIdAsked = Annotated[
    str | None, Query(max_length=100, description="The same, for clients that cannot set the header, which goes first.")
]


def wanted(
    principal: SignedIn, week: WeekOpened, services: ServicesDep, topics: Topics = None, pool: PoolNamed = None
) -> Wanted:
    """Return what is asked for; raises Refusal `forbidden` or `unknown_pool`, NotEnrolled, or LogArchived."""
    if services.ledger.archives.is_away(week):
        raise LogArchived(week)
    is_auditor = "audit" in principal.scopes
    if pool is not None and not is_auditor:
        raise Refusal("forbidden", "A pool is named with the scope audit only: yours needs no name.")
    watched = services.views.pools.pool_called(week, pool) if pool is not None else None
    if pool is not None and watched is None:
        raise Refusal("unknown_pool", f"Week {week} has no pool {pool}.")
    entry = services.ledger.entries.entry_of(player_id=principal.id, week=week)
    possible = frozenset(TOPICS)
    if entry is None:
        possible -= _OWN if watched is None else {"balance"}
    asked = frozenset(topics.split(",")) if topics is not None else possible
    if not asked <= possible:
        lacking = " and ".join(sorted(asked - possible))
        raise NotEnrolled(f"You are not enrolled in week {week}: it has no {lacking} for you.")
    pool_id = watched.pool_id if watched is not None else None
    return Wanted(log=week, topics=asked, entry=entry, pool_id=pool_id, tells_entries=is_auditor)


async def opened(
    request: Request,
    principal: SignedIn,
    wanted: Annotated[Wanted, Depends(wanted)],
    services: ServicesDep,
    last_event_id: LastEventId = None,
    asked: Annotated[LastEventIdAsked, Query(alias="last_event_id")] = None,
) -> AsyncIterator[Stream]:
    """Give a stream for as long as it is answered; raises Refusal `too_many_streams` or `unavailable`."""
    scopes = ("audit",) if wanted.pool_id is not None else ()
    with services.live.seat(principal.id):
        stream = Stream(
            services.live,
            wanted,
            last_event_id=last_event_id or asked,
            verify=partial(identify, _unjudged(request), *scopes),
            # After a restart not everybody comes back in the same moment.
            retry=_RETRY_MS + principal.id.int % _RETRY_MS,
        )
        try:
            yield stream
        finally:
            stream.close()


class Documented(JSONResponse):
    """The answer in the OpenAPI document: of what is no JSON, the framework would say that it is a string."""

    media_type = "text/event-stream"


class Live(EventSourceResponse):
    """The answer with a stream: it ends at once when the client leaves, or takes nothing for too long."""

    def __init__(self, stream: Stream, *, write_wait: float) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self._frames = stream.frames()
        self._write_wait = write_wait
        super().__init__(self._frames, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._write_wait):
                await send(message)

        async def watch() -> None:
            await self.listen_for_disconnect(receive)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(watch)
                try:
                    await self.stream_response(send_in_time)
                except TimeoutError:
                    _log.info("a live stream is cut off: its client took nothing for %s s", self._write_wait)
                group.cancel_scope.cancel()
        finally:
            await self._frames.aclose()


@router.get(
    "",
    response_model=LiveEvent,
    response_class=Documented,
    response_description=_ANSWER,
    dependencies=[CAUGHT_UP],
)
async def stream_live(
    stream: Annotated[Stream, Depends(opened, scope="request")], services: ServicesDep
) -> EventSourceResponse:
    """Stream a week's changes as Server-Sent Events, each sent when reads show it.

    | topic | events |
    |---|---|
    | `standings` | `standings`, the whole pool when it has changed, at most about once a second |
    | `balance` | `balance` and `bet` of the player, each change |
    | `quotes` | `quote`, `market`, `game` |
    | `settlements` | `settlement`, `game` |
    | any | `week`, `reset`, `bye` |

    A first connection begins with the current `balance` and `standings`. With `Last-Event-ID` the stream goes on
    right behind that event: none is left out and none comes twice, but for standings, which every connection begins
    with. Where that cannot be, a `reset` says so: read everything anew, and go on from there. An id is also a position
    to read with (`after`), once it has no part behind a point. Lines that begin with a colon keep the connection open.
    A last event `bye` says why the service ends a stream: `stopping`, or as a request would be refused, such as
    `unauthenticated` when the token has expired.

    Refused with `week_archived` where nothing can change any more, with `not_enrolled` where a topic is for the week's
    players, with `forbidden` where a pool is named without the scope `audit`, with `unknown_pool`,
    and with `too_many_streams` above five at a time (or what the service is set to).
    """
    return Live(stream, write_wait=services.live.limits.write_wait)


def _unjudged(request: Request) -> Request:
    """Return the request as it came, without what has been found out about it: to be asked again and again."""
    return Request({**request.scope, "state": {"request_id": request.state.request_id}})
