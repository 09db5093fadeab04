"""A played week that was signed, and a superuser who switches triggers off, changes it, and puts everything back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from fairpool.verifying.database import DatabaseVerifier
from fairpool.verifying.verified import Verified
from feeds.checkpoints import Checkpoints
from feeds.notary import Notary
from ledger.events import BetLost, ChunkSettled, ResultRecorded, StakePlaced, WeekFinalised, WeekSettled
from ledger.facts import canonical
from ledger.ids import position_token, settlement_stream
from ledger.replay import Replay
from projections.runner import Runner
from projections.tree import TreeProjection, Trees
from tests.examples import WEEK, at
from tests.feeds.small_week import SmallWeek
from tests.played_week import RULES, SIGNER

Event: TypeAlias = dict[str, Any]
"""A row of the log: position, topic, stream and data; the data as JSON."""

_EVENTS: Final = "events_2026_w47"
_TABLES: Final = (_EVENTS, "heads", "tiles", "checkpoints", "projection_positions")
_GUARDED: Final = {_EVENTS: "ENABLE ALWAYS", "checkpoints": "ENABLE"}


@dataclass
class Scene:
    """The week, the folder of its signed checkpoints, and what a verification finds."""

    week: SmallWeek
    dsn: str
    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / f"{WEEK}.txt"

    def sign(self) -> None:
        """Sign each state of the week and its end, and list it in the office, as the notary does."""
        notary = Notary(
            self.week.ledger,
            trees=Trees(self.week.datastore),
            checkpoints=Checkpoints(self.week.datastore),
            signer=lambda: SIGNER,
            folder=self.folder,
        )
        while notary.step(now=0.0, forced=True):
            self.week.runner.catch_up()

    def result(self, game: str) -> int:
        """Where the result that settled a game first was recorded."""
        listed = self.week.listing(game).game_id
        return next(
            fact.position
            for fact in self.week.facts(ResultRecorded)
            if isinstance(fact.event, ResultRecorded) and fact.event.game_id == listed and fact.event.resolution == 1
        )

    @property
    def all_in(self) -> tuple[int, int]:
        """Where the one bet of all that a player has was placed, and where it was lost, which is what came next."""
        placed = next(fact for fact in self.week.facts(StakePlaced) if getattr(fact.event, "stake", 0) == RULES.grant)
        lost = next(fact for fact in self.week.facts(BetLost) if fact.stream == placed.stream)
        assert lost.version == placed.version + 1
        return placed.position, lost.position

    @property
    def last_stakes(self) -> list[int]:
        """Where the last three stakes of one moment, of three players, were placed: one behind another."""
        stakes = self.week.facts(StakePlaced)
        moment = [fact.position for fact in stakes if fact.at == at("Fri 18:50")]
        assert moment == list(range(moment[0], moment[0] + 3))
        return moment

    def covering(self, position: int) -> str:
        """The token of the first checkpoint that covers a position: there the tree is seen to be another."""
        sizes = (each.size for each in Checkpoints(self.week.datastore).all(WEEK))
        return position_token(WEEK, next(size for size in sizes if size >= position))

    def verifier(self, *, projections: bool = False) -> DatabaseVerifier:
        return DatabaseVerifier(self.week.ledger, folder=self.folder, projections=projections)

    def verify(self, log: str = WEEK, *, projections: bool = False) -> Verified:
        return self.verifier(projections=projections).verify(log, progress=lambda done, total: None)

    def found(self) -> dict[str, str]:
        """Where the first difference of each kind is, by kind."""
        return {finding.kind: finding.at for finding in self.verify().findings}

    @contextmanager
    def crime(self, act: Callable[[Culprit], object], *, tiles: bool = False) -> Iterator[None]:
        """Let a superuser act, with the tiles made anew from what is left if so told; undo it at the end."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for table in _TABLES:
                connection.execute(
                    SQL("CREATE TEMPORARY TABLE {} AS SELECT * FROM {}").format(_kept(table), Identifier(table))
                )
            for table in _GUARDED:
                connection.execute(SQL("ALTER TABLE {} DISABLE TRIGGER append_only").format(Identifier(table)))
            written = self.file.read_bytes()
            try:
                act(Culprit(connection, self))
                if tiles:
                    self._make_tiles_anew(connection)
                yield
            finally:
                self.file.write_bytes(written)
                for table in _TABLES:
                    connection.execute(SQL("DELETE FROM {}").format(Identifier(table)))
                    connection.execute(SQL("INSERT INTO {} SELECT * FROM {}").format(Identifier(table), _kept(table)))
                for table, enable in _GUARDED.items():
                    connection.execute(
                        SQL("ALTER TABLE {} {} TRIGGER append_only").format(Identifier(table), SQL(enable))
                    )

    def _make_tiles_anew(self, connection: Connection[Any]) -> None:
        """Have the tree's projection begin again, on what the log is now."""
        connection.execute("DELETE FROM tiles WHERE log = %s", [WEEK])
        connection.execute("DELETE FROM projection_positions WHERE log = %s AND name = 'tree'", [WEEK])
        runner = Runner(self.week.datastore, [TreeProjection()])
        while runner.step():
            pass


