"""The SQL that is the same for every table, composed here and nowhere else, from the rows' own column names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import args_row
from psycopg.sql import SQL, Composable, Composed, Identifier
from psycopg.types.json import JsonbDumper

from ledger.datastore import cursor_on
from ledger.facts import canonical
from projections.rows import Changes, Keys, R, Row, Rows, columns, values_of

SCAN_PAGE: Final = 2_000

_LOAD: Final = SQL("SELECT {columns} FROM {table} WHERE log = %(log)s AND {key} = ANY (%(keys)b)")
_ADD: Final = SQL(
    "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %(rows)s::json)"
)
_CHANGE: Final = SQL("{add} ON CONFLICT ({key}, log) DO UPDATE SET {assignments}")
_REMOVE: Final = SQL("DELETE FROM {table} WHERE log = %(log)s AND {key} = ANY (%(keys)b)")
_CLEAR: Final = SQL("DELETE FROM {table} WHERE log = %(log)s")
_COPY: Final = SQL("COPY {table} ({columns}) FROM STDIN")
_SCAN: Final = SQL("SELECT {columns} FROM {table} WHERE log = %(log)s ORDER BY {key}")


def load(connection: Connection[Any], log: str, keys: Keys) -> Rows:
    """Return the working set of the rows of a log under some keys, by one query per table."""
    found: dict[type[Row], dict[Any, Row | None]] = {}
    for row_type, wanted in keys.items():
        found[row_type] = dict.fromkeys(wanted)
        cursor = connection.cursor(row_factory=args_row(row_type))
        cursor.execute(_query(_LOAD, row_type), {"log": log, "keys": list(wanted)}, binary=True)
        found[row_type].update((row.key, row) for row in cursor)
    return Rows(found)


def save(connection: Connection[Any], log: str, changes: Iterable[Changes]) -> None:
    """Write what a fold changed, by at most three statements per table, in the caller's transaction."""
    cursor = cursor_on(connection)
    for row_type, added, changed, removed in changes:
        if added:
            cursor.execute(_query(_ADD, row_type), {"rows": canonical(added).decode()})
        if changed:
            cursor.execute(_query(_CHANGE, row_type), {"rows": canonical(changed).decode()})
        if removed:
            cursor.execute(_query(_REMOVE, row_type), {"log": log, "keys": removed})


def replace(connection: Connection[Any], log: str, row_type: type[Row], rows: Iterable[Row]) -> None:
    """Put `rows` in the place of all rows of a log, in the caller's transaction."""
    cursor = cursor_on(connection)
    cursor.adapters.register_dumper(dict, JsonbDumper)
    cursor.execute(_query(_CLEAR, row_type), {"log": log})
    values = values_of(row_type)
    with cursor.copy(_query(_COPY, row_type)) as copy:
        for row in rows:
            copy.write_row(values(row))


def scan(connection: Connection[Any], log: str, row_type: type[R]) -> Iterator[R]:
    """Yield the rows of a log in order of key, a page at a time, in the caller's transaction."""
    with connection.cursor(f"scan_{row_type.TABLE}", row_factory=args_row(row_type)) as cursor:
        cursor.itersize = SCAN_PAGE
        yield from cursor.execute(_query(_SCAN, row_type), {"log": log}, binary=True)


def _query(template: SQL, row_type: type[Row]) -> Composed:
    return template.format(**_names(row_type.TABLE, row_type.KEY, columns(row_type)))


@cache
def _names(table: str, key: str, columns: tuple[str, ...]) -> dict[str, Composable]:
    names: dict[str, Composable] = {
        "table": Identifier(table),
        "key": Identifier(key),
        "columns": SQL(", ").join(map(Identifier, columns)),
        "assignments": SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(Identifier(each)) for each in columns),
    }
    return names | {"add": _ADD.format(**names)}
