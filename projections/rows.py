"""Rows, and the working set of them that a fold changes: no database here, so a fold is a pure function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, TypeVar, cast


class Row:
    """The base of a table's rows. A subclass is a frozen dataclass whose fields are the columns of `TABLE`.

    The primary key is (`KEY`, log): every table has a log, so that one week can be rebuilt alone.
    """

    __slots__ = ()

    TABLE: ClassVar[str]
    KEY: ClassVar[str]
    log: str

    @property
    def key(self) -> Any:
        """The value of the key column."""
        return getattr(self, self.KEY)


R = TypeVar("R", bound=Row)
Keys = Mapping[type[Row], Collection[Any]]
Found = Mapping[type[Row], Mapping[Any, Row | None]]


def columns(row_type: type[Row]) -> tuple[str, ...]:
    """Return the column names of a row type, in the order of its fields."""
    return tuple(field.name for field in fields(cast(Any, row_type)))


def values_of(row_type: type[Row]) -> attrgetter[tuple[Any, ...]]:
    """Return the function from a row to the tuple of its values."""
    return attrgetter(*columns(row_type))


class MissingRow(LookupError):
    """A fact speaks of something that no earlier fact of its log brought about."""


class RowNotLoaded(LookupError):
    """A fold asked for a row that its projection's `keys` did not name for the batch."""


class Changes(NamedTuple):
    """What a fold did to one table: rows to write, and the keys of rows to remove."""

    row_type: type[Row]
    written: list[Row]
    removed: list[Any]


class Rows:
    """The rows of one log that a fold works on.

    `found` is what the tables hold under each key that a batch touches, None where there is no row. Without it
    the tables count as empty, as at the start of a rebuild.
    """

    def __init__(self, found: Found | None = None) -> None:
        self._found = found
        self._rows: dict[type[Row], dict[Any, Row | None]] = defaultdict(dict)
        for row_type, rows in (found or {}).items():
            self._rows[row_type] = dict(rows)

    def get(self, row_type: type[R], key: Any) -> R | None:
        """Return the row under a key, or None; raises RowNotLoaded."""
        return cast("R | None", self._loaded(row_type, key).get(key))

    def need(self, row_type: type[R], key: Any) -> R:
        """Return the row under a key; raises MissingRow where there is none."""
        row = self.get(row_type, key)
        if row is None:
            raise MissingRow(f"{row_type.TABLE} holds no {row_type.KEY} {key}")
        return row

    def put(self, row: Row) -> None:
        """Write a row in the place of what is under its key; raises RowNotLoaded."""
        self._loaded(type(row), row.key)[row.key] = row

    def remove(self, row: Row) -> None:
        """Take a row away; raises RowNotLoaded."""
        rows = self._loaded(type(row), row.key)
        if self._found is None:
            del rows[row.key]
        else:
            rows[row.key] = None

    def all(self, row_type: type[R]) -> dict[Any, R]:
        """Return all rows of a type by key."""
        return {key: cast(R, row) for key, row in self._rows[row_type].items() if row is not None}

    def changes(self) -> Iterator[Changes]:
        """Yield what differs from what was found, for each table that differs."""
        for row_type, rows in self._rows.items():
            before = (self._found or {}).get(row_type, {})
            changed = [(key, row) for key, row in rows.items() if row != before.get(key)]
            if changed:
                written = [row for _, row in changed if row is not None]
                yield Changes(row_type, written, [key for key, row in changed if row is None])

    def _loaded(self, row_type: type[Row], key: Any) -> dict[Any, Row | None]:
        rows = self._rows[row_type]
        if self._found is not None and key not in rows:
            raise RowNotLoaded(f"{row_type.TABLE} {key} was not loaded: let `keys` name it for this event")
        return rows
