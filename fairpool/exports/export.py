"""Exports of a log: one form to a file or a stream, or a folder of forms with its checkpoints and its manifest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from fairpool.exports.files import Draft, Out, drafts
from fairpool.exports.forms import FILE_NAMES, Form, Pass
from fairpool.exports.manifest import ExportedFile, Manifest
from fairpool.exports.published import Published
from ledger.instants import Instant
from ledger.proofs.notes import join_notes
from ledger.recorder import LogRecorder

Progress = Callable[[int, int], None]
CHECKPOINTS: Final = "checkpoints.txt"
MANIFEST: Final = "manifest.json"


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


def export_to(
    recorder: LogRecorder, form: Form, out: Out, *, until: int | None = None, progress: Progress = no_progress
) -> int:
    """Write a log in one form, up to a position (the head at the start, if None); returns how many events it has.

    Raises LogNotOpen; UnknownTopic, UnreadableEvent or UnbookableEvent where the log cannot be told in this form.
    """
    written = _write(recorder, {form: out}, until=until, progress=progress)
    written.close()
    return written.tree.size


def export_file(
    recorder: LogRecorder, form: Form, path: Path, *, until: int | None = None, progress: Progress = no_progress
) -> int:
    """Write a file as `export_to` does; it is whole, or what stood there before."""
    with drafts([path]) as (draft,):
        return export_to(recorder, form, draft, until=until, progress=progress)


def export_folder(
    recorder: LogRecorder,
    folder: Path,
    *,
    published: Published,
    forms: Iterable[Form] = tuple(Form),
    until: int | None = None,
    progress: Progress = no_progress,
) -> Manifest:
    """Write a log in some forms into a folder, made if it is missing, with its checkpoints and its manifest.

    The events' files are the same bytes each time; checkpoints that are signed later join the two others. Raises what
    `export_to` does, and then leaves no file.
    """
    recorder.head()
    folder.mkdir(parents=True, exist_ok=True)
    names = {form: FILE_NAMES[form] for form in forms}
    with drafts([folder / name for name in (*names.values(), CHECKPOINTS, MANIFEST)]) as made:
        *files, notes, last = made
        outs = dict(zip(names, files, strict=True))
        written = _write(recorder, outs, until=until, progress=progress)
        rows = written.close()
        listed = {names[form]: _listed(draft, rows[form]) for form, draft in outs.items()}
        newest, number = _write_notes(notes, published.notes(written.tree.size))
        manifest = Manifest(
            checkpoint=newest,
            counts=dict(written.counts),
            files=listed | {CHECKPOINTS: _listed(notes, number)},
            first_recorded_at=_text(written.first),
            keys=published.keys,
            last_recorded_at=_text(written.last),
            log=recorder.log,
            origin=published.origin,
            root=written.tree.root().hex(),
            size=written.tree.size,
        )
        last.write(manifest.text)
    return manifest


def _write(recorder: LogRecorder, outs: Mapping[Form, Out], *, until: int | None, progress: Progress) -> Pass:
    head = recorder.head().position
    end = head if until is None else min(until, head)
    written = Pass(recorder.log, outs)
    for record in recorder.read_all(until=end):
        written.take(record)
        if record.position % 1_000 == 0:
            progress(record.position, end)
    progress(end, end)
    return written


def _write_notes(out: Out, notes: Iterable[str]) -> tuple[str | None, int]:
    """Write signed notes, and return the last of them and how many there were."""
    newest, number = None, 0
    for note in notes:
        out.write(join_notes([note]).encode())
        newest, number = note, number + 1
    return newest, number


def _listed(draft: Draft, rows: int) -> ExportedFile:
    return ExportedFile(bytes=draft.size, rows=rows, sha256=draft.sha256)


def _text(instant: Instant | None) -> str | None:
    return None if instant is None else str(instant)
