"""`fairpool payments` on the command line, beside a service that sells and pays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from fairpool.cli import application
from fairpool.money import MoneyMisconfigured
from ledger.datastore import Datastore
from tests.feeds.payments.paid_week import POLICY, play
from tests.feeds.payments.shop import SECRET, Shop, shop
from tests.feeds.small_week import WEEK

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, dsn: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a data directory and a database of its own."""
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("NATS_URL", "nats://127.0.0.1:1")
    monkeypatch.delenv("FAIRPOOL_STRIPE_KEY", raising=False)
    return lambda *words: CliRunner().invoke(application(), ["--data", str(tmp_path), "payments", *words])


@pytest.fixture
def with_key(monkeypatch: pytest.MonkeyPatch) -> Callable[[Shop], None]:
    """Sets what the command needs to ask a shop's provider."""

    def set_key(played: Shop) -> None:
        monkeypatch.setenv("FAIRPOOL_STRIPE_KEY", played.sandbox.api_key)
        monkeypatch.setenv("FAIRPOOL_STRIPE_WEBHOOK_SECRETS", SECRET)
        monkeypatch.setenv("FAIRPOOL_STRIPE_URL", played.sandbox.base_url)

    return set_key


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_week_is_reconciled_and_its_prizes_held_and_released(
    run: Run, datastore: Datastore, with_key: Callable[[Shop], None]
) -> None:
    """Totals and exit code 0 where all agrees, the differences and exit code 1 where not."""
    with shop(datastore, policy=POLICY) as played:
        play(played)
        with_key(played)
        agrees = run("reconcile", WEEK)
        assert (agrees.exit_code, agrees.stdout.splitlines()[-1]) == (0, "reconciliation: ok")
        assert "credits: 5000 issued; 4 accounts of 1000, 1000 bought back" in agrees.stdout

        _prizes_are_held(run, played)
        [charge] = [each for each in played.sandbox.objects("charge") if each["amount"] == 700]
        played.sandbox.refund(charge["id"])
        differs = run("reconcile", WEEK)
        assert (differs.exit_code, differs.stdout.splitlines()[-1]) == (1, "reconciliation: NOT OK, 1 differ")
        as_json = run("reconcile", WEEK, "--json")
        [difference] = told(as_json)["differences"]
        assert (as_json.exit_code, told(as_json)["ok"], difference["what"]) == (1, False, "refunds_differ")
        assert f"refunds_differ {difference['id']}: 700 at the provider, 0 here" in differs.stdout


def _prizes_are_held(run: Run, played: Shop) -> None:
    entry = str(played.week.entry("ann"))
    [waits] = [prize for prize in told(run("prizes", WEEK, "--json")) if prize["entry"] == entry]
    assert (waits["state"], waits["reason"], waits["amount_cents"]) == ("held", "payout_account", 2000)
    assert "payment.prize_held at office:" in run("hold", entry, "--reason", "asked for help").stdout
    assert "held already" in run("hold", entry, "--reason", "asked for help").stdout
    assert f"{entry} W2026-47-A rank 2 2000 usd held for operator" in run("prizes", WEEK).stdout
    assert "payment.prize_released at office:" in run("release", entry, "--reason", "helped").stdout
    [waits] = [prize for prize in told(run("prizes", WEEK, "--json")) if prize["entry"] == entry]
    assert (waits["state"], waits["why"]) == ("owed", "helped")


def test_payments_are_listed_with_what_came_of_them(run: Run, datastore: Datastore) -> None:
    """For people and for machines; one that nobody has paid is not decided."""
    with shop(datastore) as played:
        played.open("ann", "bob")
        sold, opened = played.sold("ann"), played.buy("bob", "weekly_pass")
        listed = {each["payment_id"]: each for each in told(run("list", WEEK, "--json"))}
        assert listed[str(sold.payment_id)]["verdict"] == "accepted"
        assert listed[str(opened.payment_id)]["status"] == "open"
        lines = run("list", WEEK).stdout.splitlines()
        assert f"{sold.payment_id} weekly_pass 500 usd paid, accepted, refunded 0, dispute none" in lines
        assert f"{opened.payment_id} weekly_pass 500 usd open, not decided, refunded 0, dispute none" in lines

        refused = run("reconcile", WEEK)
        assert isinstance(refused.exception, MoneyMisconfigured)
        assert "set FAIRPOOL_STRIPE_KEY" in str(refused.exception)


def test_a_free_week_is_reconciled_without_a_key(run: Run, datastore: Datastore) -> None:
    """All is zero, and well."""
    with shop(datastore) as played:
        played.open("ann")
        free = run("reconcile", WEEK, "--json")
        assert (free.exit_code, told(free)["ok"], told(free)["money"]) == (0, True, [])


def test_only_a_prize_that_was_won_can_be_held(run: Run, datastore: Datastore) -> None:
    """The refusal names the entry."""
    with shop(datastore) as played:
        played.open("ann")
        entry = str(uuid4())
        refused = run("hold", entry, "--reason", "because")
        assert refused.exit_code == 2
        assert entry in refused.output
