"""`fairpool week archive` and `week restore`, as an operator on the database's machine runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fairpool.cli import application
from fairpool.commands.archives import UnreadableKey
from ledger.events import CaseClosed, CaseOpened
from ledger.ids import OFFICE
from ledger.recorder import LogArchived
from tests.examples import WEEK
from tests.fairpool.archives.conftest import LATER, Town

Run = Callable[..., Result]


@pytest.fixture
def run(town: Town, tmp_path: Path) -> Run:
    """Runs the command line on the database of the town."""
    environment = {
        "DATABASE_URL": town.keeping.dsn,
        "NATS_URL": "nats://127.0.0.1:1",
        "FAIRPOOL_CHECKPOINTS": str(town.keeping.notes),
        "FAIRPOOL_DATA": str(tmp_path),
        "FAIRPOOL_ORIGIN": town.keeping.origin,
        "FAIRPOOL_LOG_KEY": bytes(range(32)).hex(),
        "FAIRPOOL_SEED_MASTER": bytes(32).hex(),
    }
    return lambda *words: CliRunner().invoke(application(), words, env=environment)


def test_a_week_is_archived_and_restored_by_commands(town: Town, run: Run, tmp_path: Path) -> None:
    """It goes to the data's own folder, is said to be there, and comes back; auditors see it go and come."""
    folder = tmp_path / "archives" / WEEK
    told = run("week", "archive", WEEK, "--reason", "the season is over")
    assert told.exit_code == 0, told.output
    assert f"{WEEK} is archived" in told.stdout
    assert (folder / "manifest.json").is_file()
    assert town.stored() == []
    listed = json.loads(run("week", "list", "--json").stdout)
    assert {row["week"]: row["archived"] for row in listed} == {WEEK: True, LATER: False}
    shown = json.loads(run("week", "show", WEEK, "--json").stdout)
    assert (shown["state"], shown["outlook"], shown["archive"]["restored_at"]) == ("final", None, None)
    assert "archive root" in run("week", "show", WEEK).stdout
    assert isinstance(run("audit", "replay", WEEK).exception, LogArchived)
    verified = run("audit", "verify", "--all", "--no-projections")
    assert (verified.exit_code, verified.stdout) == (0, "")
    assert f"{WEEK}: archived" in verified.stderr
    assert run("audit", "verify", WEEK, "--from", str(folder)).exit_code == 0
    assert isinstance(run("week", "restore", str(folder), "--reason", "x", "--key", "?").exception, UnreadableKey)
    told = run("week", "restore", str(folder), "--reason", "a player asks")
    assert told.exit_code == 0, told.output
    verified = run("audit", "verify", WEEK)
    assert (verified.exit_code, verified.output) == (0, "")
    reasons = [event.reason for event in town.week.events(CaseOpened, week=OFFICE)[-2:]]
    assert reasons == ["the season is over", "a player asks"]
    assert len(town.week.events(CaseClosed, week=OFFICE)) == len(town.week.events(CaseOpened, week=OFFICE))


def test_what_a_week_waits_for_is_shown(town: Town, run: Run) -> None:
    """Games by name, and when they are void; a reason is asked for where the week is to leave."""
    shown = run("week", "show", LATER)
    assert shown.exit_code == 0, shown.output
    assert "waits for the result of later: CIN at BAL" in shown.stdout
    outlook = json.loads(run("week", "show", LATER, "--json").stdout)["outlook"]
    assert "later" in [game["external_id"] for game in outlook["games"]]
    assert outlook["open_stakes"] is None
    assert run("week", "archive", WEEK).exit_code == 2
    assert WEEK in town.week.ledger.weeks()
