"""Looks for what a person should look at: games that were moved, and games of which nothing is heard any more.

What was flagged is cleared by what comes of the game. Everything is read from the logs and the inbox, and a flag is
raised once for its cause: a watch may begin anew at any time, in several processes.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from feeds.flags import FlagKind, Flags
from feeds.inbox import Inbox
from feeds.sources import Sources
from ledger.aggregate import LedgerError
from ledger.book import Decision
from ledger.datastore import OUTAGES
from ledger.events import GameMovedOut, GameRescheduled, GameScheduled
from ledger.facts import Fact, fact_of
from ledger.instants import instant_text
from ledger.ledger import Ledger

_TOPICS: Final = (GameScheduled.TOPIC, GameRescheduled.TOPIC, GameMovedOut.TOPIC)
_log = logging.getLogger(__name__)


class _Game(NamedTuple):
    """A game as far as this concerns it; `has_end`: somebody said how it ended."""

    game_id: UUID
    source: str
    external_id: str
    starts_at: datetime
    has_end: bool
    is_awaited: bool


class Watch:
    """Raises and clears flags. `vanished_after`: how long after its start a game is missed that nobody speaks of."""

    def __init__(self, ledger: Ledger, inbox: Inbox, *, vanished_after: timedelta) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._vanished_after = vanished_after
        self._flags = Flags(ledger.datastore)
        self._sources = Sources(ledger.datastore)
        self._listed: dict[UUID, GameScheduled] = {}
        self._read_to: dict[str, int] = {}
        self._over: set[str] = set()

    def run(self, stop: threading.Event, *, poll_seconds: float = 5.0) -> None:
        """Tick until `stop` is set."""
        while not stop.wait(poll_seconds):
            try:
                self.tick()
            except (LedgerError, *OUTAGES) as error:
                _log.warning("nobody watches the feed: %s", error)

    def tick(self) -> None:
        """Look once."""
        heard = self._sources.last_heard()
        for week in self._ledger.weeks():
            if week not in self._over:
                self._follow(week)
                self._look(week, heard)

    def _follow(self, week: str) -> None:
        """Flag what the log says anew of games that moved."""
        for record in self._ledger.recorder(week).read_topics(*_TOPICS, after=self._read_to.get(week, 0)):
            fact = fact_of(record)
            match fact.event:
                case GameScheduled() as listed:
                    self._listed[fact.stream] = listed
                case GameRescheduled(starts_at=starts_at):
                    self._flag_move("rescheduled", fact, f"starts at {instant_text(starts_at)}")
                case GameMovedOut(starts_at=starts_at):
                    self._flag_move("moved", fact, f"left its week, for {instant_text(starts_at)}; its bets go back")
            self._read_to[week] = record.position

    def _flag_move(self, kind: FlagKind, fact: Fact, said: str) -> None:
        listed = self._listed[fact.stream]
        self._flags.raise_flag(
            kind,
            cause=fact.token,
            source=listed.source,
            week=fact.log,
            game_id=fact.stream,
            detail=f"{listed.away} at {listed.home} {said}",
            at=fact.at,
        )

    def _look(self, week: str, heard: dict[str, datetime]) -> None:
        is_final, now, games = self._ledger.desk(week).ask(_games, actor="clock", request="watch").result()
        if is_final:
            self._flags.clear_weeks([week], note="the week is final", at=now)
            self._over.add(week)
            return
        flagged = {(flag.game_id, flag.kind) for flag in self._flags.open_of_week(week)}
        for game in games:
            for kind in ("rescheduled", "vanished"):
                if game.has_end and (game.game_id, kind) in flagged:
                    self._flags.clear(game.game_id, kind, note="it has an end", at=now)
        self._look_for(week, [game for game in games if self._is_missed(game, now, heard)], flagged, now)

    def _is_missed(self, game: _Game, now: datetime, heard: dict[str, datetime]) -> bool:
        is_due = game.is_awaited and not game.has_end and now >= game.starts_at + self._vanished_after
        return is_due and game.source in heard and heard[game.source] > game.starts_at

    def _look_for(self, week: str, missed: Sequence[_Game], flagged: set[tuple[UUID, str]], now: datetime) -> None:
        """Flag those of which nothing was said since their start; who is spoken of again has not vanished."""
        said_at = self._inbox.last_said([(game.source, game.external_id) for game in missed])
        for game in missed:
            is_silent = said_at.get((game.source, game.external_id), game.starts_at) <= game.starts_at
            if is_silent:
                self._flags.raise_flag(
                    "vanished",
                    cause=instant_text(game.starts_at),
                    source=game.source,
                    week=week,
                    game_id=game.game_id,
                    detail=f"nothing was said of it since its start at {instant_text(game.starts_at)}",
                    at=now,
                )
            elif (game.game_id, "vanished") in flagged:
                self._flags.clear(game.game_id, "vanished", note="it is spoken of again", at=now)


def _games(on: Decision) -> tuple[bool, datetime, list[_Game]]:
    games, week = on.games(), on.week()
    looked_at = [
        _Game(
            game_id=game.id,
            source=game.listing.source,
            external_id=game.listing.external_id,
            starts_at=game.starts_at,
            has_end=bool(settlement.words),
            is_awaited=not game.moved_out and not game.is_postponed,
        )
        for game, settlement in zip(games, on.settlements(games), strict=True)
    ]
    return week.finalised is not None, on.now, looked_at
