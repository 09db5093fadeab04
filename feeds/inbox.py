"""What the feed remembers outside the ledger: the latest message per game and topic, those that wait, dead letters.

A message is outdated where a later one that speaks of the same was taken before it: that changes nothing, however
late it is delivered again. Results are ordered by the ledger, by their revision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg.rows import TupleRow

from feeds.messages import GameMessage, MarketMessage, Message, QuoteMessage, StatusMessage, parse
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries

_SAYS_WHEN: Final = ("game", "status.postponed")
_SAYS_VOID: Final = ("status.cancelled", "status.abandoned")
# A later message of any of these topics outdates one of the topic named; other topics stand alone.
_RIVALS: Final = {
    **dict.fromkeys(_SAYS_WHEN, _SAYS_WHEN),
    **dict.fromkeys(_SAYS_VOID, ("result", *_SAYS_VOID)),
    "result": _SAYS_VOID,
}


class Announced(NamedTuple):
    """How a source last listed a game; `waits_for` is the week that must open first, if that is so."""

    game: GameMessage
    waits_for: str | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be applied, and why.

    `resolved` is what became of it: applied, repeated, waiting or dropped, null as long as nothing did. `resolved_by`
    is an operator, or `feed` where its game came later; `tries` counts how often an operator had it tried again.
    """

    id: int
    msg_id: str
    subject: str
    source: str | None
    game_id: str | None
    reason: str
    body: bytes
    received_at: datetime
    tries: int = 0
    resolved: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolved_why: str | None = None

    @property
    def version(self) -> int:
        """A number that grows with whatever is done about it."""
        return 1 + self.tries + (self.resolved is not None)


