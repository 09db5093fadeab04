"""A played week in all its forms: the same events in each, the same bytes each time, and a manifest that is true."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from fairpool.exports.books import balances
from fairpool.exports.export import export_file, export_folder, export_to
from fairpool.exports.forms import FILE_NAMES, Form
from fairpool.exports.published import published
from fairpool.exports.rows import Row
from fairpool.exports.second_opinion import second_opinion
from feeds.checkpoints import Checkpoints, SignedCheckpoint
from ledger.facts import canonical
from ledger.ids import OFFICE
from ledger.instants import Instant
from ledger.proofs.merkle import Frontier, empty_root, leaf_hash
from ledger.proofs.notes import Checkpoint, join_notes
from ledger.recorder import LogNotOpen
from ledger.weeks import starts_at
from tests.examples import WEEK
from tests.fairpool.exports.conftest import SIZES, Exported
from tests.played_week import ORIGIN, SIGNER, checkpoints, export_lines

QUIET, ALSO_QUIET = "2026-W49", "2026-W50"


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


def interrupt(done: int, total: int) -> None:
    raise Interrupted


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def agreed(exported: Exported, folder: Path, log: str) -> dict[str, int]:
    """The balances of a log, on which another program agrees."""
    ours = balances(exported.week.datastore, log)
    opinion = second_opinion(folder, ours=ours)
    assert opinion is not None
    assert opinion.differences == ()
    return ours


def csv_rows(folder: Path) -> list[dict[str, Any]]:
    """The records of the CSV, with its numbers as numbers and what is empty as None."""
    numbers = ("position", "version", "schema", "amount", "available")
    with (folder / FILE_NAMES[Form.CSV]).open(encoding="utf-8", newline="") as file:
        return [
            {name: int(text) if text and name in numbers else text or None for name, text in row.items()}
            for row in csv.DictReader(file, strict=True)
        ]


def test_exporting_again_gives_the_same_bytes(exported: Exported, tmp_path: Path) -> None:
    """All files of the folder, and each form by itself, as a file and as a stream."""
    export_folder(exported.recorder, tmp_path, published=exported.published)
    first = files(exported.folder)
    assert files(tmp_path) == first
    for form in Form:
        stream = io.BytesIO()
        assert export_to(exported.recorder, form, stream) == exported.manifest.size
        assert stream.getvalue() == first[FILE_NAMES[form]]
    assert export_file(exported.recorder, Form.JSONL, tmp_path / "again.jsonl") == exported.manifest.size
    assert (tmp_path / "again.jsonl").read_bytes() == first["events.jsonl"]


def test_json_lines_are_the_leaves(exported: Exported) -> None:
    """Each line is an export line with LF behind it."""
    assert (exported.folder / "events.jsonl").read_bytes() == b"".join(line + b"\n" for line in exported.lines)


def test_every_table_holds_every_event_whole(exported: Exported) -> None:
    """CSV and Parquet have the same rows, and from a row its export line can be made again, byte for byte."""
    table = pq.read_table(exported.folder / "events.parquet").to_pylist()
    rows = csv_rows(exported.folder)
    assert [row | {"recorded_at": str(Instant.of(row["recorded_at"]))} for row in table] == rows
    assert list(rows[0]) == list(Row._fields)
    envelope = ("log", "position", "stream", "version", "type", "schema", "recorded_at", "actor", "request", "cause")
    again = [
        canonical({name: row[name] for name in envelope} | {"data": msgspec.Raw(row["data"].encode())}) for row in rows
    ]
    assert again == exported.lines


def test_rows_tell_what_moved_on_each_account(exported: Exported) -> None:
    """The amounts of an account, added up row by row, are the balances beside them; every movement has its pool."""
    balances: Counter[str] = Counter()
    for row in csv_rows(exported.folder):
        if row["amount"] is not None:
            assert row["pool"].startswith("W2026-47-")
            balances[row["entry"]] += row["amount"]
            assert row["available"] == balances[row["entry"]]
    assert len(balances) == 12


def test_parquet_has_types(exported: Exported) -> None:
    """Instants are microseconds of UTC, numbers are int64, and what every event has cannot be null."""
    schema = pq.read_schema(exported.folder / "events.parquet")
    assert {str(schema.field(name).type) for name in ("position", "version", "amount", "available")} == {"int64"}
    assert str(schema.field("recorded_at").type) == "timestamp[us, tz=UTC]"
    assert {field.name for field in schema if not field.nullable} == {
        *("log", "position", "stream", "version", "type", "schema", "recorded_at", "actor", "request", "data")
    }
    assert schema.metadata is None


def test_the_manifest_is_true(exported: Exported) -> None:
    """Sizes, hashes and rows of each file, counts by type, times, root, key and newest checkpoint."""
    found = files(exported.folder)
    manifest = json.loads(found.pop("manifest.json"))
    events = [json.loads(line) for line in exported.lines]
    assert {name: (file["bytes"], file["sha256"]) for name, file in manifest["files"].items()} == {
        name: (len(content), hashlib.sha256(content).hexdigest()) for name, content in found.items()
    }
    movements = sum(event["type"].startswith("account.") for event in events) - 12 - 9
    assert {name: file["rows"] for name, file in manifest["files"].items()} == {
        **dict.fromkeys(("events.jsonl", "events.csv", "events.parquet"), len(events)),
        **dict.fromkeys(("journal.hledger", "journal.beancount"), movements),
        "checkpoints.txt": len(SIZES),
    }
    assert manifest["counts"] == Counter(event["type"] for event in events)
    assert manifest["first_recorded_at"] == events[0]["recorded_at"]
    assert manifest["last_recorded_at"] == events[-1]["recorded_at"]
    assert (manifest["log"], manifest["origin"], manifest["size"]) == (WEEK, f"fairpool.test/{WEEK}", len(events))
    assert manifest["keys"] == [str(SIGNER.verifier)]
    assert manifest["checkpoint"] == exported.notes[-1]
    assert found["checkpoints.txt"].decode() == join_notes(exported.notes)
    tree = Frontier()
    for line in exported.lines:
        tree.append(leaf_hash(line))
    assert manifest["root"] == tree.root().hex()


def test_part_of_a_log_has_the_checkpoints_up_to_there(exported: Exported, tmp_path: Path) -> None:
    """It is the beginning of the whole, with one form where one was asked for."""
    manifest = export_folder(
        exported.recorder, tmp_path, published=exported.published, forms=[Form.JSONL], until=SIZES[1]
    )
    assert files(tmp_path).keys() == {"events.jsonl", "checkpoints.txt", "manifest.json"}
    assert (tmp_path / "events.jsonl").read_bytes().splitlines() == exported.lines[: SIZES[1]]
    assert (manifest.size, manifest.checkpoint) == (SIZES[1], exported.notes[1])
    assert (tmp_path / "checkpoints.txt").read_text(encoding="utf-8") == join_notes(exported.notes[:2])


def test_the_end_is_where_the_log_ends(exported: Exported, tmp_path: Path) -> None:
    """A position behind the end asks for all there is."""
    assert export_file(exported.recorder, Form.CSV, tmp_path / "week.csv", until=10**9) == exported.manifest.size


def test_an_interrupted_export_leaves_nothing(exported: Exported, tmp_path: Path) -> None:
    """Neither a file under its name nor a draft of one, whichever form was written."""
    with pytest.raises(Interrupted):
        export_folder(exported.recorder, tmp_path, published=exported.published, progress=interrupt)
    for form in Form:
        with pytest.raises(Interrupted):
            export_file(exported.recorder, form, tmp_path / form, progress=interrupt)
    assert files(tmp_path) == {}


def test_an_interrupted_export_leaves_what_stood_there(exported: Exported, tmp_path: Path) -> None:
    """An older export of the folder is still whole."""
    export_folder(exported.recorder, tmp_path, published=exported.published, until=SIZES[0])
    before = files(tmp_path)
    with pytest.raises(Interrupted):
        export_folder(exported.recorder, tmp_path, published=exported.published, progress=interrupt)
    assert files(tmp_path) == before


def test_the_office_has_empty_journals(exported: Exported, tmp_path: Path) -> None:
    """It moves no credits; its events are in the tables, and other programs can read the journals still."""
    office = exported.week.ledger.recorder(OFFICE)
    about = published(exported.week.ledger, log=OFFICE, origin=ORIGIN)
    manifest = export_folder(office, tmp_path, published=about)
    assert (manifest.size, manifest.origin, manifest.checkpoint) == (
        office.head().position,
        "fairpool.test/office",
        None,
    )
    assert manifest.files["events.parquet"].rows == manifest.size == len(csv_rows(tmp_path))
    assert manifest.files["journal.hledger"].rows == manifest.files["journal.beancount"].rows == 0
    assert agreed(exported, tmp_path, OFFICE) == {}


def test_nothing_of_a_log_is_an_export_too(exported: Exported, tmp_path: Path) -> None:
    """Of no events there is the empty tree, and files with a header or nothing."""
    manifest = export_folder(exported.recorder, tmp_path, published=exported.published, until=0)
    assert (manifest.size, manifest.root, manifest.counts) == (0, empty_root().hex(), {})
    assert (manifest.first_recorded_at, manifest.last_recorded_at, manifest.checkpoint) == (None, None, None)
    assert files(tmp_path)["events.jsonl"] == files(tmp_path)["checkpoints.txt"] == b""
    assert pq.read_table(tmp_path / "events.parquet").num_rows == len(csv_rows(tmp_path)) == 0


def test_a_week_without_bets_has_its_grants_in_the_journals(exported: Exported, tmp_path: Path) -> None:
    """As long as it is only open nothing moves; once it is drawn each entry holds what was issued to it."""
    week = exported.week
    week.open(QUIET, "ann", "ben")
    about = published(week.ledger, log=QUIET, origin=ORIGIN)
    export_folder(week.ledger.recorder(QUIET), tmp_path, published=about)
    assert agreed(exported, tmp_path, QUIET) == {}
    week.clock.set(starts_at(QUIET))
    week.react()
    export_folder(week.ledger.recorder(QUIET), tmp_path, published=about)
    assert sorted(agreed(exported, tmp_path, QUIET).values()) == [-2000, 1000, 1000]


def test_what_is_signed_meanwhile_is_left_out(exported: Exported, tmp_path: Path) -> None:
    """An export has the checkpoints of the instant at which its keys were read; the next one has the later ones."""
    week = exported.week
    week.open(ALSO_QUIET, "ann")
    before = published(week.ledger, log=ALSO_QUIET, origin=ORIGIN)
    [note] = checkpoints(export_lines(week.datastore, ALSO_QUIET), [1], log=ALSO_QUIET)
    root = Checkpoint.parse(note.partition("\n\n")[0] + "\n").root
    signed = SignedCheckpoint(ALSO_QUIET, 1, root, note)
    Checkpoints(week.datastore).add(signed, signed_at=starts_at(ALSO_QUIET))
    after = published(week.ledger, log=ALSO_QUIET, origin=ORIGIN)
    log = week.ledger.recorder(ALSO_QUIET)
    assert export_folder(log, tmp_path, published=before, forms=[]).checkpoint is None
    assert export_folder(log, tmp_path, published=after, forms=[]).checkpoint == note


def test_a_log_that_is_not_open_is_refused(exported: Exported, tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(LogNotOpen):
        export_folder(exported.week.ledger.recorder("2030-W01"), tmp_path / "new", published=exported.published)
    assert not (tmp_path / "new").exists()
