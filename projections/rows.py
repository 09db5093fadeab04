"""Rows, and the working set of them that a fold changes: no database here, so a fold is a pure function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, ClassVar, Final, NamedTuple, TypeVar, cast


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


class RowExists(LookupError):
    """A fact brings about what an earlier fact of its log has brought about already."""


class RowNotLoaded(LookupError):
    """A fold asked for a row that its projection's `keys` did not name for the batch."""


class Changes(NamedTuple):
    """What a fold did to one table: new rows, rows in the place of earlier ones, and the keys of rows taken away."""

    row_type: type[Row]
    added: list[Row]
    changed: list[Row]
    removed: list[Any]


class Rows:
    """The rows of one log that a fold works on.

    `found` is what the tables hold under each key that a batch asks for, None where there is no row. Without it
    the tables count as empty, as at the start of a rebuild.
    """

    def __init__(self, found: Found | None = None) -> None:
        self._is_all = found is None
        self._found: dict[type[Row], dict[Any, Row | None]] = {
            row_type: dict(rows) for row_type, rows in (found or {}).items()
        }
        self._rows: dict[type[Row], dict[Any, Row | None]] = defaultdict(dict)
        for row_type, rows in self._found.items():
            self._rows[row_type] = dict(rows)

    def __len__(self) -> int:
        """Return how many rows, and keys without one, are known."""
        return sum(map(len, self._rows.values()))

    def get(self, row_type: type[R], key: Any) -> R | None:
        """Return the row under a key, or None; raises RowNotLoaded."""
        row = self._rows[row_type].get(key, _UNKNOWN)
        if row is not _UNKNOWN:
            return cast("R | None", row)
        if not self._is_all:
            raise RowNotLoaded(f"{row_type.TABLE} {key} was not loaded: let `keys` name it for this event")
        return None

    def need(self, row_type: type[R], key: Any) -> R:
        """Return the row under a key; raises MissingRow where there is none, or RowNotLoaded."""
        row = self.get(row_type, key)
        if row is None:
            raise MissingRow(f"{row_type.TABLE} holds no {row_type.KEY} {key}")
        return row

    def add(self, row: Row) -> None:
        """Write a new row, which need not have been asked for; raises RowExists."""
        rows, key = self._rows[type(row)], row.key
        if rows.get(key) is not None:
            raise RowExists(f"{row.TABLE} holds {row.KEY} {key} already")
        rows[key] = row

    def put(self, row: Row) -> None:
        """Write a row in the place of the one that was asked for."""
        self._rows[type(row)][row.key] = row

    def remove(self, row: Row) -> None:
        """Take away a row that was asked for."""
        rows, key = self._rows[type(row)], row.key
        if self._is_all and self._found.get(type(row), {}).get(key) is None:
            del rows[key]
        else:
            rows[key] = None

    @property
    def is_all(self) -> bool:
        """Whether what is not here is not in the tables either, so that nothing need be loaded."""
        return self._is_all

    def unknown(self, keys: Keys) -> Keys:
        """Return those of some keys that a fold could not ask for yet."""
        unknown = {
            row_type: [key for key in wanted if key not in self._rows[row_type]] for row_type, wanted in keys.items()
        }
        return {row_type: wanted for row_type, wanted in unknown.items() if wanted}

    def learn(self, found: Rows) -> None:
        """Take in what was found under further keys."""
        for row_type, rows in found._rows.items():
            self._found.setdefault(row_type, {}).update(rows)
            self._rows[row_type].update(rows)

    def written(self) -> None:
        """Go on from here: what was changed has been written to the tables."""
        for row_type, rows in self._rows.items():
            if self._is_all:
                self._rows[row_type] = {key: row for key, row in rows.items() if row is not None}
            self._found[row_type] = dict(self._rows[row_type])

    def keys(self) -> Keys:
        """Return all keys that were asked for or written to."""
        return {row_type: set(rows) for row_type, rows in self._rows.items() if rows}

    def all(self, row_type: type[R]) -> dict[Any, R]:
        """Return all rows of a type by key."""
        return {key: cast(R, row) for key, row in self._rows[row_type].items() if row is not None}

    def changes(self) -> Iterator[Changes]:
        """Yield what differs from what was found, for each table that differs."""
        for row_type, rows in self._rows.items():
            found = self._found.get(row_type, {})
            changes = Changes(row_type, [], [], [])
            for key, row in rows.items():
                before = found.get(key)
                if row is None and before is not None:
                    changes.removed.append(key)
                elif row is not None and before is None:
                    changes.added.append(row)
                elif row is not None and row is not before and row != before:
                    changes.changed.append(row)
            if changes.added or changes.changed or changes.removed:
                yield changes


_UNKNOWN: Final = Row()
