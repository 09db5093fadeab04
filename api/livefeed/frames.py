"""Events on the wire, and the ids by which a client says where it was."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from fastapi.sse import format_sse_event

from ledger.ids import position_token

_ID: Final = re.compile(r"([\w.-]{1,40}):(0|[1-9]\d{0,17})(?:\.([1-9]))?", re.ASCII)


class Message(NamedTuple):
    """An event before it has an id: `data` is JSON on one line."""

    name: str
    data: str


class EventId(NamedTuple):
    """How far a client has come: all of a log up to `position`; with `part`, only that many events of `position`.

    Its text is the token of the position, as long as it is not about a part of its events: `2026-W47:5123.1`.
    """

    log: str
    position: int
    part: int = 0

    @property
    def whole(self) -> int:
        """The position up to and with which the client knows everything."""
        return self.position - 1 if self.part else self.position

    def __str__(self) -> str:
        """Return the id on the wire."""
        token = position_token(self.log, self.position)
        return f"{token}.{self.part}" if self.part else token

    @classmethod
    def read(cls, text: str) -> EventId | None:
        """Read an id; None where it is none of ours."""
        found = _ID.fullmatch(text)
        return cls(found[1], int(found[2]), int(found[3] or 0)) if found is not None else None


def framed(messages: Sequence[Message], at: EventId) -> Iterator[bytes]:
    """Yield the events of a position as bytes, without those that are known. The last one's id is the token."""
    for number, message in enumerate(messages, start=1):
        if number > at.part:
            yield frame(message, at._replace(part=number if number < len(messages) else 0))


def frame(message: Message, event_id: EventId) -> bytes:
    """Return an event as bytes."""
    return format_sse_event(event=message.name, data_str=message.data, id=str(event_id))


def pulse(event_id: EventId, *, retry: int | None = None) -> bytes:
    """Return bytes without an event that keep a connection open and tell the client how far it has come.

    `retry` is how many milliseconds a client waits before it comes back.
    """
    return format_sse_event(comment="live", id=str(event_id), retry=retry)
