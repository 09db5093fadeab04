"""A whole week through the real program, and a second program that gets the same from the export and the feed alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairpool.sample import nfl_week
from tests.journeys.other_leagues import feed_of_other_leagues
from tests.journeys.program import demo, fairpool, oracle


def test_the_sample_week_with_250_players_comes_out_audited(tmp_path: Path) -> None:
    """250 players are dealt into pools of 84, 83 and 83, every bet is resolved, and no credit is made or lost.

    All have paid, one of the two who went bust bought back in time, and every prize is paid, to the cent.
    """
    report = demo(data=tmp_path / "data")
    assert (report["week"], report["pools"]) == ("2024-W45", [84, 83, 83])
    bets = report["bets"]
    assert bets["placed"] == bets["won"] + bets["lost"] + bets["returned"] == 2000
    credits = report["credits"]
    assert credits["issued"] == 251_000 == credits["available"] + credits["house"]
    assert credits["escrow"] == 0
    assert report["games"] == {"settled": 13, "void": 0, "other_week": 1}
    assert report["audit"] == {"ok": True}
    paid = report["payments"]
    assert (paid["passes"], paid["buy_backs"], paid["refunded"], paid["reconciled"]) == (225, 1, 1, True)
    assert paid["prizes"].keys() == {"paid"}
    assert paid["prizes_paid_cents"] == 30_000
    strangers = report["strangers"]
    assert (strangers["verified"], strangers["journal"]["agrees"]) == (True, True)
    assert strangers["journal"]["by"].startswith(("hledger ", "beancount "))
    _agrees_with_the_oracle(tmp_path, report["week"], nfl_week(), report["standings_hash"])
    again = fairpool("demo", "--players", "2", data=tmp_path / "data")
    assert again.returncode == 1
    assert b"choose another --data" in again.stderr, "a week is not played twice on the same data"


def test_the_same_seed_plays_the_same_week() -> None:
    """Two demos with the same feed, players, bets and seed end with the same standings; another seed does not."""
    small = ("--players", "12", "--bets", "60")
    first, again, other = demo(*small), demo(*small), demo(*small, "--seed", "2")
    assert first["standings_hash"] == again["standings_hash"] != other["standings_hash"]
    assert {**first, "seconds": None} == {**again, "seconds": None}


def test_a_demo_without_players_runs_an_empty_week() -> None:
    """A week without entries has no pools, and is settled and audited all the same."""
    report = demo("--players", "0")
    assert (report["pools"], report["bets"]["placed"], report["audit"]["ok"]) == ([], 0, True)


@pytest.mark.parametrize(("season", "week"), [(2012, 10), (2014, 5), (2018, 1)])
def test_real_weeks_settle_as_the_oracle_says(tmp_path: Path, real_games: Path, season: int, week: int) -> None:
    """Weeks of the table of real games play, ties and pushes included, and agree with the independent program."""
    feed = tmp_path / "feed.jsonl"
    converted = fairpool("feed", "convert", "nflverse", real_games, "--season", str(season), "--week", str(week))
    feed.write_bytes(converted.stdout)
    report = demo("--feed", feed, "--players", "40", "--bets", "320", data=tmp_path / "data")
    assert report["audit"]["ok"]
    _agrees_with_the_oracle(tmp_path, report["week"], feed, report["standings_hash"])


def test_a_feed_of_other_leagues_plays(tmp_path: Path) -> None:
    """Draws, three-way prices, cancelled and postponed games, corrections and bad lines of another source settle."""
    feed = tmp_path / "feed.jsonl"
    feed.write_bytes(feed_of_other_leagues())
    report = demo("--feed", feed, "--players", "30", "--bets", "300", data=tmp_path / "data")
    assert report["audit"]["ok"]
    assert report["games"] == {"settled": 4, "void": 2, "other_week": 1}
    assert report["messages"]["dead"] == 2
    assert report["bets"]["returned"] > 0
    _agrees_with_the_oracle(tmp_path, report["week"], feed, report["standings_hash"])


def _agrees_with_the_oracle(tmp_path: Path, week: str, feed: Path, standings_hash: str) -> None:
    """Export again, to the bytes that the demo exported, and let the independent program settle the feed."""
    export, exported = tmp_path / "again.jsonl", tmp_path / "data" / "exports" / week / "events.jsonl"
    done = fairpool("audit", "export", week, "--format", "jsonl", "--out", export, data=tmp_path / "data")
    assert done.returncode == 0, done.stderr.decode()
    assert export.read_bytes() == exported.read_bytes()
    judged = oracle(export, feed)
    assert judged.returncode == 0, judged.stdout.decode()
    assert json.loads(judged.stdout)["standings_hash"] == standings_hash
    verified = fairpool("audit", "verify", week, data=tmp_path / "data")
    assert (verified.returncode, verified.stdout) == (0, b""), verified.stdout.decode()
