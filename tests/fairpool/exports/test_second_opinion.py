"""The journals, added up by programs that are not ours: their balances are the ledger's to the credit."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from fairpool.exports.beancount import ledger_account
from fairpool.exports.books import balances
from fairpool.exports.second_opinion import Opinion, by_beancount, by_hledger, second_opinion
from ledger.replay import Replay
from tests.examples import WEEK
from tests.fairpool.exports.conftest import Exported

Asked = Callable[..., Opinion | None]
# hledger is a package of the system, which is not everywhere; beancount comes with the tests.
ASKED = [by_hledger, by_beancount] if shutil.which("hledger") else [by_beancount]


@pytest.fixture
def ours(exported: Exported) -> dict[str, int]:
    return balances(exported.week.datastore, WEEK)


def opinion(asked: Asked, folder: Path, ours: Mapping[str, int]) -> Opinion:
    found = asked(folder, ours=ours)
    assert found is not None
    return found


def test_our_books_are_those_of_a_replay(exported: Exported, ours: dict[str, int]) -> None:
    """Each entry's credits and, by pool, issuance, escrow and house."""
    replay = Replay(WEEK).fold(exported.week.facts())
    assert {account: held for account, held in ours.items() if account.startswith("entry:")} == {
        f"entry:{entry}": held for entry, held in replay.balances.items()
    }
    of_pools: Counter[tuple[str, str]] = Counter()
    for account, held in ours.items():
        kind, name, *_ = account.split(":")
        of_pools[kind, name] += held
    for name, books in replay.books.items():
        assert of_pools["issuance", name] == books.issuance
        assert of_pools["escrow", name] == books.escrow == 0
        assert of_pools["house", name] == books.house


@pytest.mark.parametrize("asked", ASKED)
def test_other_programs_agree_to_the_credit(exported: Exported, ours: dict[str, int], asked: Asked) -> None:
    """For every account; and the program says who it is."""
    said = opinion(asked, exported.folder, ours)
    assert said.agrees, said.differences
    assert said.by.split()[0] == asked.__name__.removeprefix("by_")


@pytest.mark.parametrize("asked", ASKED)
def test_other_programs_differ_where_our_books_are_wrong(
    exported: Exported, ours: dict[str, int], asked: Asked
) -> None:
    """A credit too much, an account too many and one that is missing are named."""
    entry, *_ = (account for account in ours if account.startswith("entry:"))
    wrong = ours | {entry: ours[entry] + 1, "entry:nobody": 7}
    house = next(account for account in ours if account.startswith("house:"))
    del wrong[house]
    said = opinion(asked, exported.folder, wrong)
    assert [difference.partition(": ")[0] for difference in said.differences] == sorted([entry, "entry:nobody", house])


@pytest.mark.parametrize("asked", ASKED)
def test_a_journal_in_which_a_credit_was_changed_does_not_add_up(
    exported: Exported, ours: dict[str, int], asked: Asked, tmp_path: Path
) -> None:
    """The transaction is refused, by the balance that stands beside it or at the end."""
    for name in ("journal.hledger", "journal.beancount"):
        journal = (exported.folder / name).read_text(encoding="utf-8")
        assert " 333 CREDITS" in journal
        (tmp_path / name).write_text(journal.replace(" 333 CREDITS", " 334 CREDITS"), encoding="utf-8")
    said = opinion(asked, tmp_path, ours)
    assert not said.agrees
    assert "balance" in said.differences[0].lower()


def test_beancount_finds_no_fault_and_adds_up_to_our_books(exported: Exported, ours: dict[str, int]) -> None:
    """By its own loader, from the postings alone, without the balances that we assert."""
    loader, data = import_module("beancount.loader"), import_module("beancount.core.data")
    entries, errors, _ = loader.load_file(str(exported.folder / "journal.beancount"))
    assert errors == []
    added_up: Counter[str] = Counter()
    transactions: list[Any] = [entry for entry in entries if isinstance(entry, data.Transaction)]
    for transaction in transactions:
        for posting in transaction.postings:
            assert posting.units.number == Decimal(int(posting.units.number))
            added_up[ledger_account(posting.account)] += int(posting.units.number)
    assert len(transactions) == exported.manifest.files["journal.beancount"].rows
    assert {account: held for account, held in added_up.items() if held} == {
        account: held for account, held in ours.items() if held
    }


def test_without_either_program_there_is_no_opinion(
    exported: Exported, ours: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second is asked where the first is missing, and nobody where both are."""
    monkeypatch.setenv("PATH", "")
    said = second_opinion(exported.folder, ours=ours)
    assert said is not None and said.by.startswith("beancount ")
    monkeypatch.setattr(sys, "path", [])
    assert second_opinion(exported.folder, ours=ours) is None
