"""The API as a server: composed from the service's parts, on a socket of its own, stopped with what runs it."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Final
from uuid import uuid4

import uvicorn
from starlette.types import ASGIApp

from api.app import build_routes, create_app
from api.http.limits import Limit, Limits
from api.http.ratelimits import Meters
from api.identity.keys import ApiKeys
from api.identity.mail import ConsoleMailer, Mailer, SmtpMailer
from api.identity.passwords import Passwords
from api.identity.players import Players
from api.identity.proofs import Proofs
from api.identity.revocations import Revocations
from api.identity.sessions import Sessions
from api.identity.tokens import Tokens
from api.livefeed.hub import Hub, LiveLimits
from api.people.pseudonyms import Pseudonyms
from api.services import Services, TestClock, Views
from fairpool.clocks import system_clock
from fairpool.core import Core, Died
from fairpool.feed_care import care
from fairpool.garbage import collect_rarely
from fairpool.heads import PatientProtocol
from fairpool.money import gates
from fairpool.schema import all_migrations
from fairpool.secrets_file import people_key, token_keys
from fairpool.settings import Settings
from ledger.mendable import Mendable

_TAKEN_MILLISECONDS: Final = 60_000


class PortTaken(Mendable):
    """Another program listens there: stop it, or choose another port with --port or FAIRPOOL_API_PORT."""


class Server(uvicorn.Server):
    """A server that leaves signals to the process that it is a part of, and ends live streams when it stops."""

    def __init__(self, config: uvicorn.Config, live: Hub) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop. A stream would go on for as long as the server waits for it."""
        self._live.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def serving(built: Core, *, test_clock: TestClock | None = None) -> AsyncIterator[str]:
    """Serve the API for as long as the block runs; gives its URL. Requests under way are answered before the end."""
    settings = built.settings
    composed = services(built, test_clock=test_clock)
    app = create_app(composed)
    build_routes(app)
    collect_rarely()
    server = Server(server_config(app, settings), composed.live)
    listening = listening_on(settings.api_host, settings.api_port)
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


def server_config(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """Return how the server runs an app."""
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # Whoever is not named here cannot speak for others: the address of a request is its connection's.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
        # Longer than clients keep idle connections, so that none of them sends a request into one that just closes.
        timeout_keep_alive=65,
        timeout_graceful_shutdown=10,
    )


def services(built: Core, *, test_clock: TestClock | None = None) -> Services:
    """Return what the API's routes need."""
    settings = built.settings
    datastore, token_lifetime = built.ledger.datastore, timedelta(minutes=settings.token_minutes)
    keys, revocations = token_keys(settings), Revocations(datastore, window=token_lifetime)
    return Services(
        ledger=built.ledger,
        views=Views.of(built.ledger.datastore),
        runner=built.projections,
        players=players(built),
        passwords=passwords(built),
        tokens=Tokens(keys.signing, retired=keys.retired, lifetime=token_lifetime),
        revocations=revocations,
        sessions=Sessions(
            datastore, revocations=revocations, new_id=uuid4, new_secret=secrets.token_bytes, now=system_clock
        ),
        api_keys=api_keys(built, revocations),
        proofs=Proofs(datastore, new_secret=secrets.token_bytes, now=system_clock),
        mailer=_mailer(settings),
        pseudonyms=Pseudonyms(people_key(settings)),
        money=built.money,
        care=care(built),
        gates=gates(settings),
        free_entry=settings.free_entry,
        return_url=settings.payment_return_url,
        currency=settings.currency,
        dispute_approval_above=settings.dispute_approval_above,
        verifies_at_signup=settings.smtp_url is not None,
        confirms_signup=settings.confirm_signup,
        live=Hub(
            ledger=built.ledger,
            runner=built.projections,
            players=players(built),
            limits=LiveLimits(streams=settings.live_streams, streams_of_one=settings.live_streams_of_one),
        ),
        clock=built.clock,
        test_clock=test_clock,
        meters=Meters(limits(settings)),
        cors_origins=settings.cors_origins,
        hsts_seconds=settings.hsts_seconds,
        migrations=frozenset(migration.name for migration in all_migrations()),
        is_stopping=built.stop.is_set,
        requests_max=settings.api_concurrency,
    )


def limits(settings: Settings) -> Limits:
    """Return how often clients may ask."""
    return Limits(
        auth=Limit.parse(settings.limit_auth),
        log_in=Limit.parse(settings.limit_log_in),
        bets=Limit.parse(settings.limit_bets),
        reads=Limit.parse(settings.limit_reads),
        writes=Limit.parse(settings.limit_writes),
    )


def players(built: Core) -> Players:
    """Return the players; their ids and times are those of the real world, whatever clock the game follows."""
    return Players(built.ledger.datastore, new_id=uuid4, now=system_clock)


def api_keys(built: Core, revocations: Revocations | None = None) -> ApiKeys:
    """Return the API keys; like the players', their times are those of the real world."""
    datastore = built.ledger.datastore
    return ApiKeys(
        datastore,
        revocations=revocations or Revocations(datastore, window=timedelta(minutes=built.settings.token_minutes)),
        new_id=uuid4,
        new_secret=secrets.token_bytes,
        now=system_clock,
    )


def passwords(built: Core) -> Passwords:
    """Return the password hashing at the cost that the settings name."""
    return Passwords(memory_kib=built.settings.argon2_memory_kib, passes=built.settings.argon2_passes)


def _mailer(settings: Settings) -> Mailer:
    if settings.smtp_url is None:
        return ConsoleMailer(sys.stdout)
    return SmtpMailer.of(settings.smtp_url.get_secret_value())


def _why(task: asyncio.Task[None]) -> BaseException:
    return (None if task.cancelled() else task.exception()) or Died("the API ended")


def listening_on(host: str, port: int) -> socket.socket:
    """Return a socket that listens, on a free port where `port` is 0; raises PortTaken."""
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise PortTaken(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another port with --port"
        ) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Its connections inherit it: whoever does not take an answer for so long does not keep it here for ever.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _TAKEN_MILLISECONDS)
    return listening
