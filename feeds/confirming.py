"""Two sources that confirm each other: a result counts as official once both give it.

What the primary source calls official goes to the ledger as provisional until the last official word of the league's
confirming source says the same of the same game: the same league and teams, and a start at most twelve hours away.
Until then an operator decides, or the deadline lets the provisional result stand. What was official once stays so
until both agree on something else.

Whatever comes, from either source and in any order, is kept first; then the two last words are held against each
other as they stand. So a crash, or two messages at the same moment, lose no confirmation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from feeds.flags import Flags
from feeds.listings import Listing, Listings
from feeds.messages import GameMessage, Message, StatusMessage
from feeds.words import Said, SecondListing, Telling, Words, subject_of, tells_an_end
from ledger import settling
from ledger.facts import Fact
from ledger.ledger import Ledger
from ledger.settlement import ConflictingResult

STARTS_APART: Final = timedelta(hours=12)


class Confirming:
    """Holds the words of two sources against each other; `sources` names the confirming one of a league."""

    def __init__(
        self,
        ledger: Ledger,
        listings: Listings,
        *,
        sources: Mapping[str, str],
        flags: Flags,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._listings = listings
        self._sources = sources
        self._flags = flags
        self._clock = clock
        self._words = Words(ledger.datastore)
        self._names = frozenset(sources.values())

    def waits_in(self, league: str) -> bool:
        """Say whether results of a league wait for a second source."""
        return league in self._sources

    def is_by_confirmer(self, source: str, league: str) -> bool:
        """Say whether a source confirms results of a league, so that nothing else of what it says counts."""
        return self._sources.get(league) == source

    def may_confirm(self, source: str) -> bool:
        """Say whether a source confirms results of any league."""
        return source in self._names

    def say(self, listing: Listing, message: Telling) -> list[Fact]:
        """Take what the primary source says of how a game ended; raises ConflictingResult."""
        if self._words.keep(str(listing.game_id), message) is None:
            return []
        return self._compare(listing, message)

    def confirm(self, message: Message) -> list[Fact]:
        """Take a message of the confirming source: its games and how they ended; raises ConflictingResult."""
        if isinstance(message, GameMessage):
            self._words.list_game(message)
        elif isinstance(message, StatusMessage) and message.starts_at is not None:
            self._words.move_game(message.source, message.game_id, starts_at=message.starts_at)
        elif not tells_an_end(message) or self._hear(message) is None:
            return []
        game = self._words.game(message.source, message.game_id)
        if game is None:
            return []
        near = [each for each in self._of_teams(game) if _apart(each, game) <= STARTS_APART]
        return [fact for listing in near for fact in self._compare(listing, message)]

    def _hear(self, message: Telling) -> Said | None:
        game = self._words.game(message.source, message.game_id)
        starts_at = None if game is None else game.starts_at
        return self._words.keep(subject_of(message.source, message.game_id), message, starts_at=starts_at)

    def _compare(self, listing: Listing, message: Message) -> list[Fact]:
        """Give the ledger the primary source's last word, as certain as the two make it together."""
        said = self._words.word(str(listing.game_id))
        if said is None:
            return []
        second = self._second_word(listing)
        if second is None or not said.is_official:
            return self._give(listing, said, "provisional", message)
        if not said.agrees(second):
            self._flag(listing, said, second)
            return self._give(listing, said, "provisional", message)
        self._flags.clear(listing.game_id, "sources_disagree", note="the sources agree", at=self._clock())
        return self._give(listing, said, "official", message)

    def _second_word(self, listing: Listing) -> Said | None:
        """Return the last official word of the confirming source on the same game."""
        game = self._pair(listing)
        word = self._words.word(game.subject) if game is not None else None
        if game is None or word is None or not word.is_official:
            return None
        # Ids return: a result from before the start is one of an earlier game.
        return word if word.status != "final" or word.said_at >= game.starts_at else None

    def _pair(self, listing: Listing) -> SecondListing | None:
        """Return the same game as the confirming source lists it: each is the nearest one to the other."""
        source = self._sources[listing.league]
        games = self._words.games_of_teams(source, listing.league, listing.home, listing.away)
        nearest = min(games, key=lambda each: (_apart(listing, each), each.starts_at, each.game_id), default=None)
        if nearest is None or _apart(listing, nearest) > STARTS_APART:
            return None
        back = min(
            self._of_teams(nearest),
            key=lambda each: (_apart(each, nearest), each.starts_at, each.game_id),
            default=None,
        )
        return nearest if back is not None and back.game_id == listing.game_id else None

    def _of_teams(self, game: SecondListing) -> list[Listing]:
        return self._listings.of_teams(game.league, game.home, game.away)

    def _flag(self, listing: Listing, said: Said, second: Said) -> None:
        now, cause = self._clock(), f"{said.revision} {said.status}/{second.revision} {second.status}"
        self._flags.clear(listing.game_id, "sources_disagree", note="they said something else", at=now, but_for=cause)
        self._flags.raise_flag(
            "sources_disagree",
            cause=cause,
            source=said.source,
            week=listing.week,
            game_id=listing.game_id,
            detail=f"{said}, {second}",
            at=now,
            again=True,
        )

    def _give(self, listing: Listing, said: Said, certainty: str, message: Message) -> list[Fact]:
        word = said.word(listing.game_id, certainty=certainty)
        actor = f"feed:{said.source}"
        given = settling.record_result(self._ledger, week=listing.week, word=word, actor=actor, request=message.msg_id)
        try:
            return given.result()
        except ConflictingResult as error:
            if certainty == "official":
                raise
            # Before, it was given another provisional result at this revision: that stands until this one is confirmed.
            self._flags.raise_flag(
                "conflicting_result",
                cause=f"withheld/{said.revision}",
                source=said.source,
                week=listing.week,
                game_id=listing.game_id,
                detail=str(error),
                at=self._clock(),
            )
            return []


def _apart(listing: Listing, game: SecondListing) -> timedelta:
    return abs(listing.starts_at - game.starts_at)
