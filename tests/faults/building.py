"""Building what everything happens on, and playing the week up to where bets can be placed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
from psycopg.conninfo import make_conninfo

from fairpool.clocks import system_clock
from fairpool.crowd import PASSWORD as PLAYERS
from fairpool.crowd import Crowd, crowd
from fairpool.crowd import Player as Somebody
from fairpool.embedded_postgres import DATABASE, USER, reachable_programs
from fairpool.guardian import User
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.server import running
from fairpool.sandbox.standing_in import PRIZE_FUND_CENTS, WEBHOOK_PATH
from fairpool.sandbox.webhooks import Webhook
from fairpool.showcase import checkout
from ledger.weeks import following, starts_at, week_at
from tests.faults.clocks import Clock
from tests.faults.disks import Disk, Folder
from tests.faults.games import Games
from tests.faults.ground import PATIENCE_SECONDS, Ground, Size
from tests.faults.hosts import Host, Neighbour
from tests.faults.isolation import is_isolated
from tests.faults.nats_server import Nats
from tests.faults.players import Player
from tests.faults.postgres_server import PASSWORD, Postgres, Programs
from tests.faults.processes import wait_until
from tests.faults.service import Service

PRIZES: Final = ({"rank": 1, "amount_cents": 10_000}, {"rank": 2, "amount_cents": 5_000})
OPERATOR: Final = "operator@example.org"
_WEBHOOK_SECRET: Final = "whsec_faults"
_POSTGRES_MB: Final = 3_000
_NATS_MB: Final = 600
_SETTINGS: Final = {
    "FAIRPOOL_PAYMENTS_ON": "weekly_pass,buy_back,prizes",
    "FAIRPOOL_STRIPE_WEBHOOK_SECRETS": _WEBHOOK_SECRET,
    "FAIRPOOL_PASSWORD": PLAYERS,
    "FAIRPOOL_SEED_MASTER": bytes(32).hex(),
    "FAIRPOOL_TOKEN_KEY": bytes(range(32)).hex(),
    "FAIRPOOL_PEOPLE_KEY": bytes(range(1, 33)).hex(),
    "FAIRPOOL_PRIZE_IDENTITY_REQUIRED": "false",
    # Players log in, and are let in, as often as a hundred of them behind one address would be.
    "FAIRPOOL_ARGON2_MEMORY_KIB": "64",
    "FAIRPOOL_ARGON2_PASSES": "1",
    "FAIRPOOL_LIMIT_AUTH": "100000/minute",
    "FAIRPOOL_LIMIT_LOG_IN": "100000/minute",
    "FAIRPOOL_LIMIT_READS": "100000/10 seconds",
    "FAIRPOOL_LIMIT_WRITES": "100000/10 seconds",
    "FAIRPOOL_LIMIT_BETS": "100000/10 seconds",
    # Clocks are set to other days.
    "FAIRPOOL_TOKEN_MINUTES": "10080",
}


@contextmanager
def ground(folder: Path, *, seed: int, size: Size) -> Iterator[Ground]:
    """Build it all, and play up to where bets can be placed; leave nothing behind."""
    week = following(week_at(system_clock()))
    begin = starts_at(week) - timedelta(minutes=50)
    clock = Clock(folder / "world.clock", ahead=(begin - system_clock()).total_seconds())
    with ExitStack() as stack:
        postgres, spare = _databases(stack, folder)
        nats = Nats(_disk(stack, folder / "nats", megabytes=_NATS_MB))
        nats.start()
        stack.callback(nats.kill)
        sandbox, service = _service(stack, folder, clock=clock, postgres=postgres, spare=spare, nats=nats)
        migrated = service.run("migrate")
        assert migrated.returncode == 0, migrated.stderr
        postgres.set_ledger_clock(clock.ahead)
        service.start()
        stack.callback(service.kill)
        wait_until(service.is_ready, what="the service is ready", seconds=PATIENCE_SECONDS)
        players = asyncio.run(_open(service, week=week, size=size, seed=seed))
        built = Ground(
            folder=folder,
            seed=seed,
            size=size,
            week=week,
            clock=clock,
            postgres=postgres,
            spare=spare,
            nats=nats,
            sandbox=sandbox,
            service=service,
            games=Games(nats.url, clock=clock, seed=seed),
            journal=folder / "journal.jsonl",
            players=players,
        )
        built.move_clocks(to=starts_at(week))
        wait_until(lambda: built.has("week.grouped"), what="the week is drawn", seconds=PATIENCE_SECONDS)
        yield built


def _databases(stack: ExitStack, folder: Path) -> tuple[Postgres, Postgres]:
    """Run a server on one host; the other host has none yet."""
    user = Programs.of(folder)
    owner = User(user=user.user, group=user.group or 0, extra_groups=[]) if user.user is not None else User()
    programs = Programs.of(stack.enter_context(reachable_programs(user=owner, folder=folder)))
    make = Host if is_isolated() else Neighbour
    servers = []
    for number, name in enumerate(("one", "two"), start=1):
        host = make(number)
        stack.callback(host.close)
        server = Postgres(name, host=host, disk=_disk(stack, folder / name, megabytes=_POSTGRES_MB), programs=programs)
        stack.callback(server.kill)
        servers.append(server)
    servers[0].create()
    return servers[0], servers[1]


def _disk(stack: ExitStack, folder: Path, *, megabytes: int) -> Folder:
    disk = Disk(folder, megabytes=megabytes) if is_isolated() else Folder(folder)
    stack.callback(disk.close)
    return disk


def _service(
    stack: ExitStack, folder: Path, *, clock: Clock, postgres: Postgres, spare: Postgres, nats: Nats
) -> tuple[Sandbox, Service]:
    """Return the provider of payments, which runs, and the service, which does not yet."""
    sandbox = Sandbox(clock=clock, real_now=clock)
    sandbox.set_balance(PRIZE_FUND_CENTS)
    settings = {
        "DATABASE_URL": _dsn(postgres, spare),
        "NATS_URL": nats.url,
        "FAIRPOOL_DATA": str(folder / "data"),
        "FAIRPOOL_STRIPE_KEY": sandbox.api_key,
        "FAIRPOOL_STRIPE_URL": stack.enter_context(running(sandbox)),
        **_SETTINGS,
    }
    service = Service(folder / "service", settings=settings, ahead=clock.ahead)
    sandbox.webhooks.endpoint = Webhook(f"{service.urls[0]}{WEBHOOK_PATH}", (_WEBHOOK_SECRET,))
    return sandbox, service


def _dsn(*servers: Postgres) -> str:
    """Return where the service finds whichever server is the primary."""
    places = [server.host.reached_at(server.port) for server in servers]
    return make_conninfo(
        host=",".join(host for host, _ in places),
        port=",".join(str(port) for _, port in places),
        user=USER,
        password=PASSWORD,
        dbname=DATABASE,
        target_session_attrs="read-write",
    )


async def _open(service: Service, *, week: str, size: Size, seed: int) -> list[Player]:
    """Open the week, and have players sign up and pay for it; return them with their entries."""
    made = service.run("user", "create", "--role", "operator", "--email", OPERATOR)
    assert made.returncode == 0, made.stderr
    url = service.urls[0]
    async with (
        httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as operator,
        crowd(url, size=size.players, seed=seed) as people,
    ):
        login = await operator.post("/api/auth/login", json={"email": OPERATOR, "password": PLAYERS})
        headers = {"Authorization": f"Bearer {login.raise_for_status().json()['token']}"}
        rules = {"rules": {"prizes": PRIZES}}
        opened = await operator.post(f"/api/admin/weeks/{week}/open", json=rules, headers=headers)
        assert opened.is_success, opened.text
        await people.sign_up()
        pages = [await checkout(people, player, "weekly_pass", week=week) for player in people.players]
        for page in pages:
            await people.visit(page)
        return [Player(player.email, await _entry(people, player, week)) for player in people.players]


async def _entry(people: Crowd, player: Somebody, week: str) -> str:
    """Wait until a player who has paid takes part, and return the entry."""
    while True:
        paid: Any = await people.call("GET", "/api/payments", player)
        if [payment["outcome"] for payment in paid["data"]] == ["credited"]:
            return str((await people.call("POST", f"/api/weeks/{week}/entry", player))["entry"])
        await asyncio.sleep(0.2)
