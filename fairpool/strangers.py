"""What strangers make of a week: its export, checked by a program and by bookkeepers that share nothing with us."""

from __future__ import annotations

import subprocess
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fairpool.core import Core
from fairpool.exports.books import balances
from fairpool.exports.export import export_folder
from fairpool.exports.published import Published, published
from fairpool.exports.second_opinion import Opinion, second_opinion
from ledger.ids import OFFICE

VERIFIER: Final = Path(__file__).parent.parent / "docs" / "verify_week.py"
_PATIENCE_SECONDS: Final = 30.0


class TreesBehind(Exception):
    """The trees of the logs do not come to the logs' ends: see `fairpool projections status`."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify_week.py` printed, and whether nothing differed."""

    is_ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Strangers:
    """What they found in a folder. Who could not be asked, as a program is not here, is None."""

    folder: Path
    verdict: Verdict | None
    journal: Opinion | None

    @property
    def are_content(self) -> bool:
        """Whether nobody found a difference."""
        return (self.verdict is None or self.verdict.is_ok) and (self.journal is None or self.journal.agrees)


def invite(built: Core, *, week: str, folder: Path) -> Strangers:
    """Sign and export a final week and the office below `folder`, and have strangers check them.

    Their balances are held against those of the projection `journal`. Raises TreesBehind.
    """
    sign(built)
    exported = {log: folder / log for log in (week, OFFICE)}
    for log, place in exported.items():
        export_folder(built.ledger.recorder(log), place, published=_published(built, log))
    keys = _published(built, week).keys
    ours = balances(built.ledger.datastore, week)
    verdict = verify_alone(exported[week], office=exported[OFFICE], keys=keys)
    return Strangers(exported[week], verdict, second_opinion(exported[week], ours=ours))


def sign(built: Core) -> None:
    """Sign all logs as they stand. A final week is then listed in the office, which is signed with that."""
    _wait_for_trees(built)
    while built.notary.step(now=time.monotonic(), forced=True):
        _wait_for_trees(built)


def verify_alone(folder: Path, *, office: Path, keys: tuple[str, ...], program: Path = VERIFIER) -> Verdict | None:
    """Run `verify_week.py` on an export, in a bare virtual environment in which none of our packages is.

    Returns None where the program is not here: it stands beside the source, and is no part of an installed package.
    """
    if not program.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="fairpool-stranger-") as bare:
        venv.create(bare, with_pip=False, symlinks=True)
        python = Path(bare, "bin", "python")
        named = [word for key in keys for word in ("--key", key)]
        command = [str(python), "-I", str(program), str(folder), *named, "--office", str(office)]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return Verdict(done.returncode == 0, (done.stdout + done.stderr).strip())


def _published(built: Core, log: str) -> Published:
    return published(built.ledger, log=log, origin=built.settings.origin)


def _wait_for_trees(built: Core) -> None:
    for log in (*built.ledger.weeks(), OFFICE):
        head = built.ledger.recorder(log).head().position
        if head and not built.projections.wait_for(log, head, timeout=_PATIENCE_SECONDS, names=["tree"]):
            raise TreesBehind(f"the tree of {log} does not come to position {head}: see `fairpool projections status`")
