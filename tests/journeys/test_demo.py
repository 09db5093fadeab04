"""A whole week through the real program, and a second program that gets the same from the export and the feed alone."""

from __future__ import annotations

import json
from pathlib import Path

from fairpool.sample import nfl_week
from tests.journeys.other_leagues import feed_of_other_leagues
from tests.journeys.program import demo, fairpool, oracle
from tests.templates import Template


def test_the_sample_week_with_250_players_comes_out_audited(cluster: Template, tmp_path: Path) -> None:
    """250 players are dealt into pools of 84, 83 and 83, every bet is resolved, and no credit is made or lost.

    All have paid, one of the two who went bust bought back in time, and every prize is paid, to the cent.
    """
    report = demo(data=cluster.copy(tmp_path / "data"))
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


def test_a_demo_without_players_runs_an_empty_week() -> None:
    """A week without entries has no pools, and is settled and audited all the same."""
    report = demo("--players", "0")
    assert (report["pools"], report["bets"]["placed"], report["audit"]["ok"]) == ([], 0, True)


def test_a_real_week_settles_as_the_oracle_says(cluster: Template, tmp_path: Path, real_games: Path) -> None:
    """A week of the table of real games plays, converted as anybody would, and agrees with the independent program.

    More of them, those with ties among them, are played through a bad feed in `tests/seasons`.
    """
    feed = tmp_path / "feed.jsonl"
    converted = fairpool("feed", "convert", "nflverse", real_games, "--season", "2014", "--week", "5")
    feed.write_bytes(converted.stdout)
    report = demo("--feed", feed, "--players", "40", "--bets", "320", data=cluster.copy(tmp_path / "data"))
    assert report["audit"]["ok"]
    _agrees_with_the_oracle(tmp_path, report["week"], feed, report["standings_hash"])


def test_a_feed_of_other_leagues_plays_the_same_way_each_time(cluster: Template, tmp_path: Path) -> None:
    """Draws, three-way prices, cancelled and postponed games, corrections and bad lines of another source settle.

    With the same feed, players, bets and seed a second demo ends with the same standings, with another seed not so.
    """
    feed = tmp_path / "feed.jsonl"
    feed.write_bytes(feed_of_other_leagues())
    chosen = ("--feed", feed, "--players", "30", "--bets", "300")
    report = demo(*chosen, data=cluster.copy(tmp_path / "data"))
    assert report["audit"]["ok"]
    assert report["games"] == {"settled": 4, "void": 2, "other_week": 1}
    assert report["messages"]["dead"] == 2
    assert report["bets"]["returned"] > 0
    _agrees_with_the_oracle(tmp_path, report["week"], feed, report["standings_hash"])
    again, other = demo(*chosen), demo(*chosen, "--seed", "2")
    assert report["standings_hash"] == again["standings_hash"] != other["standings_hash"]
    assert {**report, "seconds": None} == {**again, "seconds": None}


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
