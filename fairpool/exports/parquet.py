"""Parquet: the rows of the CSV with types, for programs that read tables of millions.

The same rows give the same bytes with the same version of pyarrow, which writes its own name and version into the
file and brings the compressor; no time and no chance is in it.
"""

from __future__ import annotations

import io
from typing import Final

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from fairpool.exports.files import Out
from fairpool.exports.rows import Row

ROWS_A_GROUP: Final = 16_384
_FEW_VALUES: Final = ("log", "type", "actor", "entry", "pool", "game_id", "market_id")


class Parquet:
    """Integers as int64, instants as microseconds in UTC, all else as strings, dictionary-encoded where few differ."""

    def __init__(self, out: Out) -> None:
        self.rows = 0
        self._out = out
        self._schema = _schema()
        # Between the two files: one that is given up writes its footer when it is collected, and `out` is closed then.
        self._written = io.BytesIO()
        self._file = pq.ParquetWriter(
            self._written,
            self._schema,
            version="2.6",
            compression="zstd",
            use_dictionary=list(_FEW_VALUES),
            store_schema=False,
        )
        self._group: list[Row] = []

    def write(self, row: Row, /) -> None:
        """Add a row; groups of a fixed size go out as they fill."""
        self._group.append(row)
        self.rows += 1
        if len(self._group) == ROWS_A_GROUP:
            self._flush()

    def close(self) -> None:
        """Write the last group and the footer."""
        if self._group:
            self._flush()
        self._file.close()
        self._pass_on()

    def _flush(self) -> None:
        columns = [
            pa.array(values, type=field.type)
            for values, field in zip(zip(*self._group, strict=True), self._schema, strict=True)
        ]
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema), row_group_size=ROWS_A_GROUP)
        self._group.clear()
        self._pass_on()

    def _pass_on(self) -> None:
        self._out.write(self._written.getvalue())
        self._written.seek(0)
        self._written.truncate()


def _schema() -> pa.Schema:
    """Return the columns of a row with their types; only what may be missing may be null."""
    numbers = ("position", "version", "schema", "amount", "available")
    types = dict.fromkeys(numbers, pa.int64()) | {"recorded_at": pa.timestamp("us", tz="UTC")}
    may_be_null = ("cause", "entry", "pool", "game_id", "market_id", "bet_id", "amount", "available")
    return pa.schema([pa.field(name, types.get(name, pa.string()), name in may_be_null) for name in Row._fields])
