"""What archives are made of and checked by."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairpool.core import Core
from fairpool.secrets_file import log_signer
from fairpool.verifying.exports import ExportVerifier
from fairpool.verifying.verified import Progress
from feeds.checkpoints import Checkpoints
from feeds.notary import Notary
from ledger.archives import Archive
from ledger.auditing.office import office_book
from ledger.auditing.sources import RecorderSource
from ledger.cases import note_act
from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.mendable import Mendable
from ledger.proofs.notes import Signer, Verifier
from projections.runner import Runner

Tell = Callable[[str], None]


class ExportRefused(Mendable):
    """An export is not what it has to be: the message says where."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """A service with what only its owner has: `dsn`, which names who may drop tables.

    `origin` is that of its checkpoints, `notes` the folder of their files, `signer` gives the key that signs them.
    """

    ledger: Ledger
    runner: Runner
    notary: Notary
    signer: Callable[[], Signer]
    origin: str
    notes: Path
    dsn: str

    @property
    def checkpoints(self) -> Checkpoints:
        """The signed checkpoints."""
        return Checkpoints(self.ledger.datastore)

    def exports(self, folder: Path, log: str, *, keys: Sequence[Verifier]) -> ExportVerifier:
        """Return what verifies an export of a log by some keys and, if it lists the log, by this service's office."""
        office = office_book(RecorderSource(self.ledger.recorder(OFFICE)).leaves())
        return ExportVerifier(folder, keys=keys, office=office if log in office.listed else None)

    def known_keys(self) -> list[Verifier]:
        """Return the keys whose checkpoints count here: those that the office has published, and the service's own."""
        office = office_book(RecorderSource(self.ledger.recorder(OFFICE)).leaves())
        return [*office.verifiers, self.signer().verifier]

    def note(self, archive: Archive, *, what: str, reason: str, actor: str) -> Fact:
        """Note in the office's log that a week was archived or restored; again, the first note."""
        return note_act(
            self.ledger,
            log=OFFICE,
            subject=f"week:{archive.log}",
            reason=reason,
            outcome=f"{what}: {archive.size} events, root {archive.root.hex()}, manifest {archive.manifest_sha256}",
            actor=actor,
            request=f"{archive.log}/{what}/{archive.times}",
        ).result()


def keeping(built: Core, dsn: str) -> Keeping:
    """Return the archives of a service."""
    return Keeping(
        ledger=built.ledger,
        runner=built.projections,
        notary=built.notary,
        signer=lambda: log_signer(built.settings),
        origin=built.settings.origin,
        notes=built.settings.checkpoints_folder,
        dsn=dsn,
    )


def require_sound(verifier: ExportVerifier, log: str, *, progress: Progress) -> tuple[int, bytes]:
    """Return size and root of an export that holds; raises ExportRefused, which names the first thing that is wrong."""
    verified = verifier.verify(log, progress=progress)
    if verified.findings:
        raise ExportRefused(f"the export of {log} does not hold: {verified.findings[0]}")
    return verified.size, verified.root


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's files, and those of the folders that were made for it, as durable as their bytes."""
    # Whoever makes a folder may read it; above may be some that only root can read, which stood there before.
    for each in (folder, *(parent for parent in folder.resolve().parents if os.access(parent, os.R_OK))):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
