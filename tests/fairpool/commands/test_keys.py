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
from fairpool.log_keys import KeySigns
from feeds.checkpoints import Checkpoints
from ledger.datastore import Datastore
from ledger.facts import fact_of
from ledger.ids import OFFICE
from ledger.proofs.notes import Signer, Verifier, open_checkpoint
from ledger.recorder import LogRecorder

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a data directory and a database of its own."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    for name in ("FAIRPOOL_TOKEN_KEY", "FAIRPOOL_TOKEN_KEYS_RETIRED", "FAIRPOOL_LOG_KEY", "FAIRPOOL_CHECKPOINTS"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: CliRunner().invoke(application(), ["--data", str(tmp_path), "keys", *words])


def listed(run: Run) -> list[tuple[str, str]]:
    return [(key["kid"], key["use"]) for key in json.loads(run("list", "--json").stdout) if "verifier" not in key]


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


def test_the_verifier_key_of_checkpoints_is_listed_and_printed_for_publication(run: Run) -> None:
    """The same text each time, and nothing beside it where it is asked for alone."""
    printed = run("verifier").stdout
    assert str(Verifier.parse(printed)) + "\n" == printed
    assert printed.strip() in run("list").stdout
    assert json.loads(run("list", "--json").stdout)[-1]["verifier"] == printed.strip()


def test_a_new_key_of_checkpoints_is_vouched_for_by_the_old_one(run: Run, dsn: str, tmp_path: Path) -> None:
    """The office's checkpoint that covers the new key is signed by the old one, which is retired behind it."""
    old = Verifier.parse(run("verifier").stdout)
    rotated = run("rotate", "--log")
    assert rotated.exit_code == 0, rotated.output
    new = Verifier.parse(rotated.stdout)
    assert new == Verifier.parse(run("verifier").stdout) != old
    said = [(event["type"], event["key_id"]) for event in office(dsn)]
    added, other, retired = [
        ("office.key_added", new.key_id.hex()),
        ("office.key_added", old.key_id.hex()),
        ("office.key_retired", old.key_id.hex()),
    ]
    assert sorted(said[:2]) == sorted([added, other])
    assert said[2:] == [retired]
    with closing(Datastore(dsn)) as datastore:
        vouching = Checkpoints(datastore).covering(OFFICE, 1 + said.index(added))
    assert vouching is not None
    assert open_checkpoint(vouching.note, [old]).size == vouching.size
    assert (tmp_path / "checkpoints" / "office.txt").read_text() == vouching.note + "\n"


def test_a_key_of_checkpoints_from_the_settings_is_retired_when_the_new_one_is_set(
    run: Run, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked again before it is set, the rotation names the same new key; the old one signs on until then."""
    monkeypatch.setenv("FAIRPOOL_LOG_KEY", "07" * 32)
    old = Signer("fairpool.local", bytes([7]) * 32).verifier
    to_set = run("rotate", "--log").stdout.strip()
    assert run("rotate", "--log").stdout.strip() == to_set
    assert isinstance(run("retire", old.key_id.hex()).exception, KeySigns)
    name, _, value = to_set.partition("=")
    monkeypatch.setenv(name, value)
    assert run("retire", old.key_id.hex()).exit_code == 0
    assert [event["key_id"] for event in office(dsn) if event["type"] == "office.key_retired"] == [old.key_id.hex()]
    assert run("rotate", "--log").stdout.strip() != to_set


def office(dsn: str) -> list[dict[str, str]]:
    """The office's events about keys."""
    with closing(Datastore(dsn)) as datastore:
        events = [fact_of(record).event for record in LogRecorder(datastore, OFFICE).read()]
    return [{"type": event.TOPIC, "key_id": event.key_id} for event in events if hasattr(event, "key_id")]
