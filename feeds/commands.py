"""What a message means: the commands of the ledger that it becomes, found by the listing of its game."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypedDict
from uuid import UUID

from feeds.confirming import Confirming
from feeds.flags import Flags
from feeds.inbox import Inbox
from feeds.listings import Listing, Listings
from feeds.messages import (
    GameMessage,
    MarketMessage,
    Message,
    QuoteMessage,
    ResultMessage,
    StatusMessage,
)
from feeds.words import tells_an_end
from ledger import listing as board
from ledger import settling
from ledger.deciding import WeekSealed
from ledger.facts import Fact
from ledger.game import IN_PROGRESS
from ledger.instants import instant_text
from ledger.ledger import Ledger
from ledger.recorder import LogArchived
from ledger.settlement import ConflictingResult, Word
from ledger.weeks import week_at


class _Origin(TypedDict):
    actor: str
    request: str


class _Place(TypedDict):
    week: str
    game_id: UUID


class UnknownGame(Exception):
    """The message is about a game that was never listed: it is retried when the game appears."""


class FromTheFuture(Exception):
    """The message is said at a time that is yet to come: taken now, it would outdate all that comes until then."""


AHEAD_MAX: Final = timedelta(days=7)
"""How far ahead of our clock a message may speak: files of a week are published before it starts."""
REFUSALS: Final = (UnknownGame, FromTheFuture, ConflictingResult, LogArchived, WeekSealed)
"""What makes a message a dead letter: it cannot be carried out now, and an operator may try it again."""


class Waits(Exception):
    """The message belongs to a week whose log is not open."""

    def __init__(self, week: str, facts: list[Fact] | None = None) -> None:
        super().__init__(week)
        self.week = week
        self.facts = facts or []


class Commands:
    """Carries messages out. `primary` and `confirming` name, by league, the source to follow and the one that confirms.

    Messages of one game come one at a time, whoever else is at work: see `Inbox.alone_with`.
    """

    def __init__(
        self,
        ledger: Ledger,
        inbox: Inbox,
        *,
        clock: Callable[[], datetime],
        primary: Mapping[str, str],
        confirming: Mapping[str, str],
    ) -> None:
        self._ledger = ledger
        self._inbox = inbox
        self._clock = clock
        self._primary = primary
        self._listings = Listings(ledger)
        self._flags = Flags(ledger.datastore)
        self._confirming = Confirming(ledger, self._listings, sources=confirming, flags=self._flags, clock=clock)

    def carry_out(self, message: Message) -> list[Fact]:
        """Do what a message asks, and return the facts that it adds.

        Raises one of the REFUSALS, or Waits for a message of a week that is not open yet.
        """
        if message.at > (now := self._clock()) + AHEAD_MAX:
            raise FromTheFuture(f"said at {instant_text(message.at)}, and it is {instant_text(now)}: try it again then")
        self._listings.refresh()
        if self._is_by_confirmer(message):
            return self._confirming.confirm(message)
        if isinstance(message, GameMessage):
            return self._list(message)
        meant = self._meant(message)
        return [] if meant is None else self._change(message, meant)

    def flag_conflict(self, message: Message, error: ConflictingResult) -> None:
        """Flag the game of a message that contradicts what its source said before."""
        meant = self._listings.meant(message.source, message.game_id, result_at=message.at)
        if meant is not None:
            self._flags.raise_flag(
                "conflicting_result",
                # It names both contents: a source that repeats itself, at another time, is no other cause.
                cause=str(error),
                source=message.source,
                week=meant.week,
                game_id=meant.game_id,
                detail=str(error),
                at=self._clock(),
            )

    def _change(
        self, message: QuoteMessage | MarketMessage | ResultMessage | StatusMessage, meant: Listing
    ) -> list[Fact]:
        if tells_an_end(message):
            return self._end(message, meant)
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
            case StatusMessage():
                return self._status(message, meant)
        return change.result()

    def _end(self, message: ResultMessage | StatusMessage, meant: Listing) -> list[Fact]:
        """Record how a game ended, or hold it against what a second source says."""
        if self._confirming.waits_in(meant.league):
            return self._confirming.say(meant, message)
        word = _word(message, meant)
        return settling.record_result(self._ledger, week=meant.week, word=word, **_origin(message)).result()

    def _is_by_confirmer(self, message: Message) -> bool:
        """Say whether a message is one of the source that confirms results of its league; raises UnknownGame."""
        if not self._confirming.may_confirm(message.source):
            return False
        if isinstance(message, GameMessage):
            return self._confirming.is_by_confirmer(message.source, message.league)
        announced = self._inbox.announced(message)
        if announced is None:
            raise _unknown(message)
        return self._confirming.is_by_confirmer(message.source, announced.game.league)

    def _meant(self, message: Message) -> Listing | None:
        """Return the listing that a message is about, or None where its source is not followed.

        Raises UnknownGame, LogArchived, or Waits for a week that is not open yet.
        """
        result_at = message.at if isinstance(message, ResultMessage) else None
        meant = self._listings.meant(message.source, message.game_id, result_at=result_at)
        announced = self._inbox.announced(message)
        if announced is not None and announced.waits_for is not None:
            is_of_earlier = meant is not None and result_at is not None and result_at < announced.game.starts_at
            if not is_of_earlier:
                raise Waits(announced.waits_for)
        if meant is None and announced is not None:
            self._require_here(week_at(announced.game.starts_at))
        if meant is None and (announced is None or self._follows(announced.game)):
            raise _unknown(message)
        return meant

    def _require_here(self, week: str) -> None:
        """Refuse what is about an archived week: it would wait for ever."""
        if self._ledger.archives.is_away(week):
            raise LogArchived(week)

    def _follows(self, game: GameMessage) -> bool:
        """Say whether a game's source is the one to follow in its league."""
        return self._primary.get(game.league, game.source) == game.source

    def _status(self, message: StatusMessage, meant: Listing) -> list[Fact]:
        at: _Place = {"week": meant.week, "game_id": meant.game_id}
        match message.status:
            case "in_progress":
                change = board.lock(
                    self._ledger, **at, why=IN_PROGRESS, started_at=message.started_at, **_origin(message)
                )
            case "suspended":
                change = board.suspend(self._ledger, **at, market=None, why="suspended", **_origin(message))
            case _ if message.starts_at is not None:
                return self._move(meant, message.starts_at, message)
            case _:
                change = board.postpone(self._ledger, **at, **_origin(message))
        return change.result()

    def _list(self, message: GameMessage) -> list[Fact]:
        """List a game, or follow what changed of one that is listed."""
        if not self._follows(message):
            return []
        week = week_at(message.starts_at)
        listed = self._listings.meant(message.source, message.game_id)
        if listed is None or listed.moved_out or (listed.week != week and self._is_over(listed)):
            return self._list_anew(message, week)
        if (message.league, message.home, message.away) != (listed.league, listed.home, listed.away):
            return self._stop_swapped(message, listed)
        moved = self._move(listed, message.starts_at, message)
        return moved if week == listed.week else moved + self._list_anew(message, week, after=moved)

    def _stop_swapped(self, message: GameMessage, listed: Listing) -> list[Fact]:
        """Under a known id, other teams or sides are a fault of the feed: bets on either reading would be wrong."""
        said = f"the feed now says {message.away} at {message.home}"
        self._flags.raise_flag(
            "swapped",
            cause=f"{message.league}/{message.home}/{message.away}",
            source=message.source,
            week=listed.week,
            game_id=listed.game_id,
            detail=f"{said} ({message.league}), not {listed.away} at {listed.home} ({listed.league})",
            at=self._clock(),
        )
        return board.suspend(
            self._ledger, week=listed.week, game_id=listed.game_id, market=None, why=said, **_origin(message)
        ).result()

    def _list_anew(self, message: GameMessage, week: str, *, after: list[Fact] | None = None) -> list[Fact]:
        if week not in self._ledger.weeks():
            self._require_here(week)
            raise Waits(week, after)
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
        if self._ledger.archives.is_away(listed.week):
            return True
        return settling.is_over(self._ledger, week=listed.week, game_id=listed.game_id).result()


def _origin(message: Message) -> _Origin:
    return {"actor": f"feed:{message.source}", "request": message.msg_id}


def _unknown(message: Message) -> UnknownGame:
    return UnknownGame(f"{message.source} has not listed game {message.game_id}: it is retried when it does")


def _word(message: ResultMessage | StatusMessage, meant: Listing) -> Word:
    if isinstance(message, StatusMessage):
        return Word(game_id=meant.game_id, source=message.source, status=message.status)
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
