"""`fairpool audit draw` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from typer.testing import CliRunner, Result

from fairpool.cli import application
from ledger.recorder import LogNotOpen
from ledger.rules import Rules
from tests.examples import NEXT_WEEK, WEEK
from tests.ledger.playing import House

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command on the database of the test."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    return lambda *words: CliRunner().invoke(application(), ["--data", str(tmp_path), "audit", "draw", *words])


def test_draw_is_done_over_step_by_step(run: Run, dsn: str) -> None:
    """A week that is drawn, one that is to be, and one that is not open; an entry is told its own score."""
    with House(dsn) as house:
        first, *_ = house.grouped(5, rules=Rules(pool_max=2))
        house.open_week(NEXT_WEEK)
    told = run(WEEK, "--entry", str(first))
    assert told.exit_code == 0
    steps = [line.partition(": ")[0] for line in told.stdout.splitlines()]
    assert steps == ["commitment", "chain", "roster", "beacon", "seed", "pools", "accounts", f"entry {first}"]
    assert all(": ok: " in line for line in told.stdout.splitlines()[:-1])
    assert "pools: ok: 3 of 2, 2, 1, key " in told.stdout
    assert "none: the draw rests on the seed alone" in told.stdout

    said = json.loads(run(WEEK, "--json", "--entry", str(first)).stdout)
    assert said["ok"] is True
    assert (said["entry"]["entry"], len(said["entry"]["score"])) == (str(first), 64)
    assert said["entry"]["pool"] == f"W2026-47-{'AABBC'[said['entry']['place'] - 1]}"

    coming = json.loads(run(NEXT_WEEK, "--json", "--entry", str(uuid4())).stdout)
    assert [step["verdict"] for step in coming["steps"]] == ["ok", "ok", *["to come"] * 5]
    assert "1 hashes above anchor" in coming["steps"][1]["found"]
    assert (coming["entry"]["score"], coming["entry"]["place"], coming["entry"]["pool"]) == (None, None, None)
    assert isinstance(run("2026-W50").exception, LogNotOpen)


def test_what_is_wrong_with_a_draw_is_told(run: Run, dsn: str) -> None:
    """Exit code 1, with the step and the event, when a superuser has put another entry into the roster."""
    with House(dsn) as house:
        house.grouped(3)
        enrolled = next(fact for fact in house.facts() if fact.event.TOPIC == "entry.enrolled")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE events_2026_w47 DISABLE TRIGGER append_only")
        connection.execute(
            "UPDATE events SET state = convert_to(replace(convert_from(state, 'UTF8'), '4000', '4999'), 'UTF8')"
            " WHERE log = %s AND notification_id = %s",
            (WEEK, enrolled.position),
        )
    told = run(WEEK)
    assert told.exit_code == 1
    assert "roster: WRONG: 3 entries" in told.stdout
    assert f"  {WEEK}:5: the roster's hash is " in told.stdout
    assert "accounts: WRONG" in told.stdout
    said = json.loads(run(WEEK, "--json").stdout)
    assert said["ok"] is False
    assert [step["step"] for step in said["steps"] if step["wrong"]] == ["roster", "accounts"]
