"""The week and its games as they stand at a place in the log: what other checks look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from ledger.aggregate import LedgerError
from ledger.auditing.findings import Check, Finding
from ledger.events import (
    Event,
    GameLocked,
    GameMovedOut,
    GameRescheduled,
    GameScheduled,
    GameUnlocked,
    MarketQuoted,
    MarketReopened,
    MarketSuspended,
    PoolsDrawn,
    RosterFrozen,
    WeekClosed,
    WeekFinalised,
    WeekGrouped,
    WeekOpened,
    WeekSealed,
    WeekSettled,
)
from ledger.facts import Fact
from ledger.game import Game
from ledger.ids import week_stream
from ledger.week import Week

WEEK_EVENTS = (
    WeekOpened,
    RosterFrozen,
    PoolsDrawn,
    WeekGrouped,
    WeekClosed,
    WeekSettled,
    WeekFinalised,
    WeekSealed,
)
GAME_EVENTS = (
    GameScheduled,
    GameRescheduled,
    GameMovedOut,
    MarketQuoted,
    MarketSuspended,
    MarketReopened,
    GameLocked,
    GameUnlocked,
)


class Board(Check):
    """The fold of `week.*` and `game.*`, so many as are `taken`.

    It stands behind the checks that judge those events themselves.
    """

    EVENTS: ClassVar[tuple[type[Event], ...]] = (*WEEK_EVENTS, *GAME_EVENTS)

    def __init__(self, log: str) -> None:
        self.week = Week.blank(week_stream(log))
        self.taken = 0
        self._games: dict[int, Game] = {}

    def game(self, game_id: UUID) -> Game | None:
        """Return a game that is listed."""
        return self._games.get(game_id.int)

    @property
    def games(self) -> Iterable[Game]:
        """The games that are listed, in that order."""
        return self._games.values()

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Fold the next event."""
        self.taken += 1
        if isinstance(fact.event, WEEK_EVENTS):
            self.week.apply(fact)
            return ()
        if isinstance(fact.event, GameScheduled):
            game = self._games.setdefault(fact.stream.int, Game.blank(fact.stream))
        else:
            known = self.game(fact.stream)
            if known is None:
                return [Finding("week", fact.token, f"is of game {fact.stream}, which is not listed")]
            game = known
        try:
            game.apply(fact)
        except LedgerError as error:
            return [Finding("week", fact.token, str(error))]
        game.version = fact.version
        return ()
