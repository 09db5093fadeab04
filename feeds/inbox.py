"""What the feed remembers outside the ledger: the latest message per game and topic, those that wait, dead letters.

A message is outdated where a later one that speaks of the same was taken before it: that changes nothing, however
late it is delivered again. Results are ordered by the ledger, by their revision.
"""

from __future__ import annotations

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
    """A message that could not be applied, and why."""

    id: int
    msg_id: str
    subject: str
    source: str | None
    game_id: str | None
    reason: str
    body: bytes
    received_at: datetime


class Inbox:
    """Reads and writes the feed's own tables."""

    def __init__(self, datastore: Datastore) -> None:
        self._datastore = datastore
        self._sql = queries("feeds", "inbox.sql")

    def is_outdated(self, message: Message, *, body: bytes) -> bool:
        """Say whether the message was taken before, or a later one that speaks of the same was."""
        topic = _topic(message)
        [(outdated,)] = self._run(
            "is_outdated",
            source=message.source,
            game_id=message.game_id,
            topic=topic,
            rivals=list(_RIVALS.get(topic, (topic,))),
            at=message.at,
            body=body,
        )
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
        """Return the listing messages that wait for one of some weeks, oldest first."""
        return [bytes(body) for (body,) in self._run("waiting_games", weeks=weeks)]

    def waiting_of_game(self, game: GameMessage) -> list[bytes]:
        """Return what else waits of a game, oldest first."""
        rows = self._run("waiting_of_game", source=game.source, game_id=game.game_id)
        return [bytes(body) for (body,) in rows]

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

    def resolve(self, id_: int, resolved: str) -> None:
        """Note what became of a dead letter."""
        self._run("resolve", id=id_, resolved=resolved)

    def dead_letters(self) -> list[DeadLetter]:
        """Return the dead letters that nothing became of yet, oldest first."""
        return [DeadLetter(*row) for row in self._run("dead_letters")]

    def _run(self, query: str, **parameters: Any) -> list[TupleRow]:
        with self._datastore.connection() as connection:
            cursor = cursor_on(connection).execute(self._sql[query], parameters)
            return cursor.fetchall() if cursor.description else []


def _topic(message: Message) -> str:
    """Return what the message is the latest of, beside its game."""
    if isinstance(message, QuoteMessage | MarketMessage):
        return f"{message.type}.{message.market}"
    return f"status.{message.status}" if isinstance(message, StatusMessage) else message.type
