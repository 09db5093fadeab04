"""`fairpool audit receipt` and `check-receipt` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from fairpool.cli import application
from feeds.checkpoints import Checkpoints
from feeds.notary import Notary
from feeds.receipts import NotSignedYet, UnknownBet
from ledger.proofs.notes import Signer
from projections.tree import Trees
from tests.examples import WEEK
from tests.ledger.playing import House

Run = Callable[..., Result]
SIGNER = Signer("fairpool.test", bytes(range(32)))


@pytest.fixture
def run(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on the database of the test."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    return lambda *words: CliRunner().invoke(application(), ["--data", str(tmp_path), "audit", *words])


def notary(house: House, folder: Path) -> Notary:
    """A notary of the house's logs."""
    datastore = house.ledger.datastore
    trees, checkpoints = Trees(datastore), Checkpoints(datastore)
    return Notary(house.ledger, trees=trees, checkpoints=checkpoints, signer=lambda: SIGNER, folder=folder)


def test_a_receipt_is_written_and_checked_without_the_database(
    run: Run, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bet that won and was corrected: file and output are one, and what they prove is told in order."""
    with House(dsn) as house:
        (entry,) = house.grouped(1)
        game = house.list_game()
        bet = house.must_bet(entry, game, market="moneyline", outcome="away", stake=100)
        for revision, home in enumerate((20, 50), start=1):
            house.result(game, home, 34, revision=revision)
            house.settle(game)
        assert isinstance(run("receipt", str(bet.bet_id)).exception, NotSignedYet)
        notary(house, tmp_path / "checkpoints").step(now=0)
    file = tmp_path / "bet.tlog-proof"
    assert run("receipt", str(bet.bet_id), "--out", str(file)).exit_code == 0
    assert run("receipt", str(bet.bet_id)).stdout == file.read_text(encoding="utf-8")
    assert isinstance(run("receipt", str(uuid4())).exception, UnknownBet)

    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    key = ("--key", str(SIGNER.verifier))
    told = run("check-receipt", str(file), *key)
    assert told.exit_code == 0, told.stderr
    first, terms, *events, last = told.stdout.splitlines()
    assert first == f"bet {bet.bet_id} of entry {entry}"
    assert terms == "on away, moneyline at +205: 305 if it wins"
    assert [line.split("  ")[2] for line in events] == [
        "stake: -100 credits, placed",
        "payout: +305 credits, won",
        "correction: -305 credits, lost (result)",
    ]
    assert last.startswith(f"proved in fairpool.test/{WEEK} at ")
    summary = json.loads(run("check-receipt", str(file), *key, "--json").stdout)
    assert (summary["bet_id"], summary["status"], summary["payout"]) == (str(bet.bet_id), "lost", 0)
    refuses_what_does_not_hold(run, file)


def refuses_what_does_not_hold(run: Run, file: Path) -> None:
    """Another key, a file that was touched, and what is no receipt end in 1, with the reason."""
    stranger = Signer("fairpool.test", bytes(32)).verifier
    for damage, key, reason in (
        (lambda data: data, stranger, "signed by none of the keys"),
        (lambda data: data.replace(b"index ", b"index 1", 1), SIGNER.verifier, "has none at index"),
        (lambda data: data[:-1], SIGNER.verifier, "different checkpoints"),
        (lambda data: b"\xff" + data, SIGNER.verifier, "can't decode"),
        (lambda data: b"", SIGNER.verifier, "no receipt"),
    ):
        touched = file.with_name("touched")
        touched.write_bytes(damage(file.read_bytes()))
        answer = run("check-receipt", str(touched), "--key", str(key))
        assert (answer.exit_code, answer.stdout) == (1, "")
        assert reason in answer.stderr
    assert "verifier key" in run("check-receipt", str(file), "--key", "nonsense").stderr
