"""`fairpool dispute` on the command line, as two operators use it beside a week that is played."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from api.identity.passwords import Passwords
from api.identity.players import Players
from fairpool.cli import application
from fairpool.commands.carrying_out import ProposedAlready
from fairpool.commands.operators import NotSignedIn
from feeds.receipts import UnknownBet
from ledger.case import CaseNotOpen, SecondOperatorNeeded
from ledger.casebook import Casebook, Reasons
from ledger.datastore import Datastore
from ledger.disputing import NothingChanges
from ledger.game import UnknownGame
from ledger.proposal import Change
from ledger.settlement import NothingToLift
from ledger.statement import statement
from tests.api.world import real_now
from tests.feeds.disputing import carry_through, disputes
from tests.feeds.small_week import SOURCE, WEEK, SmallWeek, at

Run = Callable[..., Result]
PASSWORD = "a long enough password"
ONE, TWO = "one@example.org", "two@example.org"
WHY = ("--reason", "The league corrected the score.", "--yes")


@pytest.fixture
def run(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a data directory and a database of its own, for operators who know their passwords."""
    for name, value in {
        "DATABASE_URL": dsn,
        "NATS_URL": "nats://127.0.0.1:1",
        "FAIRPOOL_PASSWORD": PASSWORD,
        "FAIRPOOL_ARGON2_MEMORY_KIB": "8",
        "FAIRPOOL_ARGON2_PASSES": "1",
        "FAIRPOOL_DISPUTE_APPROVAL_ABOVE": "250",
    }.items():
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner().invoke(application(), ["--data", str(tmp_path), *words])


@pytest.fixture
def week(datastore: Datastore) -> Iterator[SmallWeek]:
    """A week in which a wrong result made one player win and another lose; and two operators."""
    password_hash = Passwords(memory_kib=8, passes=1).hash(PASSWORD)
    for email in (ONE, TWO):
        Players(datastore, new_id=uuid4, now=real_now).create(
            email=email, name="Op", password_hash=password_hash, role="operator"
        )
    week = SmallWeek(datastore)
    week.begin("ann", "ben")
    week.clock.set(at("Mon 12:00"))
    week.listed("g1", at("Thu 20:15"))
    week.listed("g2", at("Sun 13:00"))
    week.bet("ann", "g1", "spread", "home", 110)
    week.bet("ben", "g1", "spread", "away", 110)
    week.live_until(at("Thu 23:00"))
    week.result("g1", 30, 20)
    week.react()
    try:
        yield week
    finally:
        week.close()


def told(result: Result) -> Any:
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_a_small_change_is_made_at_once_and_read_by_the_player(run: Run, week: SmallWeek) -> None:
    """Previewed, then carried out down to the payouts, then lifted; the statement says why.

    A game or a bet of elsewhere, nobody's word and no terminal to ask on are refused before anything is written.
    """
    _refuses_what_is_not_there(run, week)
    before = week.head()
    shown = told(run("dispute", "preview", WEEK, "g1", "--score", "20-30", "--json"))
    assert (shown["effect"]["bets"], shown["effect"]["moved"], shown["needs_approval"]) == (2, 420, True)
    assert week.head() == before

    game = str(week.listing("g1").game_id)
    small = ("dispute", "void", game, "--bet", str(bet_of(week, "ann")), "--as", ONE, *WHY)
    lines = run(*small).stdout.splitlines()
    assert any("won 210, then void 110 (operator)" in line for line in lines)
    assert lines[-1] == "settled: 1 bets changed, 100 credits moved"
    assert week.available("ann") == 1000

    [case] = told(run("dispute", "list", "--json"))
    assert (case["state"], case["outcome"], case["subject"]) == ("applied", "applied", f"game:{game}")
    movement = statement(week.ledger, week=WEEK, entry=week.entry("ann"))[-1]
    assert movement.cause is not None
    reasons = Casebook(week.ledger).reasons(WEEK, range(1, week.head() + 1))
    assert (reasons[movement.cause].reason, str(reasons[movement.cause].case_id)) == (WHY[1], case["case_id"])
    passing = Reasons()
    for fact in week.facts():
        passing.take(fact)
    assert passing.by_cause() == reasons
    replayed = told(run("audit", "replay", WEEK, "--account", str(week.entry("ann")), "--json"))
    assert [line["note"] for line in replayed["statement"]] == [None, None, None, WHY[1]]

    lifted = told(run("dispute", "lift", case["case_id"], "--as", ONE, *WHY, "--json"))
    assert (lifted["outcome"], lifted["settled"]) == ("applied", {"bets": 1, "moved": 100})
    assert week.available("ann") == 1100
    week.audit()


