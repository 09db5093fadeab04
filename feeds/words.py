"""The last word of each of two sources on a game, and the games that the second one lists, kept in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeGuard
from uuid import UUID

from psycopg.rows import TupleRow

from feeds.messages import GameMessage, ResultMessage, StatusMessage
from ledger.datastore import Datastore, cursor_on
from ledger.settlement import ConflictingResult, Word
from ledger.sql import queries

_VOID: Final = ("cancelled", "abandoned")
Telling = ResultMessage | StatusMessage


class SecondListing(NamedTuple):
    """A game as a confirming source lists it, under its own id."""

    source: str
    game_id: str
    league: str
    home: str
    away: str
    starts_at: datetime

    @property
    def subject(self) -> str:
        """What its words are kept under."""
        return subject_of(self.source, self.game_id)


@dataclass(frozen=True, slots=True)
class Said:
    """What a source said of how a game ended: `status` is final, with scores, or cancelled or abandoned."""

    source: str
    revision: int
    certainty: str
    status: str
    home_score: int | None
    away_score: int | None
    regulation: tuple[int, int] | None
    said_at: datetime

    @property
    def is_official(self) -> bool:
        """Whether the source takes it for the last word."""
        return self.certainty == "official"

    @property
    def order(self) -> tuple[int, bool, bool]:
        """What is later has a higher one: by revision, a status behind the result, official behind provisional."""
        return (self.revision, self.status != "final", self.is_official)

    @property
    def content(self) -> tuple[object, ...]:
        """What it comes to."""
        return (self.status, self.home_score, self.away_score, self.regulation)

    def agrees(self, other: Said) -> bool:
        """Whether another source says the same; the score in regulation time counts where both give it."""
        is_told_alike = self.regulation == other.regulation or None in (self.regulation, other.regulation)
        return self.content[:3] == other.content[:3] and is_told_alike

    def word(self, game_id: UUID, *, certainty: str) -> Word:
        """Return it as the ledger takes it, as certain as is said here."""
        return Word(
            game_id=game_id,
            source=self.source,
            status=self.status,
            certainty=certainty,
            revision=self.revision,
            home_score=self.home_score,
            away_score=self.away_score,
            regulation=self.regulation,
        )

    def __str__(self) -> str:
        """Return it for people."""
        score = f"{self.home_score}:{self.away_score}" if self.status == "final" else self.status
        return f"{self.source} says {score} (revision {self.revision})"


def subject_of(source: str, game_id: str) -> str:
    """Return what the words of a confirming source are kept under."""
    return f"{source}/{game_id}"


def tells_an_end(message: object) -> TypeGuard[Telling]:
    """Say whether a message says how a game ended."""
    return isinstance(message, ResultMessage) or (isinstance(message, StatusMessage) and message.status in _VOID)


class Words:
    """Reads and writes them."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds", "words.sql")

    def keep(self, subject: str, message: Telling, *, starts_at: datetime | None = None) -> Said | None:
        """Keep what a source says now, and return it; None where it said something later before.

        What it said last is returned again, as nobody knows what became of it. A status speaks at the source's latest
        revision, and after its result. What it said before the game `starts_at` outdates nothing that it says after
        that: ids return. Raises ConflictingResult where one revision has two contents.
        """
        known = self.word(subject)
        if known is not None and starts_at is not None and known.said_at < starts_at <= message.at:
            known = None
        said = _said(message, 0 if known is None else known.revision)
        if known is not None and said.order <= known.order:
            if said.order == known.order and said.content != known.content:
                raise ConflictingResult(f"{known}, and at the same revision {said}: neither can be trusted")
            return said if said.order == known.order else None
        self._keep_word(subject, said)
        return said

    def word(self, subject: str) -> Said | None:
        """Return the last word on a subject."""
        rows = self._run("word", subject=subject)
        if not rows:
            return None
        source, revision, certainty, status, home, away, regulation_home, regulation_away, said_at = rows[0]
        regulation = None if regulation_home is None else (regulation_home, regulation_away)
        return Said(source, revision, certainty, status, home, away, regulation, said_at)

    def list_game(self, game: GameMessage) -> SecondListing:
        """Keep how a confirming source lists a game."""
        listed = SecondListing(game.source, game.game_id, game.league, game.home, game.away, game.starts_at)
        self._run("list_game", **listed._asdict())
        return listed

    def move_game(self, source: str, game_id: str, *, starts_at: datetime) -> None:
        """Give a game of a confirming source another start."""
        self._run("move_game", source=source, game_id=game_id, starts_at=starts_at)

    def game(self, source: str, game_id: str) -> SecondListing | None:
        """Return a game as a confirming source lists it."""
        return next((SecondListing(*row) for row in self._run("game", source=source, game_id=game_id)), None)

    def games_of_teams(self, source: str, league: str, home: str, away: str) -> list[SecondListing]:
        """Return what a confirming source lists of two teams, in order of start."""
        rows = self._run("games_of_teams", source=source, league=league, home=home, away=away)
        return [SecondListing(*row) for row in rows]

    def _keep_word(self, subject: str, said: Said) -> None:
        home, away = said.regulation or (None, None)
        self._run(
            "keep_word",
            subject=subject,
            source=said.source,
            revision=said.revision,
            certainty=said.certainty,
            status=said.status,
            home_score=said.home_score,
            away_score=said.away_score,
            regulation_home=home,
            regulation_away=away,
            said_at=said.said_at,
        )

    def _run(self, query: str, **parameters: Any) -> list[TupleRow]:
        with self._datastore.connection() as connection:
            cursor = cursor_on(connection).execute(self._sql[query], parameters)
            return cursor.fetchall() if cursor.description else []


def _said(message: Telling, known_revision: int) -> Said:
    if isinstance(message, StatusMessage):
        return Said(message.source, known_revision, "official", message.status, None, None, None, message.at)
    regulation = message.regulation
    return Said(
        source=message.source,
        revision=message.revision,
        certainty=message.certainty,
        status="final",
        home_score=message.home_score,
        away_score=message.away_score,
        regulation=None if regulation is None else (regulation.home, regulation.away),
        said_at=message.at,
    )
