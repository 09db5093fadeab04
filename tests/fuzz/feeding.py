"""Malice on the feed: each message is applied, waits or is a dead letter, and nothing is stuck."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from nats.js import JetStreamContext

from feeds.jetstream import CONSUMER, STREAM, connected
from tests.fuzz.json_texts import DEEP, Raw, texts, written
from tests.fuzz.tally import Bounds, Tally

PATIENCE_SECONDS: Final = 60
_BATCH: Final = 200
_TIMES: Final = (
    *("1900-01-01T00:00:00Z", "2199-12-31T23:59:59.999999-23:59", "1899-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"),
    *("2024-11-08T01:15:00." + "9" * 500 + "Z", "2024-02-30T00:00:00Z", "2024-11-08T24:00:00Z", "2024-11-08T01:15:60Z"),
    *("2024-11-07T00:00:00+99:99", "2024-11-07", "1e9", "", "2024-11-06T17:00:00Z", "2024-11-06T16:59:59.999999Z"),
    *(
        "2024-11-11T05:00:00Z",
        "2024-11-11T04:59:59Z",
        "2024-11-04T05:00:00Z",
        "2026-11-16T05:00:00Z",
        "2024-11-13T00:00:00Z",
    ),
)
_NUMBERS: Final = (
    -1,
    0,
    1,
    99,
    100,
    -100,
    10_000,
    10_001,
    1_000_000,
    1_000_001,
    2**31,
    2**53 - 1,
    2**53,
    2**63,
    10**30,
    1.5,
)
_LINES: Final = ("0", "-0.0", "+3", "0.5", "9999.5", "-9999.5", "0.25", "1e3", "NaN", "99999", "", "٣", "-6.5 ")
_TEXTS: Final = (
    "",
    " ",
    "a" * 200,
    "a" * 201,
    "é" * 101,
    "\u2028",
    "\ud800",
    "\0",
    "a.b.c",
    "*",
    ">",
    "clock",
    "operator",
    "🏈" * 50,
)
_CHOICES: Final[Mapping[str, Sequence[object]]] = {
    **dict.fromkeys(("at", "starts_at", "started_at"), _TIMES),
    **dict.fromkeys(("revision", "home_score", "away_score", "v"), _NUMBERS),
    **dict.fromkeys(("source", "game_id", "league", "home", "away", "why"), _TEXTS),
    "line": _LINES,
    "market": ("moneyline", "spread", "total", "prop", ""),
    "status": ("in_progress", "suspended", "postponed", "cancelled", "abandoned", "open", "final"),
    "certainty": ("official", "provisional", "certain"),
    "type": ("game", "quote", "market", "status", "result", "prop", ""),
}
_SUBJECTS: Final = (
    *(b"sports.x", b"sports.NFL.a.game", b"sports.*", b"sports.>", b"sports..a", b"sports.\0", b"sports.\xff\xfe.a"),
    *(b"sports." + b"a." * 500 + b"b", b"sports." + b"y" * 3_000, "sports.é🏈".encode(), b"sports.$JS.ACK.a"),
)
_HEADERS: Final = (
    *(b"XX", b"NATS/1.0", b"NATS/1.0\r\n\r\n", b"NATS/1.0 503\r\n\r\n", b"NATS/1.0 404 No Messages\r\n\r\n"),
    *(b"NATS/1.0 409 Consumer Deleted\r\n\r\n", b"NATS/1.0 408 Request Timeout\r\n\r\n", b"NATS/1.0 100 Idle\r\n\r\n"),
    *(
        b"NATS/1.0\r\n\xff: \xfe\r\n\r\n",
        b"NATS/1.0\r\nno colon\r\n\r\n",
        b"NATS/1.0\r\nStatus: 503\r\n\r\n",
        b"\r\n\r\n",
    ),
    *(b"NATS/1.0\r\n" + b"a: b\r\n" * 500 + b"\r\n", b"NATS/1.0\r\nNats-Consumer-Stalled: x\r\n\r\n", b"\0" * 50),
)


class Published(NamedTuple):
    """A message as it goes to NATS; without `headers` it has none."""

    subject: bytes
    body: bytes
    headers: bytes | None = None


def message(random: Random, known: Sequence[Mapping[str, Any]]) -> bytes:
    """Make a message of one of some that a feed has said: changed in what it says, or in how it is written."""
    said = dict(random.choice(known))
    if random.random() < 0.3:
        said["game_id"] = random.choice(known)["game_id"]
    if random.random() < 0.2:
        return texts(random, said)
    for name in random.sample(sorted(said), k=random.choice((0, 1, 1, 2))):
        said[name] = random.choice(_CHOICES.get(name, _NUMBERS))
    if isinstance(said.get("prices"), dict):
        prices = {outcome: random.choice((*_NUMBERS, -110, 150)) for outcome in said["prices"]}
        said["prices"] = prices if random.random() < 0.3 else said["prices"]
    if random.random() < 0.1:
        said["unknown"] = Raw(random.choice(("1", "[" * DEEP, '"' + "a" * 70_000 + '"', '{"v":1}')))
    return written(random, said).encode("utf-8", "surrogatepass")


def published(random: Random, known: Sequence[Mapping[str, Any]]) -> Published:
    """Make what is published."""
    subject = random.choice(_SUBJECTS) if random.random() < 0.3 else b"sports.NFL.fuzz.quote"
    headers = random.choice(_HEADERS) if random.random() < 0.2 else None
    return Published(subject, message(random, known), headers)


def frame(sent: Published) -> bytes:
    """Return a message as NATS takes it: what clients would not send, too."""
    if sent.headers is None:
        return b"PUB %s %d\r\n%s\r\n" % (sent.subject, len(sent.body), sent.body)
    size = len(sent.headers)
    return b"HPUB %s %d %d\r\n%s%s\r\n" % (sent.subject, size, size + len(sent.body), sent.headers, sent.body)


async def attack(nats_url: str, known: Sequence[Mapping[str, Any]], tally: Tally, bounds: Bounds) -> None:
    """Publish in batches for as long as there is time; after each, the consumer must come to the end of the stream."""
    batch: list[Published] = []
    async with connected(nats_url) as client:
        context = client.jetstream()
        for number in bounds.numbers():
            batch.append(published(Random(f"{bounds.seed}/{number}"), known))
            tally.cases += 1
            if len(batch) == _BATCH:
                await asyncio.to_thread(publish, nats_url, batch)
                batch.clear()
                if not await _is_taken(context):
                    tally.complain(f"after case {number} the consumer is stuck: {await _stands(context)}")
                    return
        await asyncio.to_thread(publish, nats_url, batch)
        if not await _is_taken(context):
            tally.complain(f"the consumer does not come to the end: {await _stands(context)}")


def publish(nats_url: str, batch: Sequence[Published]) -> None:
    """Publish messages over a connection of our own, and wait until the server has them."""
    url = urlsplit(nats_url)
    who = {"user": url.username, "pass": url.password} if url.password else {"auth_token": url.username}
    with closing(socket.create_connection((str(url.hostname), url.port or 4222), timeout=30)) as connection:
        hello = {"verbose": False, "pedantic": False, "headers": True, "lang": "fuzz", "version": "1", "protocol": 1}
        connection.sendall(b"CONNECT %s\r\n" % json.dumps(hello | who).encode())
        connection.sendall(b"".join(map(frame, batch)) + b"PING\r\n")
        said = b""
        while b"PONG\r\n" not in said:
            part = connection.recv(65_536)
            if not part:
                raise ConnectionError(f"NATS ended the connection: {said[-300:]!r}")
            said += part


async def _is_taken(context: JetStreamContext) -> bool:
    for _ in range(PATIENCE_SECONDS * 10):
        info = await context.consumer_info(STREAM, CONSUMER)
        if not info.num_pending and not info.num_ack_pending:
            return True
        await asyncio.sleep(0.1)
    return False


async def _stands(context: JetStreamContext) -> str:
    info = await context.consumer_info(STREAM, CONSUMER)
    return f"{info.num_pending} pending, {info.num_ack_pending} not acknowledged, {info.num_redelivered} redelivered"
