"""One role a process, on configured servers, as in production."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from fairpool.clocks import system_clock
from fairpool.sandbox.sandbox import Sandbox
from fairpool.sandbox.standing_in import point_at, standing_in
from fairpool.settings import Settings
from ledger.instants import instant_text
from ledger.weeks import following, starts_at, week_at
from tests.journeys.program import environment

PATIENCE_SECONDS = 60


def test_roles_in_processes_of_their_own_make_one_service(dsn: str, nats_url: str, tmp_path: Path) -> None:
    """A game published to NATS reaches the API of another process, and a pass that is paid enrols its player."""
    configured = environment() | {
        "DATABASE_URL": dsn,
        "NATS_URL": nats_url,
        "FAIRPOOL_API_PORT": "0",
        "FAIRPOOL_SEED_MASTER": secrets.token_hex(32),
        "FAIRPOOL_TOKEN_KEY": secrets.token_hex(32),
        "FAIRPOOL_PEOPLE_KEY": secrets.token_hex(32),
        "FAIRPOOL_PASSWORD": "the operator's password",
    }
    # Two weeks ahead, so that registration stays open however close the next Monday is.
    week = following(following(week_at(datetime.now(UTC))))
    feed = tmp_path / "feed.jsonl"
    feed.write_bytes(_one_game(week))
    assert _run(configured, "migrate") == b"nothing to do\n"
    with ExitStack() as running:
        settings, sandbox = running.enter_context(standing_in(Settings(), system_clock))
        configured |= _selling(settings)
        url = running.enter_context(_role(configured, "api"))
        point_at(sandbox, url)
        for role in ("project", "feed", "settle", "clock", "pay"):
            running.enter_context(_role(configured, role))
        _run(configured, "user", "create", "--role", "operator", "--email", "boss@example.com")
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            _log_in(client, "boss@example.com", configured["FAIRPOOL_PASSWORD"])
            assert client.post(f"/api/admin/weeks/{week}/open").is_success
            _run(configured, "feed", "publish", str(feed))
            _await_game(client, starts_at(week) + timedelta(days=3))
            client.post(
                "/api/auth/signup", json={"email": "p@example.com", "password": "a player's password", "name": "P"}
            ).raise_for_status()
            _log_in(client, "p@example.com", "a player's password")
            assert client.post(f"/api/weeks/{week}/entry").json()["code"] == "pass_required"
            _buy_a_pass(client, sandbox, week)
            enrolled = client.post(f"/api/weeks/{week}/entry")
            assert enrolled.status_code == 201
            assert enrolled.json()["week"] == week


def _selling(settings: Settings) -> dict[str, str]:
    """What the roles must be told to sell at the sandbox."""
    assert settings.stripe_key is not None
    assert settings.stripe_url is not None
    return {
        "FAIRPOOL_PAYMENTS_ON": ",".join(settings.payments_on),
        "FAIRPOOL_STRIPE_KEY": settings.stripe_key.get_secret_value(),
        "FAIRPOOL_STRIPE_URL": settings.stripe_url,
        "FAIRPOOL_STRIPE_WEBHOOK_SECRETS": settings.stripe_webhook_secrets.get_secret_value(),
    }


def _buy_a_pass(client: httpx.Client, sandbox: Sandbox, week: str) -> None:
    """Pay for a pass, and wait until the role that follows up payments has given it."""
    body = {"kind": "weekly_pass", "week": week}
    payment = client.post("/api/payments/checkout", json=body, headers={"Idempotency-Key": "pass"}).json()
    sandbox.pay(payment["checkout_url"].rpartition("/")[2])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (shown := client.get(f"/api/payments/{payment['payment_id']}").json())["outcome"] is None:
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    assert shown["outcome"] == "credited"


def _one_game(week: str) -> bytes:
    game = {
        "v": 1,
        "type": "game",
        "at": instant_text(starts_at(week) - timedelta(days=14)),
        "source": "roles",
        "game_id": "g1",
        "league": "NFL",
        "home": "BAL",
        "away": "CIN",
        "starts_at": instant_text(starts_at(week) + timedelta(days=3)),
    }
    return json.dumps(game).encode()


def _await_game(client: httpx.Client, start: datetime) -> None:
    """Ask until the game is on the board."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        listed = client.get(f"/api/games?date={start.date()}&zone=UTC").raise_for_status().json()["data"]
        if [game["home"] for game in listed] == ["BAL"]:
            return
        time.sleep(0.1)
    pytest.fail(f"the game did not appear within {PATIENCE_SECONDS} seconds")


def _log_in(client: httpx.Client, email: str, password: str) -> None:
    answer = client.post("/api/auth/login", json={"email": email, "password": password}).raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"


def _run(configured: dict[str, str], *arguments: str) -> bytes:
    command = [sys.executable, "-m", "fairpool", *arguments]
    return subprocess.run(command, env=configured, capture_output=True, timeout=120, check=True).stdout


@contextmanager
def _role(configured: dict[str, str], role: str) -> Iterator[str]:
    """Run a role; gives the URL that the API says it listens on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fairpool", role], env=configured, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip() if role == "api" else ""
    finally:
        # Told twice, as by a supervisor and its terminal, it still ends in order.
        process.terminate()
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0
