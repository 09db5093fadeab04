"""Logs verified where they live: the database, its projections, and the checkpoints inside and outside of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fairpool.verifying.archives import archived
from fairpool.verifying.notes import notes_in
from fairpool.verifying.seeds import revealed_before
from fairpool.verifying.verified import Progress, Verified
from feeds.checkpoints import Checkpoints
from ledger.archives import Archive
from ledger.auditing.findings import Finding
from ledger.auditing.office import WeekInOffice, missing_weeks, office_book
from ledger.auditing.sources import RecorderSource
from ledger.auditing.tree import Noted, TreeCheck, in_both_places
from ledger.auditing.verifying import checks_of, first_of_each_kind, verify
from ledger.facts import UnknownTopic, UnreadableEvent
from ledger.ids import OFFICE, position_token
from ledger.ledger import Ledger
from ledger.proofs.notes import Verifier
from projections.projection import ProjectionStopped
from projections.rebuild import verify as compare
from projections.tree import Trees


class DatabaseVerifier:
    """Verifies logs of a database. `keys` count as signers, by default those that its office's log published.

    `folder` holds the files of signed checkpoints, `<log>.txt`. Without `projections` only the logs are looked at.
    """

    def __init__(
        self, ledger: Ledger, *, folder: Path, keys: Sequence[Verifier] = (), projections: bool = True
    ) -> None:
        self._ledger = ledger
        self._folder = folder
        self._projections = projections
        self._checkpoints = Checkpoints(ledger.datastore)
        self.office = office_book(RecorderSource(ledger.recorder(OFFICE)).leaves())
        self._keys = list(keys) or self.office.verifiers

    def verify(self, log: str, *, progress: Progress) -> Verified:
        """Verify one log, up to where it ends now; raises LogNotOpen or LogArchived."""
        source = RecorderSource(self._ledger.recorder(log))
        tree = TreeCheck(log, notes=self._notes(log), verifiers=self._keys)
        week = None if log == OFFICE else WeekInOffice(log, self.office, revealed=revealed_before(self._ledger, log))
        findings = first_of_each_kind(verify(source, tree, checks_of(log), progress=progress, office=week))
        if self._projections and (finding := self._projection(log, progress)) is not None:
            findings.append(finding)
        remarks = [] if tree.checkpoints else [f"{log}: no signed checkpoint vouches for what the log says"]
        return Verified(log, tree.tree.size, tree.tree.root(), tree.checkpoints, findings, remarks)

    def verify_all(self, *, progress: Progress) -> Iterator[Verified]:
        """Verify the office and every week, and that no week is missing; of those archived, what is known of them."""
        weeks, archives = self._ledger.weeks(), self._ledger.archives.away()
        yield self.verify(OFFICE, progress=progress)
        for week in weeks:
            yield self.verify(week, progress=progress)
        for archive in archives:
            yield self._archived(archive)
        missing = list(missing_weeks(self.office, {*weeks, *(archive.log for archive in archives)}))
        if missing:
            yield Verified(OFFICE, 0, b"", 0, missing[:1])

    def _archived(self, archive: Archive) -> Verified:
        """Hold size and root of an archived week against what stays of it here."""
        log, signed = archive.log, self._checkpoints.newest(archive.log)
        findings = archived(
            archive,
            listed=self.office.listed.get(log),
            signed=signed,
            node=Trees(self._ledger.datastore).node(log),
            verifiers=self._keys,
        )
        remark = f"{log}: archived, {archive.size} events of root {archive.root.hex()}: verify its export with --from"
        return Verified(
            log, archive.size, archive.root, int(signed is not None), first_of_each_kind(findings), [remark]
        )

    def _notes(self, log: str) -> Iterator[Noted | Finding]:
        """Yield the notes of the table and of the file, which must agree."""
        path = self._folder / f"{log}.txt"
        table = (Noted(position_token(log, each.size), each.note) for each in self._checkpoints.all(log))
        if path.exists():
            yield from in_both_places(table, notes_in(path), name=path.name)
            return
        first = next(table, None)
        if first is not None:
            yield Finding("checkpoint", path.name, f"is not in {self._folder}, and the table has checkpoints")
            yield first
            yield from table

    def _projection(self, log: str, progress: Progress) -> Finding | None:
        """Return the first row that is not what its log gives, in whatever projection."""
        try:
            differences = compare(self._ledger.datastore, log=log, progress=progress)
        except (ProjectionStopped, UnknownTopic, UnreadableEvent) as error:
            return Finding("projection", log, f"the log cannot be projected: {error}")
        for each in differences:
            what = f"{each.projection}, table {each.table}, row {each.key}"
            what += "" if each.column is None else f", {each.column}"
            text = f"{what}: expected {each.expected}, found {each.found}"
            return Finding("projection", position_token(log, each.position), text)
        return None
