"""Feed messages become commands of the ledger. Delivered twice, late or out of order, a message changes nothing.

What a message means depends on the listing of its game: which week's, and whether there is one yet. A message that
comes before its game is a dead letter, one whose week is not open waits, and both are applied after the listing.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import TypedDict
from uuid import UUID

from feeds.inbox import Inbox
from feeds.listings import Listing, Listings
from feeds.messages import (
    GameMessage,
    MarketMessage,
    Message,
    QuoteMessage,
    ResultMessage,
    StatusMessage,
    UnreadableMessage,
    parse,
)
from ledger import listing as board
from ledger import settling
from ledger.facts import Fact
from ledger.game import IN_PROGRESS
from ledger.ledger import Ledger
from ledger.settlement import ConflictingResult, Word
from ledger.weeks import week_at


class Taken(StrEnum):
    """What became of a message; a repeated one said nothing that counts anew."""

    APPLIED = "applied"
    REPEATED = "repeated"
    DEAD = "dead"
    WAITING = "waiting"


class _Origin(TypedDict):
    actor: str
    request: str


class _Place(TypedDict):
    week: str
    game_id: UUID


class UnknownGame(Exception):
    """The message is about a game that was never listed: it is retried when the game appears."""


class _Waits(Exception):
    """The message belongs to a week whose log is not open."""

    def __init__(self, week: str, facts: list[Fact] | None = None) -> None:
        super().__init__(week)
        self.week = week
        self.facts = facts or []


class Ingest:
    """Takes messages one at a time. `primary` names the one source to follow, for leagues that have several."""

    def __init__(
        self, ledger: Ledger, inbox: Inbox, *, clock: Callable[[], datetime], primary: Mapping[str, str] | None = None
    ) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._clock = clock
        self._primary = primary or {}
        self._listings = Listings(ledger)
        self._one_at_a_time = threading.Lock()
        self.counts: Counter[Taken] = Counter()

    def take(self, body: bytes, *, subject: str) -> Taken:
        """Apply a message, or keep it: waiting for its week, or as a dead letter that says why."""
        try:
            message = parse(body)
        except UnreadableMessage as error:
            self.bury(body, subject=subject, reason=error.reason)
            taken = Taken.DEAD
        else:
            with self._one_at_a_time:
                taken = self._take(message, body=body, subject=subject)
        self.counts[taken] += 1
        return taken

    def take_waiting(self) -> int:
        """List the games whose week has opened since, with all that waits of them; return how many games."""
        with self._one_at_a_time:
            bodies = self._inbox.waiting_games(self._ledger.weeks())
            for body in bodies:
                self._apply(parse(body), body=body, subject="waited for its week")
        return len(bodies)

    def bury(self, body: bytes, *, subject: str, reason: str) -> None:
        """Keep a message as a dead letter."""
        try:
            message = parse(body)
        except UnreadableMessage:
            message = None
        msg_id = message.msg_id if message else f"unreadable-{hashlib.sha256(body).hexdigest()}"
        self._inbox.bury(msg_id=msg_id, subject=subject, reason=reason, body=body, message=message, at=self._clock())

    def _take(self, message: Message, *, body: bytes, subject: str) -> Taken:
        if self._inbox.is_outdated(message, body=body):
            return Taken.REPEATED
        return self._apply(message, body=body, subject=subject)

    def _apply(self, message: Message, *, body: bytes, subject: str) -> Taken:
        try:
            facts = self._command(message)
        except _Waits as waits:
            self._inbox.remember(message, body=body, waits_for=waits.week)
            return Taken.APPLIED if waits.facts else Taken.WAITING
        except (UnknownGame, ConflictingResult) as error:
            self.bury(body, subject=subject, reason=str(error))
            return Taken.DEAD
        self._inbox.remember(message, body=body)
        if isinstance(message, GameMessage):
            self._follow_up(message)
        return Taken.APPLIED if facts else Taken.REPEATED

    def _follow_up(self, game: GameMessage) -> None:
        """Apply what came before the game could be listed."""
        for body in self._inbox.waiting_of_game(game):
            waiting = parse(body)
            if self._apply(waiting, body=body, subject="waited for its week") is Taken.DEAD:
                self._inbox.forget(waiting)
        for id_, body in self._inbox.unresolved_of_game(game):
            taken = self._take(parse(body), body=body, subject=f"retry of dead letter {id_}")
            if taken is not Taken.DEAD:
                self._inbox.resolve(id_, taken)

    def _command(self, message: Message) -> list[Fact]:
        self._listings.refresh()
        if isinstance(message, GameMessage):
            return self._list(message)
        meant = self._meant(message)
        if meant is None:
            return []
        match message:
            case QuoteMessage():
                change = board.quote(
                    self._ledger,
                    week=meant.week,
                    game_id=meant.game_id,
                    market=message.market,
                    line=message.line,
                    prices=message.prices,
                    source=message.source,
                    at=message.at,
                    **_origin(message),
                )
            case MarketMessage(status=status):
                stop_or_go = board.suspend if status == "suspended" else board.reopen
                change = stop_or_go(
                    self._ledger,
                    week=meant.week,
                    game_id=meant.game_id,
                    market=message.market,
                    why=message.why or status,
                    **_origin(message),
                )
            case ResultMessage():
                change = settling.record_result(
                    self._ledger, week=meant.week, word=_result_word(message, meant), **_origin(message)
                )
            case StatusMessage():
                return self._status(message, meant)
        return change.result()

    def _meant(self, message: Message) -> Listing | None:
        """Return the listing that a message is about, or None where its source is not followed.

        Raises UnknownGame, or _Waits for a week that is not open yet.
        """
        result_at = message.at if isinstance(message, ResultMessage) else None
        meant = self._listings.meant(message.source, message.game_id, result_at=result_at)
        announced = self._inbox.announced(message)
        if announced is not None and announced.waits_for is not None:
            is_of_earlier = meant is not None and result_at is not None and result_at < announced.game.starts_at
            if not is_of_earlier:
                raise _Waits(announced.waits_for)
        if meant is None and (announced is None or self._follows(announced.game)):
            raise UnknownGame(f"{message.source} has not listed game {message.game_id}: it is retried when it does")
        return meant

    def _follows(self, game: GameMessage) -> bool:
        """Say whether a game's source is the one to follow in its league."""
        return self._primary.get(game.league, game.source) == game.source

    def _status(self, message: StatusMessage, meant: Listing) -> list[Fact]:
        at: _Place = {"week": meant.week, "game_id": meant.game_id}
        match message.status:
            case "in_progress":
                return board.lock(
                    self._ledger, **at, why=IN_PROGRESS, started_at=message.started_at, **_origin(message)
                ).result()
            case "suspended":
                return board.suspend(self._ledger, **at, market=None, why="suspended", **_origin(message)).result()
            case "postponed":
                if message.starts_at is not None:
                    return self._move(meant, message.starts_at, message)
                return board.postpone(self._ledger, **at, **_origin(message)).result()
            case "cancelled" | "abandoned":
                word = Word(game_id=meant.game_id, source=message.source, status=message.status)
                return settling.record_result(self._ledger, week=meant.week, word=word, **_origin(message)).result()

    def _list(self, message: GameMessage) -> list[Fact]:
        """List a game, or follow what changed of one that is listed."""
        if not self._follows(message):
            return []
        week = week_at(message.starts_at)
        listed = self._listings.meant(message.source, message.game_id)
        if listed is None or listed.moved_out or (listed.week != week and self._is_over(listed)):
            return self._list_anew(message, week)
        if (message.league, message.home, message.away) != (listed.league, listed.home, listed.away):
            # Under a known id, other teams or sides are a fault of the feed: bets on either reading would be wrong.
            return board.suspend(
                self._ledger,
                week=listed.week,
                game_id=listed.game_id,
                market=None,
                why=f"the feed now says {message.away} at {message.home}",
                **_origin(message),
            ).result()
        moved = self._move(listed, message.starts_at, message)
        return moved if week == listed.week else moved + self._list_anew(message, week, after=moved)

    def _list_anew(self, message: GameMessage, week: str, *, after: list[Fact] | None = None) -> list[Fact]:
        if week not in self._ledger.weeks():
            raise _Waits(week, after)
        return board.schedule(
            self._ledger,
            week=week,
            game_id=self._listings.next_id(week, message.source, message.game_id),
            external_id=message.game_id,
            league=message.league,
            home=message.home,
            away=message.away,
            starts_at=message.starts_at,
            source=message.source,
            **_origin(message),
        ).result()

    def _move(self, listed: Listing, starts_at: datetime, message: Message) -> list[Fact]:
        return board.reschedule(
            self._ledger, week=listed.week, game_id=listed.game_id, starts_at=starts_at, **_origin(message)
        ).result()

    def _is_over(self, listed: Listing) -> bool:
        """Say whether a listing has its end: the same id in another week is then another game."""
        return settling.is_over(self._ledger, week=listed.week, game_id=listed.game_id).result()


def _origin(message: Message) -> _Origin:
    return {"actor": f"feed:{message.source}", "request": message.msg_id}


def _result_word(message: ResultMessage, meant: Listing) -> Word:
    regulation = message.regulation
    return Word(
        game_id=meant.game_id,
        source=message.source,
        status="final",
        certainty=message.certainty,
        revision=message.revision,
        home_score=message.home_score,
        away_score=message.away_score,
        regulation=None if regulation is None else (regulation.home, regulation.away),
    )
