"""What the feed remembers outside the ledger: the latest message per game and topic, those that wait, dead letters.

The ledger judges by itself which quotes and results are new. The order of the other messages is kept here: one
that is older than the latest taken of its game and topic changes nothing, however late it is delivered again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import TupleRow

from feeds.messages import MarketMessage, Message, QuoteMessage
from ledger.datastore import Datastore, cursor_on
from ledger.sql import queries


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
        """Say whether the message was taken before, or a newer one of its game and topic was."""
        rows = self._run("latest", source=message.source, game_id=message.game_id, topic=_topic(message))
        return bool(rows) and (message.at < rows[0][0] or (message.at == rows[0][0] and body == bytes(rows[0][1])))

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

    def waiting_weeks(self) -> list[str]:
        """Return the weeks that messages wait for."""
        return [week for (week,) in self._run("waiting_weeks")]

    def waiting_for(self, week: str) -> list[bytes]:
        """Return the messages that wait for a week, in the order in which to apply them."""
        return [bytes(body) for (body,) in self._run("waiting_for", week=week)]

    def waits_for(self, message: Message) -> str | None:
        """Return the week that the message's game waits for, or None."""
        rows = self._run("waits_for", source=message.source, game_id=message.game_id)
        return rows[0][0] if rows else None

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

    def unresolved_of_game(self, message: Message) -> list[tuple[int, bytes]]:
        """Return id and body of the dead letters of the message's game, oldest first."""
        rows = self._run("unresolved_of_game", source=message.source, game_id=message.game_id)
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
    return f"{message.type}.{message.market}" if isinstance(message, QuoteMessage | MarketMessage) else message.type
