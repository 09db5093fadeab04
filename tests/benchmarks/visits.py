"""Players who visit a service one after another, each on its own behalf: `python -m tests.benchmarks.visits`.

A visit is a bet; some look at their balance and at their bets as well. Many visits are under way at once.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.benchmarks.load import ROOT

_AT_ONCE: Final = 16
_LENGTH: Final = b"content-length:"
_LOOKS: Final = (b"/api/me", b"/api/bets")


class Refused(Exception):
    """A server answered otherwise than with success."""


def visit(port: int, *, tokens: Sequence[str], bet: dict[str, Any], key: str, reads: int) -> None:
    """Let each player place a bet under a key, and every so manieth read; raises Refused.

    It runs in a process of its own.
    """
    order = json.dumps({"port": port, "tokens": list(tokens), "bet": bet, "key": key, "reads": reads})
    command = [sys.executable, "-m", "tests.benchmarks.visits"]
    done = subprocess.run(command, cwd=ROOT, input=order, text=True, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Refused(done.stderr.strip().rpartition("\n")[2])


async def _visits(port: int, tokens: Sequence[str], bet: dict[str, Any], key: str, reads: int) -> None:
    waiting = enumerate(tokens)
    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(_visitors(port, waiting, json.dumps(bet).encode(), key.encode(), reads))


async def _visitors(port: int, waiting: Iterator[tuple[int, str]], body: bytes, key: bytes, reads: int) -> None:
    """Let those who wait come one after another, over one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number, token in waiting:
        said = b"Host: 127.0.0.1\r\nAuthorization: Bearer %b\r\n" % token.encode()
        bet = b"Idempotency-Key: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        requests = [b"POST /api/bets HTTP/1.1\r\n" + said + bet % (key, len(body), body)]
        if number % reads == 0:
            requests += [b"GET %b HTTP/1.1\r\n%b\r\n" % (path, said) for path in _LOOKS]
        for request in requests:
            writer.write(request)
            await _answered(reader)
    writer.close()


async def _answered(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    start = head.index(_LENGTH) + len(_LENGTH)
    body = await reader.readexactly(int(head[start : head.index(b"\r", start)]))
    if head[9:10] != b"2":
        raise Refused(f"{head.decode()}{body.decode()}")


def main() -> None:
    """Carry out the order on stdin."""
    order = json.load(sys.stdin)
    asyncio.run(_visits(order["port"], order["tokens"], order["bet"], order["key"], order["reads"]))


if __name__ == "__main__":
    main()
