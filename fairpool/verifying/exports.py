"""Exports verified alone: a folder as `fairpool audit export` writes it, a folder of those, or one file of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from fairpool.exports.export import CHECKPOINTS
from fairpool.exports.manifest import Manifest
from fairpool.verifying.manifests import EVENTS_FILE, ManifestCheck, read_manifest
from fairpool.verifying.notes import notes_in
from fairpool.verifying.verified import NotVerifiable, Progress, Verified
from ledger.auditing.lines import LineError
from ledger.auditing.office import OfficeBook, WeekInOffice, missing_weeks, office_book, revealed_seed
from ledger.auditing.sources import FileSource
from ledger.auditing.tree import TreeCheck
from ledger.auditing.verifying import checks_of, first_of_each_kind, verify
from ledger.ids import OFFICE
from ledger.proofs.notes import NoteError, Verifier
from ledger.weeks import preceding


class ExportVerifier:
    """Verifies exports below `place`. `keys` count as signers, by default those that the exports themselves name.

    `office` is what the office is known to have published; by default, what its own export below `place` says.
    """

    def __init__(self, place: Path, *, keys: Sequence[Verifier] = (), office: OfficeBook | None = None) -> None:
        self._place = place
        self._keys = list(keys)
        self._office = office or self._read_office()

    def verify(self, log: str, *, progress: Progress) -> Verified:
        """Verify one log; raises NotVerifiable where there is no export of it."""
        path = events_file(self._place, log)
        if path == self._place:
            return self._file(log, path, progress)
        return self._folder(log, path.parent, progress)

    def verify_all(self, *, progress: Progress) -> Iterator[Verified]:
        """Verify the office's log and every week's of which there is an export, and that no week is missing."""
        found = sorted(path.parent.name for path in self._place.glob(f"*/{EVENTS_FILE}"))
        if OFFICE not in found or self._office is None:
            raise NotVerifiable(
                f"{self._place} has no export of the office's log in {OFFICE}/: nothing lists the weeks"
            )
        yield self.verify(OFFICE, progress=progress)
        weeks = [log for log in found if log != OFFICE]
        for week in weeks:
            yield self.verify(week, progress=progress)
        missing = list(missing_weeks(self._office, set(weeks)))
        if missing:
            yield Verified(OFFICE, 0, b"", 0, missing[:1])

    def _folder(self, log: str, folder: Path, progress: Progress) -> Verified:
        manifest = read_manifest(folder)
        keys, remarks = self._signers(manifest)
        notes = folder / CHECKPOINTS
        tree = TreeCheck(log, notes=notes_in(notes) if notes.is_file() else (), verifiers=keys)
        source = _source(log, folder / EVENTS_FILE, hashed=True)
        check = ManifestCheck(folder, manifest, tree, source)
        findings = verify(source, tree, [*checks_of(log), check], progress=progress, office=self._in_office(log))
        first = first_of_each_kind(findings)
        if not tree.checkpoints:
            remarks.append(f"{log}: no signed checkpoint vouches for what the log says")
        return Verified(log, tree.tree.size, tree.tree.root(), tree.checkpoints, first, remarks)

    def _file(self, log: str, path: Path, progress: Progress) -> Verified:
        tree = TreeCheck(log, notes=(), verifiers=self._keys)
        source = _source(log, path)
        first = first_of_each_kind(verify(source, tree, checks_of(log), progress=progress))
        remarks = [f"{log}: a file of lines alone has no signed checkpoint: compare its root, {tree.tree.root().hex()}"]
        return Verified(log, tree.tree.size, tree.tree.root(), 0, first, remarks)

    def _signers(self, manifest: Manifest) -> tuple[list[Verifier], list[str]]:
        """Return the keys that count, and what is to be said of them."""
        if self._keys:
            return self._keys, []
        if self._office is not None and self._office.verifiers:
            return self._office.verifiers, ["signatures were held against the keys of the office's export alone"]
        try:
            keys = [Verifier.parse(text) for text in manifest.keys]
        except NoteError as error:
            raise NotVerifiable(str(error)) from error
        return keys, [
            "signatures were held against the keys that the manifest names alone: pass --key with a known one"
        ]

    def _read_office(self) -> OfficeBook | None:
        path = self._place / OFFICE / EVENTS_FILE
        return office_book(FileSource(path).leaves()) if path.is_file() else None

    def _in_office(self, log: str) -> WeekInOffice | None:
        if self._office is None or log == OFFICE:
            return None
        return WeekInOffice(log, self._office, revealed=self._revealed_before(log))

    def _revealed_before(self, week: str) -> str:
        """Return the seed of the week before, where it was exported too; else nothing."""
        path = self._place / preceding(week) / EVENTS_FILE
        return (revealed_seed(FileSource(path).leaves()) if path.is_file() else None) or ""


def events_file(place: Path, log: str) -> Path:
    """Return the file of a log's events: the place itself, or in it, or in the log's folder in it.

    Raises NotVerifiable.
    """
    for path in (place, place / EVENTS_FILE, place / log / EVENTS_FILE):
        if path.is_file():
            return path
    raise NotVerifiable(f"{place} holds no export of {log}: expected {EVENTS_FILE} in it or in {log}/")


def _source(log: str, path: Path, *, hashed: bool = False) -> FileSource:
    try:
        source = FileSource(path, hashed=hashed)
    except FileNotFoundError:
        raise NotVerifiable(f"{path} is missing") from None
    except LineError as error:
        raise NotVerifiable(f"{path}: its first line {error}") from error
    if source.log != log:
        raise NotVerifiable(f"{path} is an export of {source.log}, not of {log}")
    return source
