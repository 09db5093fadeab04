"""The draw of a week, with all that anybody needs to do it over: nothing here has to be believed."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, ConfigDict, Field

from api.http.moments import Moment
from api.http.reading import WeekNamed, not_open
from api.identity.principal import PUBLIC
from api.refusal import Refusal
from api.services import Services, ServicesDep
from ledger.auditing.seeds import link
from ledger.beacon import known_chains
from ledger.draw import ALGORITHM, score
from ledger.drawn import Drawn
from ledger.events import Beacon, PoolsDrawn, RosterFrozen, SeedChainAnchored
from ledger.facts import Fact, fact_of
from ledger.ids import OFFICE, pool_id

router = APIRouter(prefix="/weeks/{week}/draw", tags=["draws"])

_RECOMPUTE: Final = (
    "Commitment: the sha256 of the seed's 32 bytes is `seed_commitment`. Hash that `chain.step` times, and it is "
    "`chain.anchor`, which stands in the log `office`.",
    "Roster: the sha256 of GET /api/weeks/{week}/draw/roster, byte for byte, is `roster.roster_hash`. The ids in it "
    "are the entries that the week's log has enrolled, and not withdrawn, before `roster.position`.",
    "Beacon, where there is one: the sha256 of the signature is the randomness, and any client of drand checks that "
    "the signature is the round's. Where there is none, chain and randomness are empty and the round is 0.",
    "Key: HMAC-SHA256 under the seed of six lines, each ended by LF: pools/shuffle/hmac-sha256-sort-v1, week, roster "
    "hash, chain, round, randomness.",
    "Pools: sort the entries by the HMAC-SHA256 of their ids under the key, and cut them by the sizes of the pools.",
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class SeedChain(_Frozen):
    """The chain that the week's commitment belongs to: `step` hashes of it give the anchor, of at most `length`."""

    anchor: str
    length: int = Field(examples=[520])
    step: int = Field(examples=[12])
    anchored_at: Moment
    position: str = Field(examples=["office:2"])


class Roster(_Frozen):
    """The entries that were drawn, frozen before the seed was revealed."""

    roster_hash: str
    size: int = Field(examples=[251])
    frozen_at: Moment
    position: str = Field(examples=["2026-W47:252"])


class BeaconRound(_Frozen):
    """The round of public randomness that the draw waited for, chosen before anybody knew it.

    `name`, `public_key` and `comes_at` are null where the chain is not one that this service knows.
    """

    chain: str
    name: str | None = Field(examples=["quicknet"])
    public_key: str | None
    round: int = Field(examples=[34_202_312])
    comes_at: Moment | None
    randomness: str | None
    signature: str | None


class PoolDrawn(_Frozen):
    """A pool as it was drawn: so many entries, in the order of the draw."""

    pool_id: UUID
    name: str = Field(examples=["W2026-47-A"])
    size: int = Field(examples=[84])


class DrawShown(_Frozen):
    """The draw of a week. Before the draw `seed` and `key` are null and there are no pools, but the seed is bound.

    `recompute` says in words how to do the draw over.
    """

    week: str = Field(examples=["2026-W47"])
    algorithm: str = Field(examples=[ALGORITHM])
    pool_max: int = Field(examples=[100])
    seed_commitment: str
    committed_at: Moment
    chain: SeedChain | None
    roster: Roster | None
    beacon: BeaconRound | None
    seed: str | None
    key: str | None
    drawn_at: Moment | None
    pools: list[PoolDrawn]
    recompute: list[str]
    position: str = Field(examples=["2026-W47:254"])


class EntryDrawn(_Frozen):
    """An entry in the draw: its `score`, by which it took `place` of the roster's, 1 being the lowest score.

    An entry that came late, after the draw, has neither.
    """

    week: str = Field(examples=["2026-W47"])
    entry: UUID
    score: str | None
    place: int | None = Field(examples=[17])
    pool_id: UUID
    pool_name: str = Field(examples=["W2026-47-A"])


def week_draw(week: WeekNamed, services: ServicesDep) -> Drawn:
    """Return how far the draw of the week that a path names is; raises Refusal `unknown_week`."""
    found = services.draws.draw(week)
    if found is None:
        raise not_open(week, services.clock())
    return found


