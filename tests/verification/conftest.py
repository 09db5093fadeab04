"""One played week for all tests of the stranger's program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fairpool.exports.export import export_folder
from fairpool.exports.forms import Form
from fairpool.exports.published import Published
from ledger import publishing
from ledger.proofs.merkle import Frontier, leaf_hash
from ledger.recorder import LogRecorder
from tests.database import Database
from tests.examples import WEEK
from tests.played_week import ORIGIN, SIGNER, checkpoints, export_lines, played_week
from tests.verification.copies import Copy, sizes, write_export


class Played(NamedTuple):
    """The logs of the week and of the office, and their exports."""

    lines: list[bytes]
    office: list[bytes]
    folder: Path
    office_folder: Path

    def copy(self) -> Copy:
        """The week's log, to be tampered with."""
        return Copy(self.lines)


@pytest.fixture(scope="session")
def played(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The week, exported as the service does it, its office with what it owes to strangers."""
    folder, office_folder = tmp_path_factory.mktemp("export"), tmp_path_factory.mktemp("office")
    database.empty()
    with played_week(database.dsn) as week:
        lines = export_lines(week.datastore)
        tree = Frontier()
        for line in lines:
            tree.append(leaf_hash(line))
        said = {"actor": "notary", "request": "test"}
        key = SIGNER.verifier
        publishing.add_key(week.ledger, key_id=key.key_id.hex(), public_key=str(key), purpose="checkpoints", **said)
        publishing.list_week(week.ledger, week=WEEK, size=len(lines), root=tree.root(), **said)
        notes = checkpoints(lines, sizes(len(lines)))
        published = Published(origin=f"{ORIGIN}/{WEEK}", keys=(str(key),), notes=lambda size: notes)
        export_folder(
            LogRecorder(week.datastore, WEEK), folder, published=published, forms=[Form.JSONL, Form.CSV, Form.HLEDGER]
        )
        office = export_lines(week.datastore, "office")
    write_export(office_folder, office, checkpoints(office, [len(office)], log="office"))
    yield Played(lines, office, folder, office_folder)
