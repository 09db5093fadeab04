"""Where the servers are: configured, run by a service on the same data, or embedded and our own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psycopg

from fairpool.embedded import EmbeddedNats, EmbeddedPostgres, EmbeddedServers
from fairpool.settings import Settings
from ledger.mendable import Mendable

_FILE: Final = "servers.json"


class NotConfigured(Mendable):
    """One server is configured and the other is not: set both DATABASE_URL and NATS_URL, or neither."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The DSN of a role that may create tables, and the URL of NATS (empty where only the database is needed)."""

    dsn: str
    nats_url: str = ""


@contextmanager
def servers(settings: Settings) -> Iterator[Addresses]:
    """Give both servers to a service that owns its data: embedded ones run for as long as the block does."""
    configured = _configured(settings)
    if configured is not None:
        yield configured
        return
    with EmbeddedServers(settings.data) as embedded, _published(settings.data, embedded) as addresses:
        yield addresses


@contextmanager
def database(settings: Settings) -> Iterator[Addresses]:
    """Give the database to a command: that of the running service, where one runs on the same data."""
    configured = _configured(settings)
    found = configured or _of_running_service(settings.data)
    if found is not None:
        yield found
        return
    with EmbeddedPostgres(settings.data) as postgres:
        yield Addresses(postgres.dsn)


@contextmanager
def stream(settings: Settings) -> Iterator[Addresses]:
    """Give NATS to a command: that of the running service, where one runs on the same data."""
    found = _configured(settings) or _of_running_service(settings.data)
    if found is not None:
        yield found
        return
    with EmbeddedNats(settings.data) as nats:
        yield Addresses("", nats.url)


def _configured(settings: Settings) -> Addresses | None:
    if settings.database_url and settings.nats_url:
        return Addresses(settings.database_url.get_secret_value(), settings.nats_url.get_secret_value())
    if settings.database_url or settings.nats_url:
        raise NotConfigured("set both DATABASE_URL and NATS_URL, or neither to run embedded servers")
    return None


@contextmanager
def _published(data: Path, embedded: EmbeddedServers) -> Iterator[Addresses]:
    """Leave the addresses where commands on the same data find them."""
    addresses = Addresses(embedded.dsn, embedded.url)
    path, draft = data / _FILE, data / f"{_FILE}.{os.getpid()}"
    with ExitStack() as cleaning:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(addresses), file)
        draft.replace(path)
        cleaning.callback(path.unlink, missing_ok=True)
        yield addresses


def _of_running_service(data: Path) -> Addresses | None:
    """Return the addresses that a service left, if its database answers to them; a killed one leaves them too."""
    try:
        addresses = Addresses(**json.loads((data / _FILE).read_text()))
        psycopg.connect(addresses.dsn, connect_timeout=2).close()
    except (FileNotFoundError, ValueError, TypeError, psycopg.OperationalError):
        return None
    return addresses
