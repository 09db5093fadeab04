"""The feed's tables in memory: latest messages, dead letters, and the locks of games."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from feeds.inbox import Inbox
from feeds.messages import Message
from tests.simulation.chaos import Chaos
from tests.simulation.scheduler import Signal


class Kept(NamedTuple):
    """The latest message of a game and topic."""

    at: datetime
    body: bytes
    waits_for: str | None


@dataclass
class FeedTables:
    """What outlives every process: messages by source, game and topic, and dead letters by id of message.

    `unlocked` tells who waits for a game that another has let go of one.
    """

    unlocked: Signal
    messages: dict[tuple[str, str, str], Kept] = field(default_factory=dict)
    letters: dict[str, dict[str, Any]] = field(default_factory=dict)
    locked: set[tuple[str, str]] = field(default_factory=set)


class MemoryInbox(Inbox):
    """Does what the statements of `inbox.sql` of the same names do."""

    def __init__(self, tables: FeedTables, chaos: Chaos) -> None:
        self._tables = tables
        self._chaos = chaos

    @contextmanager
    def alone_with(self, message: Message, *, body: bytes) -> Iterator[bool]:
        """Keep a game to oneself."""
        game = (message.source, message.game_id)
        self._chaos.wait(lambda: game not in self._tables.locked, self._tables.unlocked)
        self._tables.locked.add(game)
        try:
            yield self.is_outdated(message, body=body)
        finally:
            self._tables.locked.discard(game)
            self._tables.unlocked.notify()

    def _run(self, query: str, **parameters: Any) -> list[Any]:
        self._chaos.step()
        rows: list[Any] = getattr(self, f"_{query}")(**parameters)
        return rows

    def _of_game(self, source: str, game_id: str) -> dict[str, Kept]:
        return {key[2]: kept for key, kept in self._tables.messages.items() if key[:2] == (source, game_id)}

    def _is_outdated(
        self, *, source: str, game_id: str, topic: str, rivals: list[str], at: datetime, body: bytes
    ) -> list[tuple[bool]]:
        kept = self._of_game(source, game_id)
        rivalled = any(kept[rival].at > at for rival in rivals if rival in kept)
        return [(rivalled or (topic in kept and (kept[topic].at, kept[topic].body) == (at, body)),)]

    def _remember(
        self, *, source: str, game_id: str, topic: str, at: datetime, body: bytes, waits_for: str | None
    ) -> list[Any]:
        before = self._tables.messages.get((source, game_id, topic))
        if before is None or before.at <= at:
            self._tables.messages[source, game_id, topic] = Kept(at, body, waits_for)
        return []

    def _forget(self, *, source: str, game_id: str, topic: str, at: datetime) -> list[Any]:
        kept = self._tables.messages.get((source, game_id, topic))
        if kept is not None and kept.at == at:
            del self._tables.messages[source, game_id, topic]
        return []

    def _announced(self, *, source: str, game_id: str) -> list[tuple[bytes, str | None]]:
        kept = self._of_game(source, game_id).get("game")
        return [] if kept is None else [(kept.body, kept.waits_for)]

    def _waiting_games(self, *, weeks: list[str]) -> list[tuple[bytes]]:
        waiting = {key[:2] for key, kept in self._tables.messages.items() if kept.waits_for in weeks}
        games = [
            (kept.at, key[1], key[0], kept.body)
            for key, kept in self._tables.messages.items()
            if key[2] == "game" and key[:2] in waiting and (kept.waits_for is None or kept.waits_for in weeks)
        ]
        return [(body,) for *_, body in sorted(games)]

    def _waiting_of_game(self, *, source: str, game_id: str) -> list[tuple[bytes]]:
        kept = self._of_game(source, game_id).items()
        waiting = [(each.at, topic, each.body) for topic, each in kept if topic != "game" and each.waits_for]
        return [(body,) for *_, body in sorted(waiting)]

    def _bury(self, *, msg_id: str, **letter: Any) -> list[Any]:
        number = len(self._tables.letters) + 1
        self._tables.letters.setdefault(msg_id, {"id": number, "resolved": None, **letter})
        return []

    def _unresolved_of_game(self, *, source: str, game_id: str) -> list[tuple[int, bytes]]:
        return [
            (letter["id"], letter["body"])
            for letter in self._tables.letters.values()
            if (letter["source"], letter["game_id"], letter["resolved"]) == (source, game_id, None)
        ]

    def _resolve(self, *, id: int, resolved: str, **_: Any) -> list[Any]:
        for letter in self._tables.letters.values():
            if letter["id"] == id and letter["resolved"] is None:
                letter["resolved"] = resolved
        return []
