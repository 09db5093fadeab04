"""Networks that break: the database cut off, too many connections, readers that do not read."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

import psycopg

from tests.faults.ground import Ground
from tests.faults.rounds import Fault

CUT_SECONDS: Final = (0.5, 8.0)
CLIENTS: Final = 400
READERS: Final = 20
_HELD_SECONDS: Final = 4.0
_END_OTHERS: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> ALL (%s)
"""


def faults(scale: float) -> list[Fault]:
    """Return what can happen on the way."""
    times = max(1, round(scale))
    return [
        Fault("the database is cut off", _cut_off, 4 * times),
        Fault("the database stands still", _stand_still, 2 * times),
        Fault("no connection to the database is left", _use_up_connections, 2 * times),
        Fault("a storm of connections to the APIs", _storm_of_connections, 2 * times),
        Fault("readers that never read", _never_read, 2 * times),
    ]


def _cut_off(ground: Ground, chance: random.Random) -> int:
    """Have packets to and from the database vanish for some seconds."""
    ground.postgres.host.unplug()
    try:
        time.sleep(chance.uniform(*CUT_SECONDS))
    finally:
        ground.postgres.host.plug()
    return 1


def _stand_still(ground: Ground, chance: random.Random) -> int:
    """Have all processes of the database stop where they are: connections stay, and nothing is answered."""
    paused = ground.postgres.pause()
    try:
        time.sleep(chance.uniform(*CUT_SECONDS))
    finally:
        ground.postgres.resume(paused)
    return 1


def _use_up_connections(ground: Ground, _: random.Random) -> int:
    """Take every connection that the database has, again and again those of the service too, for a while."""
    until = time.monotonic() + _HELD_SECONDS
    with ExitStack() as stack:
        held = list(_connections(stack, ground))
        while time.monotonic() < until:
            held[0].execute(_END_OTHERS, [[each.info.backend_pid for each in held]])
            held += _connections(stack, ground)
    return 1


def _connections(stack: ExitStack, ground: Ground) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Open connections for as long as there are any."""
    with suppress(psycopg.OperationalError):
        while True:
            yield stack.enter_context(psycopg.connect(ground.postgres.dsn, autocommit=True))


def _storm_of_connections(ground: Ground, chance: random.Random) -> int:
    """Open hundreds of connections at once, half of which send a part of a request and no more."""
    with ExitStack() as stack:
        for number in range(CLIENTS):
            client = stack.enter_context(_connected(chance.choice(ground.service.urls)))
            if number % 2:
                client.sendall(b"POST /api/bets HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n{")
        time.sleep(_HELD_SECONDS)
    return 1


def _never_read(ground: Ground, chance: random.Random) -> int:
    """Listen to the live stream, and never take what comes."""
    with ExitStack() as stack:
        for player in chance.sample(ground.players, READERS):
            token = ground.token(player)
            client = stack.enter_context(_connected(chance.choice(ground.service.urls)))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
            path = f"/api/weeks/{ground.week}/live"
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        time.sleep(_HELD_SECONDS)
    return 1


@contextmanager
def _connected(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.socket() as client:
        client.settimeout(5)
        client.connect((parts.hostname, parts.port))
        yield client
