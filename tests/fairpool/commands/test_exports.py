"""`fairpool audit export` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fairpool.cli import application
from ledger.datastore import Datastore
from tests.examples import WEEK
from tests.feeds.small_week import SmallWeek
from tests.played_week import export_lines

Run = Callable[..., Result]


@pytest.fixture
def week(dsn: str) -> Iterator[SmallWeek]:
    """A week that has just begun."""
    week = SmallWeek(Datastore(dsn))
    week.begin("ann", "ben")
    yield week
    week.close()


@pytest.fixture
def run(week: SmallWeek, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Exports that week."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    command = ["--data", str(tmp_path / "data"), "audit", "export", WEEK]
    return lambda *words: CliRunner().invoke(application(), [*command, *map(str, words)])


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_an_export_goes_where_it_is_told(run: Run, week: SmallWeek, tmp_path: Path) -> None:
    """To standard output by itself, to a file, to a folder that is there or is meant to be, in one form or in all."""
    lines = b"".join(line + b"\n" for line in export_lines(week.datastore))
    done = run()
    assert (done.exit_code, done.stdout_bytes) == (0, lines), done.output
    assert f"{week.head()} events of {WEEK} as jsonl" in done.stderr
    assert run("--out", tmp_path / "week.jsonl").exit_code == 0
    assert (tmp_path / "week.jsonl").read_bytes() == lines
    assert run("--format", "csv", "--out", f"{tmp_path / 'made'}/").exit_code == 0
    assert names(tmp_path / "made") == {"events.csv", "checkpoints.txt", "manifest.json"}
    assert run("--out", tmp_path / "made", "--until", 3).exit_code == 0
    assert (tmp_path / "made" / "events.jsonl").read_bytes().count(b"\n") == 3
    assert run("--format", "all", "--out", tmp_path / "all").exit_code == 0
    manifest = json.loads((tmp_path / "all" / "manifest.json").read_bytes())
    assert names(tmp_path / "all") == {*manifest["files"], "manifest.json"}
    assert (manifest["origin"], manifest["size"]) == (f"fairpool.local/{WEEK}", week.head())


def test_what_is_no_text_does_not_go_to_the_terminal() -> None:
    """The error says what to do, before any database is looked for."""
    for form in ("parquet", "all"):
        refused = CliRunner().invoke(application(), ["audit", "export", WEEK, "--format", form])
        assert refused.exit_code == 2
        assert "--out" in refused.stderr
        assert refused.stdout_bytes == b""
