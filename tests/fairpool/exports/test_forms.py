"""The one pass in which the forms are written, record by record."""

from __future__ import annotations

import csv
import io
from uuid import UUID

import msgspec
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

from fairpool.exports.forms import Form, Pass
from fairpool.exports.parquet import ROWS_A_GROUP
from ledger.facts import Record, UnknownTopic, UnreadableEvent, export_line
from tests.examples import STARTS_AT, WEEK

GROUPED = Record(
    log=WEEK,
    position=1,
    stream=UUID(int=1),
    version=1,
    topic="week.grouped",
    schema=1,
    state=b"{}",
    recorded_at=STARTS_AT,
    actor="clock",
    request="",
    cause=None,
)


def written(form: Form, *records: Record) -> bytes:
    out = io.BytesIO()
    writing = Pass(WEEK, {form: out})
    for record in records:
        writing.take(record)
    writing.close()
    return out.getvalue()


@pytest.mark.parametrize(
    ("changed", "error"), [({"topic": "week.reopened"}, UnknownTopic), ({"topic": "week.settled"}, UnreadableEvent)]
)
def test_json_lines_need_no_understanding(changed: dict[str, str], error: type[Exception]) -> None:
    """Events that this release cannot read are exported as they are stored; the other forms name the first of them."""
    record = msgspec.structs.replace(GROUPED, **changed)
    assert written(Form.JSONL, record) == export_line(record) + b"\n"
    for form in set(Form) - {Form.JSONL}:
        with pytest.raises(error, match=f"{WEEK}:1"):
            written(form, record)


def test_a_csv_keeps_what_clients_write() -> None:
    """Quotes, commas and line breaks in a key come back as they were; each record ends with CRLF."""
    key = 'a "key", with\r\nlines\nand ünïcode'
    text = written(Form.CSV, msgspec.structs.replace(GROUPED, request=key))
    header, record = csv.reader(io.StringIO(text.decode(), newline=""))
    assert dict(zip(header, record, strict=True))["request"] == key
    assert text.startswith(b"log,position,stream,") and text.endswith(b",{}\r\n")


def test_parquet_comes_in_groups_of_one_size() -> None:
    """So that the memory for a log does not grow with it, and its bytes do not depend on how it was read."""
    records = [msgspec.structs.replace(GROUPED, position=at) for at in range(1, ROWS_A_GROUP + 3)]
    file = pq.ParquetFile(io.BytesIO(written(Form.PARQUET, *records)))
    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert groups == [ROWS_A_GROUP, 2]
    assert file.read(["position"])["position"].to_pylist() == [record.position for record in records]
