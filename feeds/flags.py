"""Flags: what the feed did that a person should look at. Each is raised once for its cause, and kept for good."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from psycopg.rows import class_row

from ledger.aggregate import LedgerError
from ledger.datastore import Datastore
from ledger.sql import queries

FlagKind = Literal["rescheduled", "moved", "swapped", "vanished", "sources_disagree", "conflicting_result"]
FEED: Final = "feed"
"""Who resolved a flag that what came next has cleared."""


class UnknownFlag(LedgerError):
    """No flag has this number."""

    code = "unknown_flag"


@dataclass(frozen=True, slots=True)
class Flag:
    """What a source did about a game. `resolved_by`: an operator, or `feed` where what came next has cleared it."""

    id: int
    kind: str
    source: str
    week: str
    game_id: UUID
    detail: str
    raised_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    note: str | None

    @property
    def version(self) -> int:
        """1 while it is open, 2 when it is resolved."""
        return 1 if self.resolved_at is None else 2


class Flags:
    """Raises and resolves flags."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds", "flags.sql")

    def raise_flag(
        self,
        kind: FlagKind,
        *,
        cause: str,
        source: str,
        week: str,
        game_id: UUID,
        detail: str,
        at: datetime,
        again: bool = False,
    ) -> None:
        """Raise a flag, unless there was one for the same cause of this game.

        `again`: one that was cleared by itself is raised again, as its cause is back.
        """
        self._run(
            "raise_flag",
            cause=_cause(game_id, kind, cause),
            kind=kind,
            source=source,
            week=week,
            game_id=game_id,
            detail=detail,
            at=at,
            again=again,
        )

    def clear(self, game_id: UUID, kind: FlagKind, *, note: str, at: datetime, but_for: str | None = None) -> None:
        """Resolve the open flags of a game and a kind, but for those of one cause; `note` says why."""
        but_for_cause = None if but_for is None else _cause(game_id, kind, but_for)
        self._run("clear", game_id=game_id, kind=kind, note=note, at=at, but_for=but_for_cause)

    def clear_weeks(self, weeks: Collection[str], *, note: str, at: datetime) -> None:
        """Resolve all that is open of some weeks."""
        self._run("clear_weeks", weeks=list(weeks), note=note, at=at)

    def resolve(self, id: int, *, by: str, note: str, at: datetime) -> Flag:
        """Resolve a flag and return it; one that is resolved stays as it is. Raises UnknownFlag."""
        self._run("resolve", id=id, by=by, note=note, at=at)
        return self.flag(id)

    def flag(self, id: int) -> Flag:
        """Return a flag; raises UnknownFlag."""
        found = self._run("flag", id=id)
        if not found:
            raise UnknownFlag(f"there is no flag {id}")
        return found[0]

    def flags(
        self, *, open_only: bool = True, place: int | None = None, is_back: bool = False, limit: int = 1_000
    ) -> list[Flag]:
        """Return flags, newest first, from behind the one with number `place` on; `is_back`: those before it."""
        return self._run("flags", open_only=open_only, place=place, is_back=is_back, limit=limit)

    def open_of_week(self, week: str) -> list[Flag]:
        """Return the open flags of a week, oldest first."""
        return self._run("open_of_week", week=week)

    def flags_of_game(self, game_id: UUID) -> list[Flag]:
        """Return all flags of a game, oldest first."""
        return self._run("flags_of_game", game_id=game_id)

    def _run(self, query: str, **parameters: Any) -> list[Flag]:
        with self._datastore.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Flag)).execute(self._sql[query], parameters)
            return cursor.fetchall() if cursor.description else []


def _cause(game_id: UUID, kind: FlagKind, cause: str) -> str:
    return f"{game_id}/{kind}/{cause}"
