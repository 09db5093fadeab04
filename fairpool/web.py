"""The API as a server: composed from the service's parts, on a socket of its own, stopped with what runs it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from uuid import uuid4

import uvicorn

from api.app import create_app
from api.passwords import Passwords
from api.players import Players
from api.services import Services, TestClock, Views
from api.tokens import SigningKey, Tokens
from fairpool.clocks import system_clock
from fairpool.core import Core, Died
from fairpool.schema import all_migrations
from fairpool.secrets_file import token_key


class PortTaken(Exception):
    """Another program listens there: stop it, or choose another port with --port or FAIRPOOL_API_PORT."""


class _Server(uvicorn.Server):
    """A server that leaves signals to the process that it is a part of."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(built: Core, *, test_clock: TestClock | None = None) -> AsyncIterator[str]:
    """Serve the API for as long as the block runs; gives its URL. Requests under way are answered before the end."""
    settings = built.settings
    config = uvicorn.Config(
        create_app(services(built, test_clock=test_clock)),
        http="httptools",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    server = _Server(config)
    listening = _listen(settings.api_host, settings.api_port)
    port = listening.getsockname()[1]
    task = asyncio.create_task(server.serve(sockets=[listening]), name="api")

    def ended(done: asyncio.Task[None]) -> None:
        if not server.should_exit:
            built.die(_why(done))

    task.add_done_callback(ended)
    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.01)
        yield f"http://{settings.api_host}:{port}"
    finally:
        server.should_exit = True
        await task
        listening.close()


def services(built: Core, *, test_clock: TestClock | None = None) -> Services:
    """Return what the API's routes need."""
    settings = built.settings
    return Services(
        ledger=built.ledger,
        views=Views.of(built.ledger.datastore),
        runner=built.projections,
        players=players(built),
        passwords=passwords(built),
        tokens=Tokens(SigningKey.of(token_key(settings)), lifetime=timedelta(minutes=settings.token_minutes)),
        clock=built.clock,
        test_clock=test_clock,
        migrations=frozenset(migration.name for migration in all_migrations()),
    )


def players(built: Core) -> Players:
    """Return the players; their ids and times are those of the real world, whatever clock the game follows."""
    return Players(built.ledger.datastore, new_id=uuid4, now=system_clock)


def passwords(built: Core) -> Passwords:
    """Return the password hashing at the cost that the settings name."""
    return Passwords(memory_kib=built.settings.argon2_memory_kib, passes=built.settings.argon2_passes)


def _why(task: asyncio.Task[None]) -> BaseException:
    return (None if task.cancelled() else task.exception()) or Died("the API ended")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another port with --port"
        ) from error
