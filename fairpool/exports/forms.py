"""The forms of an export, and the one pass over a log in which any of them are written together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from fairpool.exports.beancount import Beancount
from fairpool.exports.files import Out
from fairpool.exports.hledger import Hledger
from fairpool.exports.movements import Bookkeeper, Movement
from fairpool.exports.rows import Row, Rows
from fairpool.exports.writers import Csv, JsonLines, Writer
from ledger.facts import Record, export_line, fact_of
from ledger.instants import Instant
from ledger.proofs.merkle import Frontier, leaf_hash


class Form(StrEnum):
    """The forms of a log."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    HLEDGER = "hledger"
    BEANCOUNT = "beancount"


FILE_NAMES: Final[Mapping[Form, str]] = {
    Form.JSONL: "events.jsonl",
    Form.CSV: "events.csv",
    Form.PARQUET: "events.parquet",
    Form.HLEDGER: "journal.hledger",
    Form.BEANCOUNT: "journal.beancount",
}


class Pass:
    """A pass over a log: it takes its records in order, writes them in each form that was asked for, and sums up."""

    def __init__(self, log: str, outs: Mapping[Form, Out]) -> None:
        self.tree = Frontier()
        self.counts: Counter[str] = Counter()
        self.first: Instant | None = None
        self.last: Instant | None = None
        self._rows = Rows()
        self._books = Bookkeeper()
        self._lines: dict[Form, Writer[bytes]] = {}
        self._tables: dict[Form, Writer[Row]] = {}
        self._journals: dict[Form, Writer[Movement]] = {}
        for form, out in outs.items():
            self._open(form, out, log)

    def take(self, record: Record) -> None:
        """Write the next record; raises UnknownTopic, UnreadableEvent and UnbookableEvent, but not for JSON lines."""
        line = export_line(record)
        self.tree.append(leaf_hash(line))
        self.counts[record.topic] += 1
        self.first, self.last = self.first or record.recorded_at, record.recorded_at
        for lines in self._lines.values():
            lines.write(line)
        if not self._tables and not self._journals:
            return
        fact = fact_of(record)
        if self._tables:
            row = self._rows.row(fact)
            for table in self._tables.values():
                table.write(row)
        if self._journals and (movement := self._books.book(fact)) is not None:
            for journal in self._journals.values():
                journal.write(movement)

    def close(self) -> dict[Form, int]:
        """Write what stands at the end of each form, and return how many rows each has."""
        writers: dict[Form, Writer[Any]] = {**self._lines, **self._tables, **self._journals}
        for writer in writers.values():
            writer.close()
        return {form: writer.rows for form, writer in writers.items()}

    def _open(self, form: Form, out: Out, log: str) -> None:
        match form:
            case Form.JSONL:
                self._lines[form] = JsonLines(out)
            case Form.CSV:
                self._tables[form] = Csv(out)
            case Form.PARQUET:
                # pyarrow takes a second and much memory to come in: who wants no Parquet does without.
                from fairpool.exports.parquet import Parquet

                self._tables[form] = Parquet(out)
            case Form.HLEDGER:
                self._journals[form] = Hledger(out, log=log)
            case Form.BEANCOUNT:
                self._journals[form] = Beancount(out, log=log)