class Culprit:
    """What a superuser can do to the log of the week."""

    def __init__(self, connection: Connection[Any], scene: Scene) -> None:
        self.connection = connection
        self.scene = scene

    def events(self) -> list[Event]:
        """The log as it stands."""
        rows = self.connection.execute(
            SQL("SELECT notification_id, topic, originator_id, state FROM {} ORDER BY 1").format(Identifier(_EVENTS))
        )
        return [
            {"position": position, "topic": topic, "stream": stream, "data": json.loads(state)}
            for position, topic, stream, state in rows
        ]

    def at(self, position: int) -> Event:
        """The event at a position."""
        return next(event for event in self.events() if event["position"] == position)

    def write(self, event: Event) -> None:
        """Store an event's data anew, written as the service writes it."""
        self.store(event["position"], canonical(event["data"]))

    def store(self, position: int, state: bytes) -> None:
        self.sql("UPDATE {} SET state = %s WHERE notification_id = %s", state, position)

    def state(self, position: int) -> bytes:
        (state,) = self.sql("SELECT state FROM {} WHERE notification_id = %s", position).fetchone()
        return bytes(state)

    def shift(self, after: int, by: int) -> None:
        """Move all that is behind a position, and the end of the log with it."""
        # Far away first, so that no two events have one place between two steps.
        self.sql("UPDATE {} SET notification_id = notification_id + 1000000 WHERE notification_id > %s", after)
        self.sql("UPDATE {} SET notification_id = notification_id - 1000000 + %s WHERE notification_id > 1000000", by)
        self.connection.execute("UPDATE heads SET position = position + %s WHERE log = %s", [by, WEEK])

    def copy(self, position: int, *, to: int, version: int, stream: UUID | None = None, **data: Any) -> None:
        """Insert an event like another."""
        self.sql(
            "INSERT INTO {0} SELECT coalesce(%s, originator_id), %s, topic, %s, %s, log, schema,"
            " (SELECT recorded_at FROM {0} WHERE notification_id = %s), actor, request, cause"
            " FROM {0} WHERE notification_id = %s",
            stream,
            version,
            canonical(self.at(position)["data"] | data),
            to,
            to - 1,
            position,
        )

    def fit(self, raised: Event) -> None:
        """Make the later balances of the account, the totals of the game and the standings agree with a payout."""
        placed = next(
            fact for fact in self.scene.week.facts(StakePlaced) if _bet(fact.event) == raised["data"]["bet_id"]
        )
        assert isinstance(placed.event, StakePlaced)
        settlement = settlement_stream(placed.event.game_id)
        chunks = [fact.position for fact in self.scene.week.facts(ChunkSettled) if fact.position < raised["position"]]
        for event in self.events():
            data = event["data"]
            is_end = event["topic"] == "settlement.completed" and event["stream"] == settlement
            if event["stream"] == raised["stream"] and event["position"] >= raised["position"] and "available" in data:
                data["available"] += 1
            elif event["position"] == chunks[-1] or (is_end and data["resolution"] == raised["data"]["resolution"]):
                data["paid"] += 1
            else:
                continue
            self.write(event)
        for settled in self.scene.week.facts(WeekSettled, WeekFinalised):
            facts = self.scene.week.facts()[: settled.position]
            event = self.at(settled.position)
            event["data"]["standings_hash"] = Replay(WEEK).fold(facts).standings_hash
            self.write(event)

    def sql(self, statement: str, *values: object) -> Any:
        """Run a statement on the week's events."""
        return self.connection.execute(SQL(statement).format(Identifier(_EVENTS)), values)


def _bet(event: object) -> str:
    return str(getattr(event, "bet_id", ""))


def _kept(table: str) -> Identifier:
    return Identifier(f"kept_{table}")
