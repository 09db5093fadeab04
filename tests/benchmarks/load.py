"""Load on `POST /api/bets` from a process of its own: a fixed number of connections, or a fixed rate of arrivals.

The machine is shared with what is measured, so this costs little: requests are put together from prepared bytes, and
one thread waits for all sockets at once. Every answer must be a 201; the ids of its bets are counted.
"""

from __future__ import annotations

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

ROOT: Final = Path(__file__).parents[2]
_ID: Final = b'"bet_id":"'
_ID_LENGTH: Final = 36
_LENGTH: Final = b"content-length: "
_ANSWER_MAX: Final = 65_536


class Refused(Exception):
    """A server answered something else than 201, or closed the connection."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a load: answers in how many seconds, with how many different bets, and latencies in milliseconds."""

    answers: int
    seconds: float
    bets: int
    p50: float
    p99: float
    longest: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class Load:
    """A process that asks servers here for bets. Each request is another player's, with a key of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def closed(self, port: int, *, connections: int, seconds: float) -> Measured:
        """Keep each connection busy: the next request follows the answer."""
        return self._run(port=port, connections=connections, seconds=seconds, rate=None)

    def open(self, port: int, *, connections: int, seconds: float, rate: float) -> Measured:
        """Let requests arrive at a rate, whatever the answers do; latency counts from when each was to be sent."""
        return self._run(port=port, connections=connections, seconds=seconds, rate=rate)

    def _run(self, **order: Any) -> Measured:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "refused" in answer:
            raise Refused(answer["refused"])
        return Measured(**answer)


@contextmanager
def load(*, tokens: Sequence[str], bets: Sequence[dict[str, Any]]) -> Iterator[Load]:
    """Run a load generator that sends these bodies with these tokens, in turn, for as long as the block runs."""
    command = [sys.executable, "-m", "tests.benchmarks.load"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"tokens": list(tokens), "bets": list(bets)}) + "\n")
        yield Load(process)
        process.stdin.close()


class _Requests:
    """An endless supply of requests, each with a key of its own."""

    def __init__(self, *, tokens: Sequence[str], bets: Sequence[dict[str, Any]]) -> None:
        self._heads = cycle([_head(token) for token in tokens])
        self._rests = cycle([_rest(json.dumps(bet).encode()) for bet in bets])
        # Whoever loads the same service later must not be answered with the bets of today.
        self._name = uuid4().hex.encode()
        self._numbers = count(1)

    def __next__(self) -> bytes:
        return b"%b%b-%d%b" % (next(self._heads), self._name, next(self._numbers), next(self._rests))


def _head(token: str) -> bytes:
    return (
        "POST /api/bets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nIdempotency-Key: "
    ).encode()


def _rest(body: bytes) -> bytes:
    return b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class _Arrivals:
    """When requests are to be sent: at once while `rate` is None, else one after another at equal distances."""

    def __init__(self, *, seconds: float, rate: float | None) -> None:
        self._began = time.perf_counter()
        self._ends = self._began + seconds
        self._rate = rate
        self._sent = 0

    def due(self, now: float) -> float | None:
        """Return when a request was to be sent that is to be sent by now; None where there is none."""
        at = now if self._rate is None else self._began + self._sent / self._rate
        if at > now or at >= self._ends:
            return None
        self._sent += 1
        return at

    def wait(self, now: float, *, is_any_idle: bool) -> float | None:
        """Return for how long nothing but answers can come; None: until one does."""
        at = self._ends if self._rate is None else self._began + self._sent / self._rate
        return max(at - now, 0) if is_any_idle and at < self._ends else None


class _Run:
    """One load on one server."""

    def __init__(self, requests: _Requests, *, port: int, connections: int) -> None:
        self._requests = requests
        self._sockets: dict[int, socket.socket] = {}
        for _ in range(connections):
            connected = socket.create_connection(("127.0.0.1", port))
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[connected.fileno()] = connected
        self._idle = list(self._sockets)
        self._asked: dict[int, float] = {}
        self._parts: dict[int, bytes] = {}
        self._latencies: list[float] = []
        self._bets: set[bytes] = set()

    def play(self, arrivals: _Arrivals) -> Measured:
        """Send what is due and take the answers, until all have come."""
        began = time.perf_counter()
        while True:
            now = time.perf_counter()
            while self._idle and (due := arrivals.due(now)) is not None:
                number = self._idle.pop()
                self._asked[number] = due
                self._sockets[number].sendall(next(self._requests))
            wait = arrivals.wait(now, is_any_idle=bool(self._idle))
            if not self._asked and wait is None:
                break
            for number in select.select(list(self._asked), (), (), wait)[0]:
                self._receive(number)
        return self._measured(time.perf_counter() - began)

    def close(self) -> None:
        for connected in self._sockets.values():
            connected.close()

    def _receive(self, number: int) -> None:
        part = self._sockets[number].recv(_ANSWER_MAX)
        answer = self._parts.pop(number, b"") + part
        if not part or answer[9:12] not in (b"201", b""):
            raise Refused(answer.decode(errors="replace") or "the server closed the connection")
        head = answer.find(b"\r\n\r\n")
        length = answer.find(_LENGTH)
        if head < 0 or len(answer) < head + 4 + int(answer[length + len(_LENGTH) : answer.find(b"\r", length)]):
            self._parts[number] = answer
            return
        self._latencies.append(time.perf_counter() - self._asked.pop(number))
        id_at = answer.find(_ID, head) + len(_ID)
        self._bets.add(answer[id_at : id_at + _ID_LENGTH])
        self._idle.append(number)

    def _measured(self, seconds: float) -> Measured:
        latencies = sorted(self._latencies)
        p50, p99 = (1_000 * latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
        return Measured(len(latencies), seconds, len(self._bets), p50, p99, 1_000 * latencies[-1])


def main() -> None:
    """Take tokens and bodies from the first line of stdin, an order from each line after it, and print what came."""
    requests = _Requests(**json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        order = json.loads(line)
        run = _Run(requests, port=order["port"], connections=order["connections"])
        try:
            told = asdict(run.play(_Arrivals(seconds=order["seconds"], rate=order["rate"])))
        except (Refused, OSError) as error:
            told = {"refused": repr(error)}
        finally:
            run.close()
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
