"""Roles wait for servers that start with them, and say at once what no wait mends."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

import feeds.jetstream
from fairpool.waiting import ServerAway, await_database, await_nats
from feeds.jetstream import NatsAway, connected
from tests.journeys.program import environment
from tests.ledger.desks import gone

NOBODY = "postgresql://me:secret@127.0.0.1:1/books"
PATIENCE = 60


def told_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fairpool.waiting"]


def test_a_database_that_comes_is_waited_for(
    dsn: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is waited for is said once, without the password."""
    looked = threading.Semaphore(0)
    monkeypatch.setattr("fairpool.waiting.time.sleep", lambda _: looked.release())
    waiting = threading.Thread(target=await_database, args=(dsn,), kwargs={"seconds": PATIENCE})
    with gone(dsn):
        waiting.start()
        for _ in range(2):
            assert looked.acquire(timeout=PATIENCE)
        assert waiting.is_alive()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    [said] = told_of(caplog)
    assert "waiting for PostgreSQL at 127.0.0.1" in said
    assert "not currently accepting connections" in said
    assert str(make_conninfo(dsn)).partition("password=")[2].split()[0] not in said


def test_nobody_waits_where_no_patience_is_set(caplog: pytest.LogCaptureFixture) -> None:
    """The error names the place and the setting, and not the password."""
    with pytest.raises(
        ServerAway, match=r"PostgreSQL at 127\.0\.0\.1:1, database books, .* correct DATABASE_URL"
    ) as told:
        await_database(NOBODY, seconds=0)
    with pytest.raises(ServerAway, match=r"NATS at 127\.0\.0\.1:1 does not answer: .* correct NATS_URL") as of_nats:
        await_nats("nats://me:secret@127.0.0.1:1", seconds=0)
    assert "secret" not in f"{told.value} {of_nats.value}"
    assert not told_of(caplog)


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"dbname": "nowhere"}, {"user": "nobody"}])
def test_what_the_database_refuses_is_told_at_once(dsn: str, wrong: dict[str, str]) -> None:
    """No wait brings a password or a database."""
    with pytest.raises(ServerAway, match="refuses us"):
        await_database(make_conninfo(dsn, **wrong), seconds=10 * PATIENCE)


def test_what_nats_refuses_is_told_at_once(nats_url: str) -> None:
    """As with the database; who may come in does."""
    await_nats(nats_url, seconds=0)
    with pytest.raises(ServerAway, match="refuses us"):
        await_nats(nats_url.replace("nats://fairpool:", "nats://fairpool:x"), seconds=10 * PATIENCE)


def test_a_standby_is_waited_for_until_it_is_promoted(dsn: str) -> None:
    """It answers, and takes no writes."""
    read_only = make_conninfo(dsn, options="-c default_transaction_read_only=on")
    with pytest.raises(ServerAway, match="read-only, as a standby is"):
        await_database(read_only, seconds=0)


def test_a_dsn_that_cannot_be_read_is_not_repeated() -> None:
    """It has a password in it."""
    with pytest.raises(ServerAway) as told:
        await_database("postgres//me:secret", seconds=0)
    assert "secret" not in str(told.value)
    assert told.value.__cause__ is None


def test_several_hosts_are_named_with_their_ports() -> None:
    """As libpq reads them: one port counts for all."""
    with pytest.raises(ServerAway, match=r"127\.0\.0\.1:1, 127\.0\.0\.1:1, database books"):
        await_database("host=127.0.0.1,127.0.0.1 port=1 dbname=books target_session_attrs=read-write", seconds=0)


def test_a_role_that_waits_ends_at_once_when_it_is_told_to(tmp_path: Path) -> None:
    """With exit code 0: it had begun nothing."""
    variables: dict[str, Any] = {
        "DATABASE_URL": NOBODY,
        "NATS_URL": "nats://127.0.0.1:1",
        "FAIRPOOL_DATA": str(tmp_path),
    }
    role = subprocess.Popen(
        [sys.executable, "-m", "fairpool", "clock"], env=environment() | variables, stderr=subprocess.PIPE, text=True
    )
    assert role.stderr is not None
    assert "waiting for PostgreSQL" in role.stderr.readline()
    role.send_signal(signal.SIGTERM)
    _, said = role.communicate(timeout=PATIENCE)
    assert (role.returncode, said) == (0, "")


def test_a_connection_to_nats_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client itself would try for ever."""
    monkeypatch.setattr(feeds.jetstream, "_CONNECT_SECONDS", 0.05)

    async def connect() -> None:
        async with connected("nats://127.0.0.1:1"):
            pytest.fail("there is nobody")

    with pytest.raises(NatsAway, match="NATS_URL"):
        asyncio.run(connect())
