"""A week comes back from its export: the same events, byte for byte, in a partition like any other."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from fairpool.archives.keeping import ExportRefused, Keeping, Tell, require_sound
from fairpool.archives.partitions import Partitions
from fairpool.exports.export import CHECKPOINTS
from fairpool.exports.manifest import Manifest
from fairpool.verifying.manifests import EVENTS_FILE, read_manifest
from fairpool.verifying.notes import notes_in
from fairpool.verifying.verified import NotVerifiable, Progress
from feeds.checkpoints import SignedCheckpoint
from feeds.extending import CheckpointRefused, opened
from feeds.note_file import NoteFile
from ledger.archives import Archive
from ledger.auditing.sources import FileSource
from ledger.events import PoolsDrawn, WeekSealed
from ledger.facts import Record, fact_of
from ledger.ids import OFFICE
from ledger.instants import Instant
from ledger.mendable import Mendable
from ledger.proofs.merkle import Frontier, leaf_hash
from ledger.proofs.notes import Verifier


class NotRestorable(Mendable):
    """The week cannot come back, or not from this export: the message says why."""


def restore(
    keeping: Keeping,
    folder: Path,
    *,
    keys: Sequence[Verifier] = (),
    reason: str,
    actor: str,
    progress: Progress,
    tell: Tell,
) -> Archive:
    """Restore the week whose archive is in a folder. `keys` count as signers, by default those that count here.

    `tell` is told each step before it is taken. Raises NotRestorable, ExportRefused, ArchivesInUse.
    """
    try:
        manifest = read_manifest(folder)
    except NotVerifiable as error:
        raise NotRestorable(str(error)) from error
    with Partitions.alone(keeping.dsn) as partitions:
        if _is_here(keeping, manifest.log):
            return _noted(keeping, manifest.log, reason=reason, actor=actor)
        tell(f"verifying {folder}")
        trusted = list(keys) or keeping.known_keys()
        _require_archive(keeping, folder, manifest, keys=trusted, progress=progress)
        tell(f"restoring {manifest.log}")
        with partitions.transaction() as connection:
            partitions.stage()
            read = _Reading(folder, manifest, progress)
            partitions.fill(read.records())
            for checkpoint in _lacking(keeping, folder, manifest.log):
                keeping.checkpoints.add(checkpoint, signed_at=read.recorded_at, on=connection)
            partitions.take_back(read.archive(restored_at=Instant.of(keeping.ledger.clock())))
        tell(f"noting in the office that {manifest.log} is back")
        return _noted(keeping, manifest.log, reason=reason, actor=actor)


class _Reading:
    """Reads an export once more while its events are taken in: they must be those that were verified."""

    def __init__(self, folder: Path, manifest: Manifest, progress: Progress) -> None:
        self._source = FileSource(folder / EVENTS_FILE)
        self._manifest = manifest
        self._progress = progress
        self._tree = Frontier()
        self._seed = ""
        self.recorded_at: Instant

    def records(self) -> Iterator[Record]:
        """Yield the records; raises ExportRefused where they are not what the manifest says."""
        for leaf in self._source.leaves():
            if leaf.record is None:
                raise ExportRefused(f"line {self._tree.size + 1} of {self._source.path} {leaf.trouble}")
            self._tree.append(leaf_hash(leaf.line))
            if leaf.record.topic == PoolsDrawn.TOPIC:
                drawn = fact_of(leaf.record).event
                assert isinstance(drawn, PoolsDrawn)
                self._seed = drawn.seed
            self.recorded_at = leaf.record.recorded_at
            if self._tree.size % 1_000 == 0:
                self._progress(self._tree.size, self._source.size)
            yield leaf.record
        self._progress(self._tree.size, self._source.size)
        if (self._tree.size, self._tree.root().hex()) != (self._manifest.size, self._manifest.root):
            raise ExportRefused(f"{self._source.path} changed since it was verified")

    def archive(self, *, restored_at: Instant) -> Archive:
        """Return what was read, as an archive that is back."""
        return Archive(
            log=self._manifest.log,
            size=self._tree.size,
            root=self._tree.root(),
            recorded_at=self.recorded_at,
            manifest_sha256=hashlib.sha256(self._manifest.text).hexdigest(),
            seed=self._seed,
            archived_at=None,
            archived_by=None,
            restored_at=restored_at,
        )


def _is_here(keeping: Keeping, log: str) -> bool:
    return log in (OFFICE, *keeping.ledger.weeks())


def _noted(keeping: Keeping, log: str, *, reason: str, actor: str) -> Archive:
    """Note that a log was restored, which a command that was cut short could not; raises NotRestorable if it was."""
    found = keeping.ledger.archives.archive(log)
    head = keeping.ledger.recorder(OFFICE).head().position
    if found is None or keeping.note(found, what="restored", reason=reason, actor=actor).position <= head:
        raise NotRestorable(f"{log} is here: there is nothing to restore")
    return found


def _require_archive(
    keeping: Keeping, folder: Path, manifest: Manifest, *, keys: Sequence[Verifier], progress: Progress
) -> None:
    """Refuse an export that does not hold, is not of a sealed week, or not of the one that was archived here."""
    log = manifest.log
    try:
        found = require_sound(keeping.exports(folder, log, keys=keys), log, progress=progress)
    except NotVerifiable as error:
        raise NotRestorable(str(error)) from error
    if not manifest.counts.get(WeekSealed.TOPIC):
        raise NotRestorable(f"{folder} is an export of {log} before it was sealed: only a whole week comes back")
    known = keeping.ledger.archives.archive(log)
    if known is not None and found != (known.size, known.root):
        raise NotRestorable(
            f"{log} was archived with {known.size} events of root {known.root.hex()},"
            f" and {folder} has {found[0]} of root {found[1].hex()}"
        )
    try:
        signed = opened(log, manifest.checkpoint or "", keys, where=str(folder))
    except CheckpointRefused as error:
        raise NotRestorable(f"no key that counts here has signed {folder}; --key names another: {error}") from error
    if signed.size != manifest.size:
        raise NotRestorable(f"{folder} has {manifest.size} events of {log}, and {signed.size} of them are signed")


def _lacking(keeping: Keeping, folder: Path, log: str) -> Iterator[SignedCheckpoint]:
    """Yield the checkpoints of an export to a database that has none, if keys of its own have signed them all.

    They stand in the file of notes before, as the notary has it too.
    """
    if keeping.checkpoints.newest(log) is not None:
        return
    keys = keeping.known_keys()

    def signed() -> Iterator[SignedCheckpoint]:
        return (opened(log, noted.note, keys, where=CHECKPOINTS) for noted in notes_in(folder / CHECKPOINTS))

    try:
        deque(signed(), maxlen=0)
    except CheckpointRefused:
        # Another service has signed the week: its checkpoints stay with the export, and the notary here signs its own.
        return
    file = NoteFile(keeping.notes / f"{log}.txt")
    if not file.path.exists():
        file.append(each.note for each in signed())
    yield from signed()
