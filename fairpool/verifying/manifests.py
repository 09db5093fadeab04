"""The manifest of an export, held against the files beside it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fairpool.exports.export import CHECKPOINTS, MANIFEST
from fairpool.exports.forms import FILE_NAMES, Form
from fairpool.exports.manifest import FORMAT, Manifest
from fairpool.verifying.notes import notes_in
from fairpool.verifying.verified import NotVerifiable
from ledger.auditing.findings import Check, Finding
from ledger.auditing.sources import FileSource
from ledger.auditing.tree import TreeCheck
from ledger.events import Event
from ledger.facts import Fact

EVENTS_FILE = FILE_NAMES[Form.JSONL]


def read_manifest(folder: Path) -> Manifest:
    """Return an export's manifest; raises NotVerifiable."""
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise NotVerifiable(f"{path} is missing: name the file of events alone, or export the log again") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotVerifiable(f"{path} is no manifest: {error}") from error


class ManifestCheck(Check):
    """Counts what the manifest counts, and compares at the end. The `source` hashes the file of events."""

    def __init__(self, folder: Path, manifest: Manifest, tree: TreeCheck, source: FileSource) -> None:
        self._folder = folder
        self._manifest = manifest
        self._tree = tree
        self._source = source
        self._counts: Counter[type[Event]] = Counter()
        self._first: str | None = None
        self._last: Fact | None = None

    def take(self, fact: Fact) -> Iterable[Finding]:
        """Count the next event."""
        self.take_all([fact])
        return ()

    def take_all(self, facts: Sequence[Fact]) -> bool:
        """Count the next events."""
        self._counts.update([type(fact.event) for fact in facts])
        if facts:
            self._first = self._first or str(facts[0].at)
            self._last = facts[-1]
        return True

    def end(self) -> Iterator[Finding]:
        """Compare the manifest with what was read."""
        said, tree = self._manifest, self._tree.tree
        yield from self._says("format", said.format, FORMAT)
        yield from self._says("log", said.log, self._tree.log)
        yield from self._says("the size", said.size, tree.size)
        yield from self._says("the root", said.root, tree.root().hex())
        yield from self._says("the counts", said.counts, {kind.TOPIC: count for kind, count in self._counts.items()})
        yield from self._says("the first time", said.first_recorded_at, self._first)
        yield from self._says("the last time", said.last_recorded_at, str(self._last.at) if self._last else None)
        if said.text != (self._folder / MANIFEST).read_bytes():
            yield Finding("manifest", MANIFEST, "is not canonical JSON with a line end")
        yield from self._checkpoint()
        for name, file in sorted(said.files.items()):
            path = self._folder / name
            if Path(name).name != name or not path.is_file():
                yield Finding("manifest", name, "is listed, and is not in the folder")
                continue
            yield from self._says("bytes", file.bytes, path.stat().st_size, of=name)
            sha256 = self._source.sha256 if name == EVENTS_FILE else _sha256(path)
            yield from self._says("sha256", file.sha256, sha256, of=name)

    def _checkpoint(self) -> Iterator[Finding]:
        path, newest, number = self._folder / CHECKPOINTS, None, 0
        for noted in notes_in(path) if path.is_file() else ():
            newest, number = noted.note, number + 1
        yield from self._says("the newest checkpoint", self._manifest.checkpoint, newest)
        listed = self._manifest.files.get(CHECKPOINTS)
        yield from self._says("rows", listed.rows if listed else 0, number, of=CHECKPOINTS)
        events = self._manifest.files.get(EVENTS_FILE)
        if events is not None:
            yield from self._says("rows", events.rows, self._tree.tree.size, of=EVENTS_FILE)

    def _says(self, what: str, said: Any, found: Any, *, of: str = "") -> Iterator[Finding]:
        if said != found:
            yield Finding("manifest", of or MANIFEST, f"says {what}: {said}; found {found}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
