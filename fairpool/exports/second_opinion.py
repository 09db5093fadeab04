"""A second opinion: programs that are not ours add up an exported journal, and are held against our books."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fairpool.exports.beancount import ledger_account
from fairpool.exports.forms import FILE_NAMES, Form


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a program came to. `by` is its name and version; `differences` is empty where it agrees to the credit."""

    by: str
    differences: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether its balances are ours, account by account."""
        return not self.differences


def second_opinion(folder: Path, *, ours: Mapping[str, int]) -> Opinion | None:
    """Return what hledger says of a folder's journal, else what beancount does, or None where neither is installed.

    `ours` has the balance of each account by its name in the ledger; one that is missing counts as 0.
    """
    return by_hledger(folder, ours=ours) or by_beancount(folder, ours=ours)


def by_hledger(folder: Path, *, ours: Mapping[str, int]) -> Opinion | None:
    """Let hledger check the journal, balance assertions included, and add it up; None where it is not on the path."""
    program = shutil.which("hledger")
    if program is None:
        return None
    by = _run(program, "--version").stdout.partition(",")[0].strip()
    journal = folder / FILE_NAMES[Form.HLEDGER]
    done = _run(program, "-f", str(journal), "balance", "--flat", "--no-total", "-O", "csv")
    if done.returncode != 0:
        return Opinion(by, (done.stderr.strip(),))
    rows = csv.reader(done.stdout.splitlines()[1:])
    return _opinion(by, {account: int(amount.partition(" ")[0]) for account, amount in rows}, ours)


def by_beancount(folder: Path, *, ours: Mapping[str, int]) -> Opinion | None:
    """Let beancount check the journal against the balances that it ends with; None where it is not installed."""
    try:
        by = f"beancount {version('beancount')}"
    except PackageNotFoundError:
        return None
    journal = folder / FILE_NAMES[Form.BEANCOUNT]
    done = _run(sys.executable, "-P", "-m", "beancount.scripts.check", "--no-cache", str(journal))
    if done.returncode != 0:
        return Opinion(by, (done.stderr.strip(),))
    return _opinion(by, dict(_asserted(journal)), ours)


def _asserted(journal: Path) -> Iterator[tuple[str, int]]:
    """Yield account and balance of each assertion in a beancount journal."""
    with journal.open(encoding="utf-8") as lines:
        for line in lines:
            match line.split():
                case [_, "balance", name, amount, _]:
                    yield ledger_account(name), int(amount)


def _opinion(by: str, theirs: Mapping[str, int], ours: Mapping[str, int]) -> Opinion:
    accounts = sorted(theirs.keys() | ours.keys())
    compared = ((account, theirs.get(account, 0), ours.get(account, 0)) for account in accounts)
    return Opinion(
        by,
        tuple(
            f"{account}: {by} comes to {found}, the ledger to {held}"
            for account, found, held in compared
            if found != held
        ),
    )


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
