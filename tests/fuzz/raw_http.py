"""Malice on the wire: connections to the real server, whose answers are read by another parser, h11."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from random import Random
from typing import Final, NamedTuple

import h11

from tests.fuzz.connections import EVIL, Connection, Sent, connection
from tests.fuzz.tally import Bounds, Tally

PATIENCE_SECONDS: Final = 20.0
_BEAT_SECONDS: Final = 0.02
_QUIET_SECONDS: Final = 0.2
_AT_ONCE: Final = 16
_ID: Final = re.compile(rb"\r\nx-request-id: ([^\r\n]+)", re.IGNORECASE)
_KEPT_BYTES: Final = 16 * 2**20


class Answer(NamedTuple):
    """An answer as h11 reads it; `id` is that of the request that it answers, as the server understood it."""

    status: int
    id: bytes
    has_retry_after: bool
    closes: bool


class NoAnswer(Exception):
    """What came is no answer of HTTP."""


async def attack(host: str, port: int, good: list[Sent], tally: Tally, bounds: Bounds) -> None:
    """Open connections side by side for as long as there is time."""
    numbers = bounds.numbers()

    async def go_on() -> None:
        for number in numbers:
            made = connection(Random(f"{bounds.seed}/{number}"), good, number=number)
            tally.cases += 1
            for complaint in await _tried(host, port, made, tally):
                tally.complain(f"case {number}: {complaint}: {_shown(made.data)}")

    await asyncio.gather(*(go_on() for _ in range(_AT_ONCE)))


async def _tried(host: str, port: int, made: Connection, tally: Tally) -> list[str]:
    wanted, is_sound = expected(made.data)
    reader, writer = await asyncio.open_connection(host, port, limit=_KEPT_BYTES)
    sending = asyncio.create_task(_send(writer, made))
    try:
        data, end = (b"", "left") if made.breaks_off else await _read(reader, made, wanted, is_sound=is_sound)
        await asyncio.wait_for(sending, PATIENCE_SECONDS)
    except TimeoutError:
        return ["what was sent is not read"]
    finally:
        sending.cancel()
        writer.transport.abort()
    if made.breaks_off:
        tally.answered["left"] += 1
        return []
    try:
        answers = answers_in(data, made)
    except NoAnswer as error:
        # What is on its way when a connection is closed in the middle of a request may be lost; of mangled requests
        # nobody knows which asked for no body.
        return [] if end == "reset" or made.is_mangled else [str(error)]
    for answer in answers:
        tally.status(answer.status)
    tally.answered["closed"] += end == "closed"
    return list(_complaints(made, answers, end, wanted=wanted, is_sound=is_sound))


def _complaints(made: Connection, answers: list[Answer], end: str, *, wanted: int, is_sound: bool) -> list[str]:
    found = [f"answered {answer.status}" for answer in answers if answer.status >= 500 and not _is_asked_again(answer)]
    ids = [answer.id for answer in answers if answer.id.startswith(b"fuzz-")]
    if any(answer.id == EVIL for answer in answers):
        found.append("a body was answered as a request")
    if not made.is_mangled and (ids != sorted(set(ids)) or len(answers) > len(made.requests)):
        found.append(f"{len(made.requests)} requests have {len(answers)} answers")
    if len(answers) < wanted and end == "silent":
        found.append(f"{wanted} requests came, {len(answers)} answers, and then silence")
    is_owed = is_sound and len(answers) < wanted and not (answers and (answers[-1].closes or answers[-1].status >= 400))
    if is_owed and end == "closed":
        found.append(f"{wanted} requests came, {len(answers)} answers, and then the end")
    return found


def _is_asked_again(answer: Answer) -> bool:
    return answer.status == 503 and answer.has_retry_after


def expected(data: bytes) -> tuple[int, bool]:
    """Return how many requests h11 sees in what is sent, and whether it finds nothing wrong with it."""
    server, count = h11.Connection(h11.SERVER, max_incomplete_event_size=2**20), 0
    server.receive_data(data)
    try:
        while isinstance(event := server.next_event(), h11.Request | h11.Data | h11.EndOfMessage):
            if isinstance(event, h11.Request) and event.method == b"CONNECT":
                return count, False
            if isinstance(event, h11.EndOfMessage):
                count += 1
                server.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
                server.send(h11.EndOfMessage())
                if server.our_state is h11.MUST_CLOSE:
                    return count, True
                server.start_next_cycle()
    except h11.RemoteProtocolError:
        return count, False
    return count, event is h11.NEED_DATA


def answers_in(data: bytes, made: Connection) -> list[Answer]:
    """Read answers; raises NoAnswer. The last may not be whole: its request may have been cut short."""
    answers: list[Answer] = []
    heads = {sent.id for sent in made.requests if sent.method == b"HEAD"}
    while data:
        found = _ID.search(data[: data.find(b"\r\n\r\n") + 4])
        id = found[1] if found is not None else b""
        client = h11.Connection(h11.CLIENT, max_incomplete_event_size=_KEPT_BYTES)
        client.send(h11.Request(method="HEAD" if id in heads else "GET", target="/", headers=[("Host", "x")]))
        client.send(h11.EndOfMessage())
        client.receive_data(data)
        try:
            response = _response(client)
        except h11.RemoteProtocolError as error:
            raise NoAnswer(f"no answer of HTTP ({error}): {data[:200]!r}") from error
        if response is None:
            raise NoAnswer(f"an answer is not whole: {data[:200]!r}")
        names = dict(response.headers)
        closes = names.get(b"connection", b"").lower() == b"close"
        answers.append(Answer(response.status_code, id, b"retry-after" in names, closes))
        data = client.trailing_data[0]
    return answers


def _response(client: h11.Connection) -> h11.Response | None:
    response = None
    while (event := client.next_event()) is not h11.NEED_DATA:
        if isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.EndOfMessage):
            return response
    return None


async def _send(writer: asyncio.StreamWriter, made: Connection) -> None:
    with suppress(ConnectionError):
        for begin, end in zip([0, *made.cuts], [*made.cuts, len(made.data)], strict=True):
            writer.write(made.data[begin:end])
            await writer.drain()
            if made.cuts:
                await asyncio.sleep(0.002)


async def _read(reader: asyncio.StreamReader, made: Connection, wanted: int, *, is_sound: bool) -> tuple[bytes, str]:
    """Read until it is closed, or silent after all answers have come; returns what came, and which of these it was."""
    data, quiet = b"", _BEAT_SECONDS if is_sound else _QUIET_SECONDS
    while True:
        is_owed = len(_ID.findall(data)) < wanted
        try:
            part = await asyncio.wait_for(reader.read(2**16), PATIENCE_SECONDS if is_owed else quiet)
        except TimeoutError:
            if is_owed or quiet == PATIENCE_SECONDS or _is_whole(data, made):
                return data, "silent"
            # The rest of an answer is on its way.
            quiet = PATIENCE_SECONDS
            continue
        except ConnectionError:
            return data, "reset"
        if not part:
            return data, "closed"
        data += part


def _is_whole(data: bytes, made: Connection) -> bool:
    try:
        answers_in(data, made)
    except NoAnswer:
        return made.is_mangled
    return True


def _shown(data: bytes) -> str:
    return f"{data[:300]!r}" + (f" … {len(data)} bytes" if len(data) > 300 else "")
