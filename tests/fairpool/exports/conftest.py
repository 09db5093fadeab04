"""The played week, exported: it is played once for all tests here, none of which may ask for a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fairpool.exports.export import export_folder
from fairpool.exports.manifest import Manifest
from fairpool.exports.published import Published, published
from feeds.checkpoints import Checkpoints, SignedCheckpoint
from ledger import publishing
from ledger.proofs.notes import Checkpoint
from ledger.recorder import LogRecorder
from tests.database import Database
from tests.examples import STARTS_AT, WEEK
from tests.feeds.small_week import SmallWeek
from tests.played_week import ORIGIN, SIGNER, checkpoints, export_lines, played_week

SIZES = (40, 100, 200)


@dataclass(frozen=True)
class Exported:
    """The week, still open, and its folder."""

    week: SmallWeek
    lines: list[bytes]
    notes: list[str]
    folder: Path
    manifest: Manifest

    @property
    def recorder(self) -> LogRecorder:
        """The log."""
        return self.week.ledger.recorder(WEEK)

    @property
    def published(self) -> Published:
        """What the office and the notary say of it."""
        return published(self.week.ledger, log=WEEK, origin=ORIGIN)


@pytest.fixture(scope="package")
def exported(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    """The week with three checkpoints, in all forms."""
    database.empty()
    with played_week(database.dsn) as week:
        publishing.add_key(
            week.ledger,
            key_id=SIGNER.verifier.key_id.hex(),
            public_key=str(SIGNER.verifier),
            purpose="checkpoints",
            actor="operator:test",
            request="key",
        )
        lines = export_lines(week.datastore)
        notes = checkpoints(lines, SIZES)
        for note in notes:
            signed = Checkpoint.parse(note.partition("\n\n")[0] + "\n")
            Checkpoints(week.datastore).add(SignedCheckpoint(WEEK, signed.size, signed.root, note), signed_at=STARTS_AT)
        folder = tmp_path_factory.mktemp("export")
        about = published(week.ledger, log=WEEK, origin=ORIGIN)
        manifest = export_folder(week.ledger.recorder(WEEK), folder, published=about)
        yield Exported(week, lines, notes, folder, manifest)
