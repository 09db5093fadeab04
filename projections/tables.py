"""The SQL that is the same for every table, composed here and nowhere else, from the rows' own column names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import Any, Final, cast

from psycopg import Connection
from psycopg.rows import args_row
from psycopg.sql import SQL, Composable, Composed, Identifier
from psycopg.types.json import JsonbDumper

from ledger.datastore import cursor_on
from ledger.facts import canonical
from projections.rows import Changes, Keys, R, Row, Rows, columns, values_of

_LOAD: Final = SQL("SELECT {columns} FROM {table} WHERE log = %(log)s AND {key} = ANY (%(keys)b)")
_ADD: Final = SQL(
    "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %(rows)s::json)"
)
_CHANGE: Final = SQL("{add} ON CONFLICT ({key}, log) DO UPDATE SET {assignments}")
_REMOVE: Final = SQL("DELETE FROM {table} WHERE log = %(log)s AND {key} = ANY (%(keys)b)")
_CLEAR: Final = SQL("DELETE FROM {table} WHERE log = %(log)s")
_COPY: Final = SQL("COPY {table} ({columns}) FROM STDIN")
_DRAFT: Final = SQL(
    "CREATE TEMPORARY TABLE {draft} (LIKE {table} INCLUDING DEFAULTS, PRIMARY KEY ({key}, log)) WITH (fillfactor = 50)"
)
_DROP_DRAFT: Final = SQL("DROP TABLE IF EXISTS {draft}")
_GIVEN: Final = SQL("json_populate_recordset(NULL::{table}, %(rows)s::json)")
_COMPARE: Final = SQL("""SELECT {expected_columns}, {found_columns}
FROM (SELECT * FROM {expected}) expected
FULL JOIN (SELECT * FROM {table} WHERE log = %(log)s) found ON expected.{key} = found.{key}
WHERE ({expected_columns}) IS DISTINCT FROM ({found_columns})
ORDER BY coalesce(expected.{key}, found.{key}) LIMIT 1""")


def load(connection: Connection[Any], log: str, keys: Keys, *, drafts: bool = False) -> Rows:
    """Return the working set of the rows of a log under some keys, by one query per table, or per draft of one."""
    found: dict[type[Row], dict[Any, Row | None]] = {}
    for row_type, wanted in keys.items():
        found[row_type] = dict.fromkeys(wanted)
        cursor = connection.cursor(row_factory=args_row(row_type))
        cursor.execute(_query(_LOAD, row_type, drafts=drafts), {"log": log, "keys": list(wanted)}, binary=True)
        found[row_type].update((row.key, row) for row in cursor)
    return Rows(found)


def save(connection: Connection[Any], log: str, changes: Iterable[Changes], *, drafts: bool = False) -> None:
    """Write what a fold changed, by at most three statements per table, in the caller's transaction.

    With `drafts` it is written to the drafts of the tables.
    """
    cursor = cursor_on(connection)
    for row_type, added, changed, removed in changes:
        if added:
            cursor.execute(_query(_ADD, row_type, drafts=drafts), {"rows": _json(row_type, added)})
        if changed:
            cursor.execute(_query(_CHANGE, row_type, drafts=drafts), {"rows": _json(row_type, changed)})
        if removed:
            cursor.execute(_query(_REMOVE, row_type, drafts=drafts), {"log": log, "keys": removed})


def replace(connection: Connection[Any], log: str, row_type: type[Row], rows: Iterable[Row]) -> None:
    """Put `rows` in the place of all rows of a log, in the caller's transaction."""
    cursor = cursor_on(connection)
    cursor.adapters.register_dumper(dict, JsonbDumper)
    cursor.execute(_query(_CLEAR, row_type), {"log": log})
    values = values_of(row_type)
    with cursor.copy(_query(_COPY, row_type)) as copy:
        for row in rows:
            copy.write_row(values(row))


def draft(connection: Connection[Any], row_type: type[Row]) -> None:
    """Make an empty draft of a table: a temporary table of the same columns, for this connection alone.

    It has a name of its own: one that hid the table would be missed by statements that were prepared before. Each
    change of it is best committed, as PostgreSQL keeps all versions of a row that one transaction wrote.
    """
    cursor_on(connection).execute(_query(_DRAFT, row_type))


def drop_draft(connection: Connection[Any], row_type: type[Row]) -> None:
    """Drop the draft of a table, if there is one."""
    cursor_on(connection).execute(_query(_DROP_DRAFT, row_type))


def first_difference(
    connection: Connection[Any], log: str, row_type: type[R], rows: Iterable[R] | None
) -> tuple[R | None, R | None] | None:
    """Return the first row, by key, that is not stored as expected, and what is stored; None where all rows are.

    Expected are `rows`, or where that is None what stands in the table's draft. A row that is missing on one side is
    None. PostgreSQL compares, so that neither side is brought here.
    """
    names = _names(row_type.TABLE, row_type.KEY, columns(row_type))
    expected = names["draft"] if rows is None else _GIVEN.format(**names)
    parameters = {"log": log} if rows is None else {"log": log, "rows": _json(row_type, list(rows))}
    compare = _COMPARE.format(expected=expected, **names)
    found = cursor_on(connection).execute(compare, parameters, binary=True).fetchone()
    if found is None:
        return None
    width = len(columns(row_type))
    wanted, stored = (None if side[0] is None else row_type(*side) for side in (found[:width], found[width:]))
    return wanted, stored


def _json(row_type: type[Row], rows: list[Row]) -> str:
    """Return rows as a JSON array; bytes as PostgreSQL reads them, which is not in base64."""
    if not _has_bytes(row_type):
        return canonical(rows).decode()
    names, values = columns(row_type), values_of(row_type)
    return canonical([dict(zip(names, map(_hex, values(row)), strict=True)) for row in rows]).decode()


def _has_bytes(row_type: type[Row]) -> bool:
    return any("bytes" in str(field.type) for field in fields(cast(Any, row_type)))


def _hex(value: Any) -> Any:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


def _query(template: SQL, row_type: type[Row], *, drafts: bool = False) -> Composed:
    table = _draft_of(row_type.TABLE) if drafts else row_type.TABLE
    return template.format(**_names(table, row_type.KEY, columns(row_type)))


def _draft_of(table: str) -> str:
    return f"draft_{table}"


@cache
def _names(table: str, key: str, columns: tuple[str, ...]) -> dict[str, Composable]:
    names: dict[str, Composable] = {
        "table": Identifier(table),
        "draft": Identifier(_draft_of(table)),
        "key": Identifier(key),
        "columns": SQL(", ").join(map(Identifier, columns)),
        "expected_columns": SQL(", ").join(Identifier("expected", each) for each in columns),
        "found_columns": SQL(", ").join(Identifier("found", each) for each in columns),
        "assignments": SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(Identifier(each)) for each in columns),
    }
    return names | {"add": _ADD.format(**names)}
