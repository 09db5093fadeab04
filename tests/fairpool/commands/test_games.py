"""`fairpool games`, `dead-letters` and `attention` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fairpool.cli import application
from ledger.game import BY_OPERATOR
from tests.feeds.conftest import MakeWeek, make_week
from tests.feeds.small_week import WEEK, SmallWeek

__all__ = ["make_week"]
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a database of its own."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    return lambda *words: CliRunner().invoke(application(), ["--data", str(tmp_path), *words])


@pytest.fixture
def week(make_week: MakeWeek) -> SmallWeek:
    """A week with a game."""
    week = make_week()
    week.begin("ann")
    week.listed("g1")
    return week


def waits(run: Run, kind: str) -> list[str]:
    """What of a kind waits for a person. Commands go by the clock of the real world, so the week may wait as well."""
    return [each["subject"] for each in json.loads(run("attention", "--json").stdout) if each["kind"] == kind]


def test_a_game_is_looked_at_stopped_and_let_go_on(run: Run, week: SmallWeek) -> None:
    """By its id at the feed; doing it again does nothing, and says so."""
    listed = json.loads(run("games", "list", WEEK, "--json").stdout)
    assert [game["external_id"] for game in listed] == ["g1"]
    waiting = [game["game_id"] for game in listed if game["waits_for"] is not None]
    assert [game["game_id"] for game in json.loads(run("games", "list", WEEK, "--stuck", "--json").stdout)] == waiting
    stopped = run("games", "suspend", "g1", "--market", "spread", "--reason", "a rumour")
    assert stopped.stdout.startswith(f"game.market_suspended at {WEEK}:")
    assert week.on_board("g1").stopped_for("spread") == BY_OPERATOR
    assert run("games", "suspend", "g1", "--market", "spread", "--reason", "x").stdout.startswith("it is so already")
    shown = run("games", "show", "g1").stdout
    assert "CIN at BAL (NFL)" in shown and "market spread -6.0" in shown and ": operator" in shown
    assert run("games", "reopen", "g1", "--reason", "no").stdout.startswith("game.market_reopened")
    assert run("games", "suspend", "g1").exit_code == 2
    (first, *_) = week.ledger.recorder(WEEK).read_topics("case.opened")
    assert first.actor.startswith("operator:")


def test_dead_letters_are_shown_tried_again_and_dropped(run: Run, week: SmallWeek) -> None:
    """Exit code 1 as long as one cannot be applied; what waits for a person is in one list until it is done."""
    assert waits(run, "dead_letter") == []
    week.quote("g2")
    week.hear(b"{}")
    (first, second) = json.loads(run("dead-letters", "list", "--json").stdout)
    assert (first["game_id"], second["body"]) == ("g2", "{}")
    failed = run("dead-letters", "retry", "--all")
    assert (failed.exit_code, failed.stdout.splitlines()[1]) == (1, f"{second['id']}: still dead: v must be 1")
    assert "has not listed game g2" in run("dead-letters", "show", str(first["id"])).stdout
    assert waits(run, "dead_letter") == [f"dead-letter:{second['id']}", f"dead-letter:{first['id']}"]
    assert run("attention").stdout.count("fairpool dead-letters show") == 2
    assert run("dead-letters", "drop", str(second["id"]), "--reason", "noise").stdout == f"{second['id']}: dropped\n"
    week.game("g2")
    assert run("dead-letters", "retry", "--all").exit_code == 0
    assert waits(run, "dead_letter") == []
    everything = json.loads(run("dead-letters", "list", "--all", "--json").stdout)
    assert [(each["resolved"], each["tries"]) for each in everything] == [("applied", 1), ("dropped", 1)]
    assert run("dead-letters", "retry").exit_code == 2


def test_a_flag_is_resolved(run: Run, week: SmallWeek) -> None:
    """With a note that everybody can read."""
    week.game("g1", home="PIT")
    (flag,) = week.flags.flags()
    assert f"games resolve {flag.id}" in run("attention").stdout
    assert run("games", "resolve", str(flag.id), "--note", "a typing error").exit_code == 0
    assert "a typing error" in run("games", "show", "g1").stdout
    assert waits(run, "flag") == []
