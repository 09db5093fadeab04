"""Promises of `fairpool feed`, as far as it needs no server."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from fairpool.cli import application
from feeds.messages import encode
from feeds.nflverse import convert_file


def test_a_week_of_the_table_is_written_as_a_feed_file(real_games: Path) -> None:
    """One message a line, in order, and nothing else; a week that the table has not is refused."""
    words = ["feed", "convert", "nflverse", str(real_games), "--season", "2012", "--week"]
    written = CliRunner().invoke(application(), [*words, "10"])
    assert written.stdout_bytes.splitlines() == [
        encode(message) for message in convert_file(real_games, season=2012, week=10)
    ]
    assert CliRunner().invoke(application(), [*words, "40"]).exit_code == 1
