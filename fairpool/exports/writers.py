"""Writers: what makes a file of a log's events, one at a time and in order. JSON lines and CSV are here."""

from __future__ import annotations

import csv
from typing import Protocol, TypeVar

from fairpool.exports.files import Out
from fairpool.exports.rows import Row

T = TypeVar("T", contravariant=True)


class Writer(Protocol[T]):
    """A form of the log: it takes what it is made of and counts the rows that it has written."""

    rows: int

    def write(self, what: T, /) -> None:
        """Write what comes next."""

    def close(self) -> None:
        """Write what stands at the end; the file itself is its owner's to close."""


class JsonLines:
    """The export lines, LF behind each."""

    def __init__(self, out: Out) -> None:
        self.rows = 0
        self._out = out

    def write(self, line: bytes, /) -> None:
        """Write an export line, given without LF."""
        self._out.write(line + b"\n")
        self.rows += 1

    def close(self) -> None:
        """Nothing stands at the end."""


class Csv:
    """RFC 4180: UTF-8, a header, CRLF behind each record, quotes only where they must be. Empty means null."""

    def __init__(self, out: Out) -> None:
        self.rows = 0
        self._table = csv.writer(_Utf8(out), dialect="excel")
        self._table.writerow(Row._fields)

    def write(self, row: Row, /) -> None:
        """Write an event as a record."""
        self._table.writerow(row)
        self.rows += 1

    def close(self) -> None:
        """Nothing stands at the end."""


class _Utf8:
    """The text file that the csv module asks for."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def write(self, text: str, /) -> int:
        return self._out.write(text.encode())