class Inbox:
    """Reads and writes the feed's own tables."""

    def __init__(self, datastore: Datastore, *, patience_seconds: int = 10) -> None:
        self._datastore = datastore
        self._patience_seconds = patience_seconds
        self._sql = queries("feeds", "inbox.sql")

    @contextmanager
    def alone_with(self, message: Message, *, body: bytes) -> Iterator[bool]:
        """Keep a game of a source to oneself, among all processes, for as long as the block runs.

        Gives what `is_outdated` says then. Raises psycopg.errors.LockNotAvailable where another process keeps the game
        for longer than we have patience: the message is to be tried again, while others flow.
        """
        game = {"source": message.source, "game_id": message.game_id}
        with self._datastore.connection() as connection:
            cursor = cursor_on(connection)
            try:
                # One trip for all; as statements of their own, the last sees what was done while the lock was awaited.
                with connection.pipeline():
                    cursor.execute(self._sql["lock_patience"], {"patience": f"{self._patience_seconds}s"})
                    cursor.execute(self._sql["lock_game"], game)
                    outdated = cursor_on(connection).execute(self._sql["is_outdated"], _sameness(message, body))
                [(is_outdated,)] = outdated.fetchall()
                yield bool(is_outdated)
            finally:
                cursor.execute(self._sql["unlock_game"], game)

    @contextmanager
    def alone_with_letter(self, id_: int) -> Iterator[None]:
        """Keep a dead letter to oneself, among all processes; raises psycopg.errors.LockNotAvailable as above."""
        # No source has an empty name.
        letter = {"source": "", "game_id": f"dead-letter/{id_}"}
        with self._datastore.connection() as connection:
            cursor = cursor_on(connection)
            try:
                with connection.pipeline():
                    cursor.execute(self._sql["lock_patience"], {"patience": f"{self._patience_seconds}s"})
                    cursor.execute(self._sql["lock_game"], letter)
                yield
            finally:
                cursor.execute(self._sql["unlock_game"], letter)

    def is_outdated(self, message: Message, *, body: bytes) -> bool:
        """Say whether the message was taken before, or a later one that speaks of the same was."""
        [(outdated,)] = self._run("is_outdated", **_sameness(message, body))
        return bool(outdated)

    def remember(self, message: Message, *, body: bytes, waits_for: str | None = None) -> None:
        """Keep a message as the latest of its game and topic; `waits_for` names a week that is not open yet."""
        self._run(
            "remember",
            source=message.source,
            game_id=message.game_id,
            topic=_topic(message),
            at=message.at,
            body=body,
            waits_for=waits_for,
        )

    def forget(self, message: Message) -> None:
        """Let go of a message that waited, and was not taken after all."""
        self._run("forget", source=message.source, game_id=message.game_id, topic=_topic(message), at=message.at)

    def announced(self, message: Message) -> Announced | None:
        """Return how the message's game was last listed by its source, or None where it never was."""
        rows = self._run("announced", source=message.source, game_id=message.game_id)
        if not rows:
            return None
        body, waits_for = rows[0]
        game = parse(bytes(body))
        assert isinstance(game, GameMessage)
        return Announced(game, waits_for)

    def waiting_games(self, weeks: list[str]) -> list[bytes]:
        """Return the listing messages of games of which something waits for one of some weeks, oldest first."""
        return [bytes(body) for (body,) in self._run("waiting_games", weeks=weeks)]

    def waiting_of_game(self, game: GameMessage) -> list[bytes]:
        """Return what else waits of a game, oldest first."""
        rows = self._run("waiting_of_game", source=game.source, game_id=game.game_id)
        return [bytes(body) for (body,) in rows]

    def last_said(self, games: Sequence[tuple[str, str]]) -> dict[tuple[str, str], datetime]:
        """Return when the latest message on each of some games, by source and id, was said."""
        if not games:
            return {}
        sources, ids = zip(*games, strict=True)
        rows = self._run("last_said", sources=list(sources), games=list(ids))
        return {(source, game_id): at for source, game_id, at in rows}

    def bury(
        self, *, msg_id: str, subject: str, reason: str, body: bytes, message: Message | None, at: datetime
    ) -> None:
        """Keep a message that could not be applied."""
        self._run(
            "bury",
            msg_id=msg_id,
            subject=subject,
            source=message and message.source,
            game_id=message and message.game_id,
            reason=reason,
            body=body,
            received_at=at,
        )

    def unresolved_of_game(self, game: GameMessage) -> list[tuple[int, bytes]]:
        """Return id and body of the dead letters of a game, oldest first."""
        rows = self._run("unresolved_of_game", source=game.source, game_id=game.game_id)
        return [(id_, bytes(body)) for id_, body in rows]

    def resolve(self, id_: int, resolved: str, *, by: str, why: str, at: datetime) -> None:
        """Note what became of a dead letter, because of whom and why."""
        self._run("resolve", id=id_, resolved=resolved, by=by, why=why, at=at)

    def tried(self, id_: int, *, reason: str | None) -> None:
        """Count that a dead letter was tried again; `reason` says why it still is one."""
        self._run("tried", id=id_, reason=reason)

    def dead_letter(self, id_: int) -> DeadLetter | None:
        """Return a dead letter, also one that something became of."""
        return next((DeadLetter(*row) for row in self._run("dead_letter", id=id_)), None)

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters that nothing became of yet, oldest first."""
        return [DeadLetter(*row) for row in self._run("dead_letters")]

    def dead_letters_page(
        self, *, with_resolved: bool, place: int | None = None, is_back: bool = False, limit: int = 50
    ) -> list[DeadLetter]:
        """Return dead letters, newest first, from behind the one with id `place` on; `is_back`: those before it."""
        page = {"with_resolved": with_resolved, "place": place, "is_back": is_back, "limit": limit}
        return [DeadLetter(*row) for row in self._run("dead_letters_page", **page)]

    def _run(self, query: str, **parameters: Any) -> list[TupleRow]:
        with self._datastore.connection() as connection:
            cursor = cursor_on(connection).execute(self._sql[query], parameters)
            return cursor.fetchall() if cursor.description else []


def _sameness(message: Message, body: bytes) -> dict[str, Any]:
    topic = _topic(message)
    return {
        "source": message.source,
        "game_id": message.game_id,
        "topic": topic,
        "rivals": list(_RIVALS.get(topic, (topic,))),
        "at": message.at,
        "body": body,
    }


def _topic(message: Message) -> str:
    """Return what the message is the latest of, beside its game."""
    if isinstance(message, QuoteMessage | MarketMessage):
        return f"{message.type}.{message.market}"
    return f"status.{message.status}" if isinstance(message, StatusMessage) else message.type
