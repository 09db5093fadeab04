"""Rows, and the working set of them that a fold changes: no database here, so a fold is a pure function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from operator import attrgetter
from typing import Any, ClassVar, Final, NamedTuple, TypeVar, cast, get_type_hints
from uuid import UUID

import msgspec


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The base of a table's rows. The fields of a subclass are the columns of `TABLE`; the first is `log`.

    The primary key is (`KEY`, log): every table has a log, so that one week can be rebuilt alone. Rows `ARE_FINAL`
    that no later fact asks for. Being structs, they are made ten times as fast as dataclasses would be.
    """

    TABLE: ClassVar[str]
    KEY: ClassVar[str]
    ARE_FINAL: ClassVar[bool] = False
    log: str

    def __init_subclass__(cls, **options: Any) -> None:
        """Let `key` be the key column, without a call of Python."""
        super().__init_subclass__(**options)
        cls.key = property(attrgetter(cls.KEY))  # type: ignore[assignment, method-assign]

    @property
    def key(self) -> Any:
        """The value of the key column."""
        return getattr(self, self.KEY)


R = TypeVar("R", bound=Row)
Keys = Mapping[type[Row], Collection[Any]]
Found = Mapping[type[Row], Mapping[Any, Row | None]]


def columns(row_type: type[Row]) -> tuple[str, ...]:
    """Return the column names of a row type, in the order of its fields."""
    return row_type.__struct_fields__


def values_of(row_type: type[Row]) -> attrgetter[tuple[Any, ...]]:
    """Return the function from a row to the tuple of its values."""
    return attrgetter(*columns(row_type))


@cache
def types_of(row_type: type[Row]) -> Mapping[str, Any]:
    """Return the type of each column."""
    hints = get_type_hints(row_type)
    return {column: hints[column] for column in columns(row_type)}


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

    Inside, a UUID stands as the number that it is: to hash and compare UUIDs takes longer than all the rest.
    """

    def __init__(self, found: Found | None = None) -> None:
        self._is_all = found is None
        self._found: dict[type[Row], dict[Any, Row | None]] = {}
        self._rows: dict[type[Row], dict[Any, Row | None]] = defaultdict(dict)
        for row_type, rows in (found or {}).items():
            self.found(row_type, rows, [row for row in rows.values() if row is not None])

    def found(self, row_type: type[Row], keys: Iterable[Any], rows: Iterable[Row]) -> None:
        """Note what the table holds under some keys."""
        found: dict[Any, Row | None] = dict.fromkeys(map(_plain, keys))
        for row in rows:
            found[_plain(row.key)] = row
        self._found.setdefault(row_type, {}).update(found)
        self._rows[row_type].update(found)

    def __len__(self) -> int:
        """Return how many rows, and keys without one, are known."""
        return sum(map(len, self._rows.values()))

    def get(self, row_type: type[R], key: Any) -> R | None:
        """Return the row under a key, or None; raises RowNotLoaded."""
        row = self._rows[row_type].get(key.int if type(key) is UUID else key, _UNKNOWN)
        if row is not _UNKNOWN:
            return cast("R | None", row)
        if not self._is_all:
            raise RowNotLoaded(f"{row_type.TABLE} {key} was not loaded: let `keys` name it for this event")
        return None

    def need(self, row_type: type[R], key: Any) -> R:
        """Return the row under a key; raises MissingRow where there is none, or RowNotLoaded."""
        row = self._rows[row_type].get(key.int if type(key) is UUID else key)
        if row is None:
            self.get(row_type, key)
            raise MissingRow(f"{row_type.TABLE} holds no {row_type.KEY} {key}")
        return cast(R, row)

    def add(self, row: Row) -> None:
        """Write a new row, which need not have been asked for; raises RowExists."""
        rows, key = self._rows[type(row)], row.key
        if type(key) is UUID:
            key = key.int
        if rows.get(key) is not None:
            raise RowExists(f"{row.TABLE} holds {row.KEY} {row.key} already")
        rows[key] = row

    def put(self, row: Row) -> None:
        """Write a row in the place of the one that was asked for."""
        key = row.key
        self._rows[type(row)][key.int if type(key) is UUID else key] = row

    def remove(self, row: Row) -> None:
        """Take away a row that was asked for."""
        rows, key = self._rows[type(row)], _plain(row.key)
        if self._is_all and self._found.get(type(row), _NOTHING).get(key) is None:
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
            row_type: [key for key in wanted if _plain(key) not in self._rows[row_type]]
            for row_type, wanted in keys.items()
        }
        return {row_type: wanted for row_type, wanted in unknown.items() if wanted}

    def learn(self, found: Rows) -> None:
        """Take in what was found under further keys."""
        for row_type, rows in found._rows.items():
            self._found.setdefault(row_type, {}).update(rows)
            self._rows[row_type].update(rows)

    def written(self) -> None:
        """Go on from here: what was changed has been written to the tables, and what is final is let go."""
        for row_type, rows in self._rows.items():
            if row_type.ARE_FINAL:
                rows = {}
            elif self._is_all:
                rows = {key: row for key, row in rows.items() if row is not None}
            self._rows[row_type] = rows
            self._found[row_type] = dict(rows)

    def keys(self) -> Keys:
        """Return all keys that were asked for or written to."""
        return {row_type: {_key(row_type, plain) for plain in rows} for row_type, rows in self._rows.items() if rows}

    def all(self, row_type: type[R]) -> dict[Any, R]:
        """Return all rows of a type by key."""
        return {row.key: cast(R, row) for row in self._rows[row_type].values() if row is not None}

    def changes(self) -> Iterator[Changes]:
        """Yield what differs from what was found, for each table that differs."""
        for row_type, rows in self._rows.items():
            found = self._found.get(row_type)
            changes = Changes(row_type, [], [], [])
            if not found:
                changes.added.extend(row for row in rows.values() if row is not None)
            else:
                _compare(found, rows, changes)
            if changes.added or changes.changed or changes.removed:
                yield changes


def _compare(found: Mapping[Any, Row | None], rows: Mapping[Any, Row | None], changes: Changes) -> None:
    for key, row in rows.items():
        before = found.get(key)
        if row is before:
            continue
        if before is None:
            assert row is not None
            changes.added.append(row)
        elif row is None:
            changes.removed.append(before.key)
        elif row != before:
            changes.changed.append(row)


def _plain(key: Any) -> Any:
    return key.int if type(key) is UUID else key


def _key(row_type: type[Row], plain: Any) -> Any:
    return UUID(int=plain) if types_of(row_type)[row_type.KEY] is UUID else plain


_UNKNOWN: Final = object()
_NOTHING: Final[Mapping[Any, Row | None]] = {}
