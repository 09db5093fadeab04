"""Settlements: what settles each game, and how far its bets are settled under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar
from uuid import UUID

from msgspec.structs import replace

from ledger.events import BetsVoided, ChunkSettled, ResultRecorded, RulingLifted, SettlementCompleted
from ledger.facts import Fact
from projections.projection import Key, Projection
from projections.rows import Row, Rows
from projections.view import View


class Settlement(Row, frozen=True):
    """A game's settlement, under the id of its stream.

    `resolution` 0 means that nothing settles a bet yet; above it, `status` null means that an operator's void does, and
    no result. `result_position` is that of the event which brought the resolution: bets up to it are settled. `bets`,
    `staked` and `paid` (credits) are those of the resolution so far, `staked` once it is completed; `records` counts
    all that sources said.
    """

    TABLE: ClassVar[str] = "settlements"
    KEY: ClassVar[str] = "settlement"

    log: str
    settlement: UUID
    game_id: UUID
    records: int = 0
    resolution: int = 0
    source: str | None = None
    status: str | None = None
    certainty: str | None = None
    home_score: int | None = None
    away_score: int | None = None
    result_position: int | None = None
    bets: int = 0
    staked: int = 0
    paid: int = 0
    completed_resolution: int = 0
    completed_position: int | None = None


class SettlementsProjection(Projection):
    """Folds `settlement.*`."""

    name = "settlements"
    tables = (Settlement,)
    FOLDS = (ResultRecorded, BetsVoided, RulingLifted, ChunkSettled, SettlementCompleted)

    def keys(self, fact: Fact) -> Iterator[Key]:
        """The settlement whose stream the fact is in."""
        match fact.event:
            case ResultRecorded() | BetsVoided() | RulingLifted() | ChunkSettled() | SettlementCompleted():
                yield Settlement, fact.stream

    def apply(self, rows: Rows, fact: Fact) -> None:
        """Fold one event."""
        match fact.event:
            case ResultRecorded() as event:
                rows.put(_resolved(_recorded(_known(rows, fact, event.game_id), event), fact, event.resolution))
            case (
                BetsVoided(game_id=game_id, resolution=resolution)
                | RulingLifted(game_id=game_id, resolution=resolution)
            ):
                rows.put(_resolved(_known(rows, fact, game_id), fact, resolution))
            case ChunkSettled(bets=bets, paid=paid):
                settlement = rows.need(Settlement, fact.stream)
                rows.put(replace(settlement, bets=settlement.bets + bets, paid=settlement.paid + paid))
            case SettlementCompleted() as event:
                rows.put(
                    replace(
                        rows.need(Settlement, fact.stream),
                        bets=event.bets,
                        staked=event.staked,
                        paid=event.paid,
                        completed_resolution=event.resolution,
                        completed_position=fact.position,
                    )
                )


class Settlements(View):
    """What readers and the settler ask of settlements."""

    NAME = "settlements"

    def settlement(self, game_id: UUID) -> Settlement | None:
        """Return a game's settlement, once a source has said anything."""
        return self._one("settlement", Settlement, game_id=game_id)

    def settlements_of_games(self, game_ids: Sequence[UUID]) -> list[Settlement]:
        """Return the settlements of those of some games that a source has said anything of."""
        return self._all("settlements_of_games", Settlement, game_ids=list(game_ids))

    def settlements_of_log(self, log: str) -> list[Settlement]:
        """Return all settlements of a log."""
        return self._all("settlements_of_log", Settlement, log=log)

    def unfinished(self) -> list[Settlement]:
        """Return the settlements with a resolution that is not completed, in order of log and position."""
        return self._all("unfinished", Settlement)


def _known(rows: Rows, fact: Fact, game_id: UUID) -> Settlement:
    return rows.get(Settlement, fact.stream) or Settlement(fact.log, fact.stream, game_id)


def _recorded(known: Settlement, event: ResultRecorded) -> Settlement:
    settlement = replace(known, records=known.records + 1)
    if not event.applied:
        return settlement
    return replace(
        settlement,
        source=event.source,
        status=event.status,
        certainty=event.certainty,
        home_score=event.home_score,
        away_score=event.away_score,
    )


def _resolved(settlement: Settlement, fact: Fact, resolution: int | None) -> Settlement:
    """Begin a new resolution, where an event brings one."""
    if resolution is None:
        return settlement
    return replace(settlement, resolution=resolution, result_position=fact.position, bets=0, staked=0, paid=0)
