"""`fairpool keys` on the command line."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from api.identity.keys import ApiKeys
from api.identity.revocations import Revocations
from fairpool.cli import application
from fairpool.clocks import system_clock
from ledger.datastore import Datastore

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a data directory and a database of its own."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    for name in ("FAIRPOOL_TOKEN_KEY", "FAIRPOOL_TOKEN_KEYS_RETIRED"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: CliRunner().invoke(application(), ["--data", str(tmp_path), "keys", *words])


def listed(run: Run) -> list[tuple[str, str]]:
    return [(key["kid"], key["use"]) for key in json.loads(run("list", "--json").stdout)]


def test_a_rotated_key_is_listed_as_accepted_beside_the_new_one(run: Run) -> None:
    """The command says that running services have to be started again."""
    [(old, _)] = listed(run)
    rotated = run("rotate")
    assert rotated.exit_code == 0
    assert "Restart" in rotated.stderr
    [(new, signs), retired] = listed(run)
    assert new != old
    assert (signs, retired) == ("signs", (old, "accepted"))
    assert old in run("list").stdout


def test_a_key_that_comes_from_the_settings_is_told_to_be_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output holds the settings and nothing else."""
    monkeypatch.setenv("FAIRPOOL_TOKEN_KEY", "07" * 32)
    [(old, _)] = listed(run)
    for line in run("rotate", "--accept-hours", "1").stdout.split():
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    [(new, _), retired] = listed(run)
    assert new != old
    assert retired == (old, "accepted")


def test_an_api_key_from_the_command_line_works(run: Run, dsn: str) -> None:
    """It is all that standard output holds."""
    made = run("create-api", "--role", "auditor", "--name", "dashboard", "--days", "1")
    assert made.exit_code == 0, made.output
    with closing(Datastore(dsn)) as datastore:
        keys = ApiKeys(
            datastore,
            revocations=Revocations(datastore, window=timedelta(minutes=15)),
            new_id=uuid4,
            new_secret=secrets.token_bytes,
            now=system_clock,
        )
        principal = asyncio.run(keys.principal(made.stdout.strip()))
    assert principal.role == "auditor"
    assert principal.scopes == {"audit"}


def test_an_api_key_cannot_have_more_than_its_role(run: Run) -> None:
    """The error names what it may have."""
    refused = run("create-api", "--role", "auditor", "--name", "greedy", "--scope", "people")
    assert refused.exit_code != 0
    assert "audit" in str(refused.exception)