WeekDraw = Annotated[Drawn, Depends(week_draw)]


@router.get("", openapi_extra=PUBLIC)
def get_draw(draw: WeekDraw, services: ServicesDep) -> DrawShown:
    """Return the draw of a week: before it, what binds it; afterwards all that it followed from."""
    opening, pools, key = draw.opening, draw.pools, draw.key
    newest = draw.drawn or draw.frozen or draw.opened
    return DrawShown(
        week=opening.week,
        algorithm=pools.algorithm if pools else ALGORITHM,
        pool_max=opening.rules.pool_max,
        seed_commitment=opening.seed_commitment,
        committed_at=draw.opened.at,
        chain=_chain(services, opening.seed_commitment),
        roster=_roster(draw.frozen, draw.roster),
        beacon=_beacon(draw.roster.beacon if draw.roster else None, pools),
        seed=pools.seed if pools else None,
        key=key.hex() if key else None,
        drawn_at=draw.drawn.at if draw.drawn else None,
        pools=[PoolDrawn(pool_id=each.pool_id, name=each.name, size=each.size) for each in pools.pools]
        if pools
        else [],
        recompute=[step.format(week=opening.week) for step in _RECOMPUTE],
        position=newest.token,
    )


@router.get("/roster", response_class=PlainTextResponse, openapi_extra=PUBLIC)
def get_draw_roster(draw: WeekDraw, services: ServicesDep) -> str:
    """Return the roster of a week as it was hashed: the sha256 of these bytes is its `roster_hash`.

    A line that names the form, the week, the number of entries, then their ids in ascending order, each line ended by
    LF. Refused with `too_early` until the roster is frozen, at the week's start.
    """
    if draw.roster is None:
        raise Refusal("too_early", f"The roster of {draw.opening.week} is frozen at {draw.opening.starts_at}.")
    return services.draws.roster(draw.opening.week, draw)


@router.get("/entries/{entry}", openapi_extra=PUBLIC)
def get_draw_entry(draw: WeekDraw, entry: UUID, services: ServicesDep) -> EntryDrawn:
    """Return how an entry came out of the draw; players find theirs in `GET /api/me`.

    Refused with `too_early` until the week is drawn, and with `unknown_entry` where it was not drawn.
    """
    week, key = draw.opening.week, draw.key
    if key is None:
        raise Refusal("too_early", f"Week {week} is not drawn yet: it starts at {draw.opening.starts_at}.")
    place = services.draws.places(week, draw).get(entry)
    if place is not None:
        return EntryDrawn(
            week=week,
            entry=entry,
            score=score(key, entry).hex(),
            place=place.number,
            pool_id=pool_id(week, place.pool_name),
            pool_name=place.pool_name,
        )
    account = services.views.accounts.account(entry)
    if account is None or account.log != week:
        raise Refusal("unknown_entry", f"No entry {entry} was drawn in week {week}.")
    return EntryDrawn(
        week=week, entry=entry, score=None, place=None, pool_id=account.pool_id, pool_name=account.pool_name
    )


def _chain(services: Services, commitment: str) -> SeedChain | None:
    records = services.ledger.recorder(OFFICE).read_topics(SeedChainAnchored.TOPIC)
    found = link(commitment, [fact_of(record) for record in records])
    if found is None:
        return None
    anchored = found.anchor.event
    assert isinstance(anchored, SeedChainAnchored)
    return SeedChain(
        anchor=anchored.anchor,
        length=anchored.length,
        step=found.step,
        anchored_at=found.anchor.at,
        position=found.anchor.token,
    )


def _roster(frozen: Fact | None, roster: RosterFrozen | None) -> Roster | None:
    if frozen is None or roster is None:
        return None
    return Roster(roster_hash=roster.roster_hash, size=roster.size, frozen_at=frozen.at, position=frozen.token)


def _beacon(named: Beacon | None, pools: PoolsDrawn | None) -> BeaconRound | None:
    if named is None:
        return None
    chain = known_chains().get(named.chain)
    return BeaconRound(
        chain=named.chain,
        name=chain.name if chain else None,
        public_key=chain.public_key if chain else None,
        round=named.round,
        comes_at=chain.time_of(named.round) if chain else None,
        randomness=pools.randomness if pools else None,
        signature=pools.signature if pools else None,
    )
