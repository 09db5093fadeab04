"""An outlet: what the database holds in order goes out on a JetStream stream, each message once and in that order.

Nothing is kept beside the stream: where to go on is read from the last message of each log. A page goes out as one
atomic batch (NATS ADR-50) that names the message which it must follow. So it is stored whole behind the page before it,
or not at all, whoever else publishes and whatever breaks.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from nats.aio.client import Client
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg, StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, NotFoundError
from nats.nuid import NUID

from feeds.jetstream import heed_cancellation
from ledger.datastore import OUTAGES
from ledger.ids import position_token
from ledger.recorder import LogArchived

TOO_LARGE: Final = "Fairpool-Too-Large"
"""The header of a message whose body the server does not take: the size of that body in bytes. It goes out without."""
POLL_SECONDS: Final = 0.25
PAUSE_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 10.0

# A server takes no more in one atomic batch.
_PAGE: Final = 1_000
# The server counts the headers in when it measures a message, and the client does not.
_ROOM_FOR_HEADERS: Final = 4_096
# Wrong last sequence, and: an id of the batch was published already. The server looks for either first.
_LOST_RACE: Final = (10071, 10201)
_log = logging.getLogger(__name__)


class StreamUnfit(Exception):
    """The stream takes no atomic batches: the server is older than NATS 2.12, or the stream was made otherwise."""


class StreamDiverged(Exception):
    """The stream holds what the database does not, as after a restore from a backup that lacks the newest events."""


class Message(NamedTuple):
    """What is published: `number` grows along a log, and `<log>:<number>` is the message's id."""

    number: int
    subject: str
    body: bytes


class Source(Protocol):
    """Where the messages of a stream come from: a series for each log."""

    stream: str
    subjects: str

    def subject_filter(self, log: str) -> str:
        """Return the filter that matches the subjects of a log, and of no other."""

    def ends(self) -> dict[str, int]:
        """Return the number of the last message of each log that has one."""

    def page(self, log: str, *, after: int, limit: int) -> list[Message]:
        """Return the next messages of a log, in order."""


@dataclass(frozen=True, slots=True)
class _End:
    """The last message of a log in the stream: its sequence there and its number, 0 and 0 if there is none."""

    sequence: int = 0
    number: int = 0


