"""A final week leaves the database: sealed, signed, exported, verified, and only then dropped.

Each step leaves the week as it was for who reads it, up to the last one, which is one transaction. So the command may
be cut short anywhere: asked again, it goes on, and nothing is lost.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from fairpool.archives.keeping import ExportRefused, Keeping, Tell, require_sound, sync_folder
from fairpool.archives.partitions import Partitions
from fairpool.archives.waiting import what_waits
from fairpool.exports.export import MANIFEST, export_folder
from fairpool.exports.manifest import Manifest
from fairpool.exports.published import published
from fairpool.verifying.manifests import read_manifest
from fairpool.verifying.verified import NotVerifiable, Progress
from feeds.extending import CheckpointRefused
from ledger import closing
from ledger.archives import Archive
from ledger.book import Decision
from ledger.cases import note_act
from ledger.instants import Instant
from ledger.ledger import Ledger
from ledger.mendable import Mendable

_PROJECTION_PATIENCE_SECONDS: Final = 30.0


class NotArchivable(Mendable):
    """The week still needs its events, or cannot be vouched for: the message says what it waits for."""


def archive(
    keeping: Keeping, *, week: str, folder: Path, reason: str, actor: str, progress: Progress, tell: Tell
) -> Archive:
    """Archive a week into a folder, which is made if it is missing; again, the first archive.

    `tell` is told each step before it is taken. Raises NotArchivable, ExportRefused, ArchivesInUse, EventsInUse,
    CaseOpen, and LogNotOpen.
    """
    archives = keeping.ledger.archives
    with Partitions.alone(keeping.dsn) as partitions:
        found = archives.archive(week)
        if found is not None and found.is_away:
            tell(f"{week} has left the database already: nothing is exported")
        else:
            _require_ready(keeping, week)
            made = _prepare(keeping, week, folder, reason=reason, actor=actor, progress=progress, tell=tell)
            tell(f"dropping the events of {week}")
            partitions.release(made)
            found = archives.archive(week)
        assert found is not None
        tell(f"noting the archive of {week} in the office")
        keeping.note(found, what="archived", reason=reason, actor=actor)
    return found


def _prepare(
    keeping: Keeping, week: str, folder: Path, *, reason: str, actor: str, progress: Progress, tell: Tell
) -> Archive:
    """Do all but the last step: the week is then sealed, and its export in the folder holds."""
    tell(f"sealing {week}")
    _seal(keeping.ledger, week, reason=reason, actor=actor)
    head = keeping.ledger.recorder(week).head()
    tell(f"signing {week} at {head.position}")
    root = _signed_root(keeping, week, head.position)
    tell(f"exporting {week} to {folder}")
    try:
        manifest = _export(keeping, week, folder, progress)
    except (NotVerifiable, OSError) as error:
        raise NotArchivable(f"{folder} cannot take the export: {error}; {week} stays in the database") from error
    tell(f"verifying {folder}")
    verifier = keeping.exports(folder, week, keys=keeping.known_keys())
    size, found = require_sound(verifier, week, progress=progress)
    if (size, found) != (head.position, root):
        raise ExportRefused(f"the export of {week} has {size} events of root {found.hex()}, signed is {root.hex()}")
    assert head.recorded_at is not None
    return Archive(
        log=week,
        size=head.position,
        root=root,
        recorded_at=head.recorded_at,
        manifest_sha256=hashlib.sha256(manifest.text).hexdigest(),
        seed=keeping.ledger.desk(week).ask(_seed, actor=actor, request="look").result(),
        archived_at=Instant.of(keeping.ledger.clock()),
        archived_by=actor,
        restored_at=None,
    )


def _require_ready(keeping: Keeping, week: str) -> None:
    """Refuse a week that something still needs the events of, by projections that have come to the ends of all logs."""
    keeping.ledger.recorder(week).head()
    _catch_up(keeping)
    waits = what_waits(keeping.ledger, week)
    if waits:
        raise NotArchivable(f"{week} is not archived: {'; '.join(waits)}")


def _seal(ledger: Ledger, week: str, *, reason: str, actor: str) -> None:
    """Note in the week's log why it is sealed, and seal it: nothing stands behind that."""
    asked = {"actor": actor, "request": f"{week}/archive"}
    note_act(ledger, log=week, subject=f"week:{week}", reason=reason, outcome="archived", **asked).result()
    closing.seal_week(ledger, week=week, **asked)


def _catch_up(keeping: Keeping) -> None:
    """Bring projections and checkpoints to the ends of all logs, as others may do at the same time."""
    while keeping.runner.step():
        pass
    try:
        keeping.notary.step(now=0.0, forced=True)
    except CheckpointRefused as error:
        raise NotArchivable(str(error)) from error


def _signed_root(keeping: Keeping, week: str, size: int) -> bytes:
    """Have the notary sign the log at its size, and return the root there."""
    while keeping.runner.step():
        pass
    if not keeping.runner.wait_for(week, size, timeout=_PROJECTION_PATIENCE_SECONDS):
        raise NotArchivable(f"projections have not come to {week}:{size}: see `fairpool projections status`")
    _catch_up(keeping)
    newest = keeping.checkpoints.newest(week)
    if newest is None or newest.size != size:
        raise NotArchivable(f"no checkpoint covers all {size} events of {week}: ask again, or see the notary's log")
    return newest.root


def _export(keeping: Keeping, week: str, folder: Path, progress: Progress) -> Manifest:
    if (folder / MANIFEST).exists() and read_manifest(folder).log != week:
        raise NotArchivable(f"{folder} holds an export of {read_manifest(folder).log}: name another folder")
    manifest = export_folder(
        keeping.ledger.recorder(week),
        folder,
        published=published(keeping.ledger, log=week, origin=keeping.origin),
        progress=progress,
    )
    sync_folder(folder)
    return manifest


def _seed(on: Decision) -> str:
    return on.week().draw_seed
