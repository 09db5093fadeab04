"""Rows: each event as the columns of a table, with nothing of it left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from fairpool.exports.movements import Moving, credits_moved
from ledger.events import AccountOpened
from ledger.facts import Fact, record_of
from ledger.instants import Instant


class Row(NamedTuple):
    """An event: its envelope, what is most asked of it, and its data as the canonical JSON that is stored.

    `entry`, `game_id`, `market_id` and `bet_id` are those that the event names, in its data or as its stream; `pool`
    is the name of the entry's pool once it is drawn, `amount` the credits that moved on the entry's account.
    """

    log: str
    position: int
    stream: str
    version: int
    type: str
    schema: int
    recorded_at: Instant
    actor: str
    request: str
    cause: str | None
    entry: str | None
    pool: str | None
    game_id: str | None
    market_id: str | None
    bet_id: str | None
    amount: int | None
    available: int | None
    data: str


@dataclass(slots=True)
class Rows:
    """The fold of a log into rows: it remembers the pool of each entry."""

    _pools: dict[UUID, str] = field(default_factory=dict)

    def row(self, fact: Fact) -> Row:
        """Return the row of a fact; its envelope and its data are those of the record behind it."""
        record, event = record_of(fact), fact.event
        if isinstance(event, AccountOpened):
            self._pools[fact.stream] = event.pool_name
        entry: UUID | None = fact.stream if record.topic.startswith("account.") else getattr(event, "entry", None)
        game: UUID | None = fact.stream if record.topic.startswith("game.") else getattr(event, "game_id", None)
        moving = event if isinstance(event, Moving) else None
        return Row(
            log=record.log,
            position=record.position,
            stream=str(record.stream),
            version=record.version,
            type=record.topic,
            schema=record.schema,
            recorded_at=record.recorded_at,
            actor=record.actor,
            request=record.request,
            cause=record.cause,
            entry=_text(entry),
            pool=None if entry is None else self._pools.get(entry),
            game_id=_text(game),
            market_id=_text(getattr(event, "market_id", None)),
            bet_id=_text(getattr(event, "bet_id", None)),
            amount=None if moving is None else credits_moved(moving),
            available=None if moving is None else moving.available,
            data=record.state.decode(),
        )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