class Outlet:
    """Publishes one source into its stream. Any number of outlets, in any processes, may publish the same one.

    `timeout_seconds` is how long it waits for an answer of the server; one that went away meanwhile never answers.
    """

    def __init__(self, client: Client, source: Source, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._client = client
        self._context = client.jetstream(timeout=timeout_seconds)
        self._source = source
        self._batch_ids = NUID()
        self._ends: dict[str, _End] = {}
        self._seen: object = None

    async def run(self, *, poll_seconds: float = POLL_SECONDS, pause_seconds: float = PAUSE_SECONDS) -> None:
        """Publish what comes until cancelled, over outages of both sides; ConnectionClosedError ends it as well."""
        while True:
            heed_cancellation()
            try:
                # News gather for a moment: a batch of one costs nearly as much as one of hundreds.
                if await self.step() < _PAGE:
                    await asyncio.sleep(poll_seconds)
            except ConnectionClosedError:
                raise
            except (NatsError, LogArchived, *OUTAGES) as error:
                _log.warning("stream %s waits: %s", self._source.stream, error or type(error).__name__)
                await asyncio.sleep(pause_seconds)
            except (StreamUnfit, StreamDiverged) as error:
                _log.error("%s", error)
                await asyncio.sleep(30 * pause_seconds)

    async def step(self) -> int:
        """Publish the next page of each log that has news, and return how many messages that were.

        Raises StreamUnfit, StreamDiverged, in an outage an error of nats or psycopg, and LogArchived of a week that has
        just left; the next step goes on.
        """
        await self._look_at_stream()
        published = 0
        for log, last in (await asyncio.to_thread(self._source.ends)).items():
            if log not in self._ends:
                self._ends[log] = await self._read_end(log)
            if self._ends[log].number < last:
                published += await self._publish_next(log)
        return published

    async def _look_at_stream(self) -> None:
        """Create the stream if it is missing; forget where logs end in it if it may not be as it was."""
        info = await provisioned(self._context, self._source.stream, self._source.subjects)
        # A server that comes back from a power cut may lack what it had acknowledged.
        seen = info.created, self._client.stats["reconnects"]
        if seen != self._seen:
            self._ends.clear()
            self._seen = seen

    async def _read_end(self, log: str) -> _End:
        """Read where a log ends in the stream; raises StreamDiverged if that message is not the database's."""
        try:
            last = await self._context.get_msg(self._source.stream, subject=self._source.subject_filter(log))
        except NotFoundError:
            return _End()
        token = (last.headers or {}).get("Nats-Msg-Id", "")
        number = token.removeprefix(f"{log}:")
        if not number.isdecimal() or not await self._is_ours(log, int(number), last):
            raise StreamDiverged(
                f"stream {self._source.stream} holds a message {token!r} (sequence {last.seq}) which is not the"
                " database's: delete the stream, and it is built again"
            )
        return _End(last.seq or 0, int(number))

    async def _is_ours(self, log: str, number: int, message: RawStreamMsg) -> bool:
        ours = await asyncio.to_thread(self._source.page, log, after=number - 1, limit=1)
        if not ours or ours[0].number != number:
            return False
        return TOO_LARGE in (message.headers or {}) or ours[0].body == message.data

    async def _publish_next(self, log: str) -> int:
        """Publish the next page of a log; 0 if another publisher was faster."""
        # Until the answer comes nobody knows where the log ends: whatever happens, that is read again.
        end = self._ends.pop(log)
        page = await asyncio.to_thread(self._source.page, log, after=end.number, limit=_PAGE)
        try:
            sequence = await self._publish(log, page, behind=end)
        except APIError as error:
            if error.err_code not in _LOST_RACE:
                raise
            _log.info("another publisher was faster with %s in stream %s", log, self._source.stream)
            return 0
        self._ends[log] = _End(sequence, page[-1].number)
        return len(page)

    async def _publish(self, log: str, page: list[Message], *, behind: _End) -> int:
        """Publish messages as one batch that must follow the log's last, and return the sequence of the last one."""
        batch = self._batch_ids.next().decode()
        expected = {
            "Nats-Expected-Last-Subject-Sequence": str(behind.sequence),
            "Nats-Expected-Last-Subject-Sequence-Subject": self._source.subject_filter(log),
        }
        for place, message in enumerate(page, start=1):
            body, headers = self._prepared(log, message)
            headers |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(place)}
            if place == 1:
                headers |= expected
            if place < len(page):
                await self._client.publish(message.subject, body, headers=headers)
        answer = await self._context.publish(message.subject, body, headers=headers | {"Nats-Batch-Commit": "1"})
        return answer.seq

    def _prepared(self, log: str, message: Message) -> tuple[bytes, dict[str, str]]:
        """Return the body of a message and the headers that name it."""
        token, size = position_token(log, message.number), len(message.body)
        if size <= self._client.max_payload - _ROOM_FOR_HEADERS:
            return message.body, {"Nats-Msg-Id": token}
        _log.warning("%s is too large for stream %s: its %d bytes stay out", token, self._source.stream, size)
        return b"", {"Nats-Msg-Id": token, TOO_LARGE: str(size)}


async def provisioned(context: JetStreamContext, stream: str, subjects: str) -> StreamInfo:
    """Return what the server says of a stream, which is created if it is missing; raises StreamUnfit.

    Messages stay for good: a log of which the stream has none is taken for one that was never published.
    """
    try:
        info = await context.stream_info(stream)
    except NotFoundError:
        config = StreamConfig(
            name=stream,
            subjects=[subjects],
            storage=StorageType.FILE,
            duplicate_window=120,
            allow_direct=True,
            allow_atomic=True,
            deny_delete=True,
            deny_purge=True,
        )
        info = await context.add_stream(config)
    if not info.config.allow_atomic:
        raise StreamUnfit(f"stream {stream} takes no atomic batches: it needs NATS 2.12 or newer and `allow_atomic`")
    return info
