"""Feed files: JSON lines in the wire format, ordered by `at`, to publish, replay or play in the demo."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from feeds.messages import Message, UnreadableMessage, instant, json_object, parse
from ledger.mendable import Mendable

# Half of what NATS takes unless told otherwise: its limit of 1 MiB counts the headers too.
LINE_BYTES_MAX = 512 * 1024


class FeedFileError(Mendable, ValueError):
    """A feed file that cannot be used: `number` is the line, from 1, and `reason` what is wrong with it."""

    def __init__(self, path: Path, number: int, reason: str) -> None:
        super().__init__(f"{path}, line {number}: {reason}")
        self.number = number
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One line of a file: a message, or bytes that are none but have an `at`, and the `problem` in them."""

    number: int
    at: datetime
    body: bytes
    message: Message | None
    problem: str | None

    @property
    def msg_id(self) -> str:
        """The `Nats-Msg-Id`: a message's own, or the hash of what could not be read."""
        return self.message.msg_id if self.message else f"unreadable-{hashlib.sha256(self.body).hexdigest()}"


def read_lines(path: Path) -> Iterator[FeedLine]:
    """Read a feed file line by line, also lines that are no message: published, they become dead letters.

    Blank lines are skipped. Raises FeedFileError at a line that has no usable `at`, is older than the one
    before it, or is longer than NATS would take; OSError if the file cannot be read.
    """
    latest: datetime | None = None
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            body = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
            if not body:
                continue
            try:
                line = _feed_line(number, body)
            except ValueError as error:
                raise FeedFileError(path, number, str(error)) from error
            if latest and line.at < latest:
                raise FeedFileError(path, number, f"at is before that of an earlier line, {latest.isoformat()}")
            latest = line.at
            yield line


def read_feed(path: Path) -> list[Message]:
    """Read a feed file in which every line must be a message; raises FeedFileError or OSError."""
    return [_message(path, line) for line in read_lines(path)]


def _feed_line(number: int, body: bytes) -> FeedLine:
    if len(body) > LINE_BYTES_MAX:
        raise ValueError(f"it has {len(body)} bytes, more than {LINE_BYTES_MAX}")
    try:
        message = parse(body)
    except UnreadableMessage as error:
        return FeedLine(number, _at(body), body, message=None, problem=error.reason)
    return FeedLine(number, message.at, body, message, problem=None)


def _at(body: bytes) -> datetime:
    try:
        return instant(json_object(body).get("at"))
    except UnreadableMessage:
        raise
    except ValueError as error:
        raise ValueError(f"at {error}") from error


def _message(path: Path, line: FeedLine) -> Message:
    if line.message is None:
        raise FeedFileError(path, line.number, line.problem or "no message")
    return line.message
