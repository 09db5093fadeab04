"""Relays of drand on loopback: real HTTP, rounds that were really published, and whatever faults a test asks for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ledger.beacon import QUICKNET, Reading
from tests.examples import ROUND, ROUND_657413


class Relay:
    """A relay that says what it is told to: `rounds` are those that have come, as bodies of answers.

    One that `babbles` goes on with blanks for as long as anybody listens.
    """

    def __init__(self) -> None:
        self.rounds: dict[int, bytes] = {}
        self.babbles = False
        self.asked: list[str] = []
        relay = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                relay.asked.append(self.path)
                chain, _, round = self.path.removeprefix("/").partition("/public/")
                body = relay.rounds.get(int(round)) if chain == QUICKNET.hash else None
                self.send_response(200 if body is not None else 404)
                self.end_headers()
                self.wfile.write(body or b"")
                with suppress(OSError):
                    while relay.babbles:
                        self.wfile.write(bytes([0x20]) * 1_000)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def publish(self, round: int = ROUND, reading: Reading = ROUND_657413) -> None:
        """Let a round come."""
        self.rounds[round] = line(round, reading)


def line(round: int = ROUND, reading: Reading = ROUND_657413) -> bytes:
    """A round as drand writes it."""
    return json.dumps({"round": round, **reading._asdict()}).encode()


@contextmanager
def relays(count: int) -> Iterator[list[Relay]]:
    """So many relays, which know no round yet."""
    with ExitStack() as stack:
        served = [Relay() for _ in range(count)]
        for relay in served:
            thread = threading.Thread(target=relay.server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(relay.server.server_close)
            stack.callback(relay.server.shutdown)
        yield served
