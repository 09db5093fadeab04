"""Servers that are not there yet: after a power cut all start at once, and a role waits for what it works on."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from itertools import zip_longest
from typing import Final
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ledger.mendable import Mendable

_PAUSE_SECONDS: Final = 0.25
_CONNECT_SECONDS: Final = 3
# No wait mends these. Whatever a server says in another language is waited for, and then told.
_REFUSED: Final = re.compile(
    r"authentication failed|no password supplied|does not exist|no pg_hba\.conf entry|not permitted to log in"
    r"|invalid (?:integer|port)|Authorization Violation",
    re.IGNORECASE,
)
_log = logging.getLogger(__name__)


class ServerAway(Mendable):
    """A server does not answer, or not to us: start it, or correct its address."""


def await_database(dsn: str, *, seconds: float) -> None:
    """Come back when the database takes writes, at most so many seconds later; else raises ServerAway."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # What libpq says of it may hold the password.
        raise ServerAway("DATABASE_URL cannot be read: it is postgresql://USER:PASSWORD@HOST:PORT/DATABASE") from None
    hosts, ports = (str(parts.get(name) or "").split(",") for name in ("host", "port"))
    places = zip_longest(hosts, ports, fillvalue=ports[-1])
    where = ", ".join(f"{host or 'localhost'}:{port or 5432}" for host, port in places)
    name = f"PostgreSQL at {where}, database {parts.get('dbname') or 'by default'},"
    _await(name, lambda: _lack_of_database(dsn), setting="DATABASE_URL", seconds=seconds)


def await_nats(url: str, *, seconds: float) -> None:
    """Come back when NATS takes us in, at most so many seconds later; else raises ServerAway."""
    # A role that does not use NATS starts without its client.
    from feeds.reaching import lack_of_nats

    places = [urlsplit(each if "//" in each else f"//{each}") for each in url.split(",")]
    where = ", ".join(place.netloc.rpartition("@")[2] for place in places)
    _await(f"NATS at {where}", lambda: asyncio.run(lack_of_nats(url)), setting="NATS_URL", seconds=seconds)


def _await(name: str, lack: Callable[[], str | None], *, setting: str, seconds: float) -> None:
    until, is_told = time.monotonic() + seconds, False
    while (reason := lack()) is not None:
        if _REFUSED.search(reason):
            raise ServerAway(f"{name} refuses us: {reason}: correct {setting}")
        if time.monotonic() >= until:
            raise ServerAway(f"{name} does not answer: {reason}: start it, or correct {setting}")
        if not is_told:
            _log.warning("waiting for %s for up to %g seconds: %s", name.rstrip(","), seconds, reason)
            is_told = True
        time.sleep(_PAUSE_SECONDS)


def _lack_of_database(dsn: str) -> str | None:
    """Return why the database cannot be worked on, None where it can."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=_CONNECT_SECONDS) as connection:
            [(read_only,)] = connection.execute("SHOW transaction_read_only").fetchall()
    except psycopg.Error as error:
        return str(error).partition("\n")[0]
    return "it is read-only, as a standby is" if read_only == "on" else None
