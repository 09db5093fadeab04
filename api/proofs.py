"""Proofs: receipts of bets and, of each log, what a stranger checks it by: checkpoints, the Merkle tree, the keys.

`/api/logs/{log}` is the prefix of a tiled transparency log (C2SP `tlog-tiles`), as its clients read one.
"""

from __future__ import annotations

import base64
from itertools import islice
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from api.http.moments import Moment
from api.http.reading import CAUGHT_UP, Shown
from api.identity.principal import PUBLIC, SignedIn
from api.refusal import Refusal
from api.services import Services, ServicesDep
from feeds.receipts import NotSignedYet
from ledger import publishing
from ledger.proofs.merkle import ProofError, consistency_proof
from ledger.proofs.notes import join_notes
from ledger.recorder import LogNotOpen
from projections.tree import TILE_HASHES

router = APIRouter(tags=["proofs"])

_LOG: Final = r"^(office|[0-9]{4}-W[0-9]{2}(\.c[0-9]{1,4})?)$"
_TILE: Final = r"^((x[0-9]{3}/){0,3}[0-9]{3})(\.p/[1-9][0-9]{0,2})?$"
_LEVELS_A_TILE: Final = TILE_HASHES.bit_length() - 1
_SOON: Final = {"Retry-After": "5"}
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
_BYTES: Final = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}

Size = Annotated[int, Query(ge=1, le=2**62, description="A number of events, the first of the log.")]


class LogKey(Shown):
    """A public key that signs checkpoints, or did until `retired_at`.

    `public_key` is a verifier key as C2SP `signed-note` writes it: whoever checks a note needs nothing else.
    """

    key_id: str = Field(examples=["c74f20a3"])
    public_key: str = Field(examples=["PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"])
    purpose: str = Field(examples=["checkpoints"])
    added_at: Moment
    retired_at: Moment | None


class LogKeys(BaseModel):
    """All keys that have ever signed checkpoints here, in the order in which they came into use."""

    data: list[LogKey]


class Consistency(BaseModel):
    """The proof that a log at `size` begins with what it was at `old` (RFC 6962 §2.1.2): `hashes`, in base64."""

    log: str = Field(examples=["2026-W47"])
    old: int
    size: int
    hashes: list[str] = Field(examples=[["lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="]])


def log_open(services: ServicesDep, log: Annotated[str, Path(pattern=_LOG, examples=["2026-W47", "office"])]) -> str:
    """Return the log that a path names; raises Refusal `unknown_log` where it has not begun.

    Tree and checkpoints of an archived week stay: they are what its export is held against.
    """
    if services.ledger.archives.is_away(log):
        return log
    try:
        services.ledger.recorder(log).head()
    except LogNotOpen as error:
        raise Refusal("unknown_log", f"There is no log {log}: each week has one, once it is open.") from error
    return log


LogOpen = Annotated[str, Depends(log_open)]


@router.get("/bets/{bet_id:uuid}/receipt", response_class=PlainTextResponse, dependencies=[CAUGHT_UP])
def get_bet_receipt(bet_id: UUID, principal: SignedIn, services: ServicesDep) -> str:
    """Return the receipt of one of the player's bets, or with the scope `audit` of anybody's.

    It is a file that proves offline what the ledger holds of the bet, stake and outcome so far, against a signed
    checkpoint: C2SP `tlog-proof`, one for each event, one behind another. `not_signed_yet` for some seconds after
    each change; `unknown_bet` for those of others.
    """
    bet = services.views.bets.bet(bet_id)
    if bet is not None and "audit" not in principal.scopes:
        bet = bet if services.ledger.entries.entry_of(player_id=principal.id, week=bet.log) == bet.entry else None
    if bet is None:
        raise Refusal("unknown_bet", f"You have no bet {bet_id}.")
    try:
        return services.receipts.of_bet(bet)
    except NotSignedYet as error:
        raise Refusal("not_signed_yet", str(error), headers=_SOON) from error


@router.get("/keys", openapi_extra=PUBLIC)
def list_log_keys(services: ServicesDep) -> LogKeys:
    """Return the keys that sign checkpoints, in use and retired. Better have them from elsewhere, too."""
    return LogKeys(data=[LogKey.of(key) for key in publishing.keys(services.ledger)])


@router.get("/logs/{log}/checkpoint", response_class=PlainTextResponse, openapi_extra=PUBLIC)
def get_checkpoint(log: LogOpen, services: ServicesDep) -> str:
    """Return a log's newest signed checkpoint (C2SP `tlog-checkpoint`); `not_signed_yet` before the first."""
    newest = services.receipts.checkpoints.newest(log)
    if newest is None:
        raise Refusal("not_signed_yet", f"No checkpoint of {log} is signed yet: ask again soon.", headers=_SOON)
    return newest.note


@router.get("/logs/{log}/checkpoints", response_class=PlainTextResponse, openapi_extra=PUBLIC)
def list_checkpoints(
    log: LogOpen,
    services: ServicesDep,
    after: Annotated[int, Query(ge=0, le=2**62, description="The size behind which to begin.")] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> str:
    """Return a log's signed checkpoints in order of size, an empty line behind each; nothing where there are no more.

    The next ones come with `after` the size of the last.
    """
    found = services.receipts.checkpoints.all(log, after=after)
    return join_notes(checkpoint.note for checkpoint in islice(found, limit))


@router.get("/logs/{log}/consistency", openapi_extra=PUBLIC)
def get_consistency(log: LogOpen, services: ServicesDep, old: Size, size: Size) -> Consistency:
    """Return the proof that a log only grew between two checkpoints. `not_found` where it never had these sizes."""
    try:
        hashes = consistency_proof(services.receipts.trees.node(log), old=old, size=size)
    except ProofError as error:
        raise Refusal("not_found", f"There is no such proof: {error}.") from error
    return Consistency(log=log, old=old, size=size, hashes=[base64.b64encode(each).decode() for each in hashes])


@router.get(
    "/logs/{log}/tile/{level}/{tile:path}",
    response_class=Response,
    responses={200: {"content": _BYTES, "description": "The hashes, 32 bytes each, one behind another"}},
    openapi_extra=PUBLIC,
)
def get_tile(
    log: LogOpen,
    services: ServicesDep,
    level: Annotated[int, Path(ge=0, le=63)],
    tile: Annotated[str, Path(pattern=_TILE, examples=["000.p/17", "x001/x234/067"])],
) -> Response:
    """Return a tile of a log's Merkle tree, as C2SP `tlog-tiles` has them: up to 256 hashes of a level.

    A tile that is not full yet is asked for with its width, `000.p/17`. `not_found` where it has fewer hashes.
    """
    name, _, partial = tile.partition(".p/")
    index, width = int(name.replace("x", "").replace("/", "")), int(partial or TILE_HASHES)
    held = (services.receipts.trees.size(log) >> _LEVELS_A_TILE * level) - index * TILE_HASHES
    if not width <= min(held, TILE_HASHES):
        raise Refusal("not_found", f"Tile {name} of level {level} has no {width} hashes: {log} is not that large.")
    return Response(
        _hashes(services, log, level=level, first=index * TILE_HASHES, width=width),
        media_type="application/octet-stream",
        headers=_FOR_EVER,
    )


def _hashes(services: Services, log: str, *, level: int, first: int, width: int) -> bytes:
    node = services.receipts.trees.node(log)
    return b"".join(node(_LEVELS_A_TILE * level, first + place) for place in range(width))