def _refuses_what_is_not_there(run: Run, week: SmallWeek) -> None:
    head = week.head()
    assert isinstance(run("dispute", "preview", WEEK, "nothing", "--score", "1-0").exception, UnknownGame)
    other = run("dispute", "preview", WEEK, "g2", "--bet", str(bet_of(week, "ann")))
    assert isinstance(other.exception, UnknownBet)
    unasked = run("dispute", "correct", "g1", "--score", "1-0", "--reason", "x", "--as", ONE)
    assert (unasked.exit_code, "say --yes" in unasked.output) == (2, True)
    assert isinstance(run("dispute", "correct", "g1", "--score", "1-0", *WHY).exception, NotSignedIn)
    assert week.head() == head


def bet_of(week: SmallWeek, player: str) -> UUID:
    """The first bet of a player."""
    bets = [movement.bet for movement in statement(week.ledger, week=WEEK, entry=week.entry(player)) if movement.bet]
    return bets[0].bet_id


def test_what_moves_much_needs_a_second_operator(run: Run, week: SmallWeek) -> None:
    """Who proposes is told the command for the other; not for themselves. The case keeps who did what."""
    correct = ("dispute", "correct", "g1", "--score", "20-30", "--as", ONE, *WHY)
    waiting = run(*correct)
    assert "a second operator approves it: fairpool --data " in waiting.stdout
    assert told(run(*correct, "--json"))["state"] == "proposed"
    assert isinstance(run(*correct[:-2], "another", "--yes").exception, ProposedAlready)
    [case] = told(run("dispute", "list", "--week", WEEK, "--json"))
    assert (case["state"], week.available("ann")) == ("proposed", 1100)

    refused = run("dispute", "approve", case["case_id"], "--as", ONE, "--yes")
    assert isinstance(refused.exception, SecondOperatorNeeded)
    assert isinstance(run("dispute", "apply", case["case_id"], "--as", TWO).exception, SecondOperatorNeeded)
    assert isinstance(run("dispute", "lift", case["case_id"], "--as", TWO, *WHY).exception, NothingToLift)
    following = told(run("dispute", "approve", case["case_id"], "--as", TWO, "--yes", "--json"))["next"]
    assert following.endswith(f"dispute apply {case['case_id']} --as {TWO}")
    applied = told(run("dispute", "apply", case["case_id"], "--as", TWO, "--json"))
    assert (applied["outcome"], applied["settled"]) == ("applied", {"bets": 2, "moved": 420})
    assert told(run("dispute", "apply", case["case_id"], "--as", ONE, "--json")) == applied
    assert (week.available("ann"), week.available("ben")) == (890, 1100)

    shown = run("dispute", "show", case["case_id"]).stdout
    assert f"before   final, 30-20, by {SOURCE} (official)" in shown
    assert "after    final, 20-30, by operator (official)" in shown
    steps = told(run("dispute", "show", case["case_id"], "--json"))["steps"]
    assert [step["who"] for step in steps] == [ONE, ONE, TWO, TWO, TWO]
    assert not any(b"example.org" in record.state for record in week.ledger.recorder(WEEK).read_all())

    again = run(*correct)
    assert isinstance(again.exception, NothingChanges)
    assert {each["outcome"] for each in told(run("dispute", "list", "--json"))} == {
        "applied",
        "not applied: nothing_changes",
    }
    assert isinstance(run("dispute", "close", case["case_id"], "--outcome", "x", "--as", ONE).exception, CaseNotOpen)

    later = Change(kind="result", game_id=week.listing("g1").game_id, status="final", home_score=21, away_score=30)
    carry_through(disputes(week), later)
    assert isinstance(run("dispute", "lift", case["case_id"], "--as", TWO, *WHY).exception, NothingToLift)
