"""The SQL that is the same for every table, composed here and nowhere else, from the rows' own column names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any, Final, LiteralString

from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus
from psycopg.rows import args_row
from psycopg.sql import SQL, Composable, Identifier

from ledger.datastore import cursor_on
from ledger.facts import canonical
from projections.copying import CSV, lines
from projections.rows import Changes, Keys, R, Row, Rows, columns, types_of, values_of

# With = ANY the plan may come to compare every row with every key: it is made for any number of keys.
_LOAD: Final = """SELECT {columns} FROM unnest(%(keys)b) AS wanted (wanted)
JOIN {table} ON {table}.{key} = wanted.wanted AND {table}.log = %(log)s"""
_ADD: Final = (
    "INSERT INTO {table} ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::{table}, %(rows)s::json)"
)
_CHANGE: Final = "{add} ON CONFLICT ({key}, log) DO UPDATE SET {assignments}"
_INCOMING: Final = "CREATE TEMPORARY TABLE IF NOT EXISTS {incoming} (LIKE {table}) ON COMMIT DELETE ROWS"
_EMPTY: Final = "TRUNCATE {incoming}"
_CHANGE_MANY: Final = """UPDATE {table} SET {taken_over} FROM {incoming} incoming
WHERE {table}.log = %(log)s AND {table}.{key} = incoming.{key}"""
_REMOVE: Final = "DELETE FROM {table} WHERE log = %(log)s AND {key} = ANY (%(keys)b)"
_COPY: Final = "COPY {table} ({columns}) FROM STDIN (" + CSV + ")"
# From so many rows on, COPY is quicker, which takes round trips more and a tenth of the time a row.
_COPIED_FROM: Final = 200
_COPY_CHANGED: Final = "COPY {incoming} ({columns}) FROM STDIN (" + CSV + ")"
_DRAFT: Final = (
    "CREATE TEMPORARY TABLE {draft} (LIKE {table} INCLUDING DEFAULTS, PRIMARY KEY ({key}, log)) WITH (fillfactor = 50)"
)
_DROP_DRAFT: Final = "DROP TABLE IF EXISTS {draft}"
_GIVEN: Final = SQL("json_populate_recordset(NULL::{table}, %(rows)s::json)")
_COMPARE: Final = SQL("""SELECT {expected_columns}, {found_columns}
FROM (SELECT * FROM {expected}) expected
FULL JOIN (SELECT * FROM {table} WHERE log = %(log)s) found ON expected.{key} = found.{key}
WHERE ({expected_columns}) IS DISTINCT FROM ({found_columns})
ORDER BY coalesce(expected.{key}, found.{key}) LIMIT 1""")
_DIFFERING: Final = SQL("""SELECT coalesce(expected.{key}, found.{key})
FROM (SELECT * FROM {expected} WHERE log = %(log)s{among}) expected
FULL JOIN (SELECT * FROM {table} WHERE log = %(log)s{among}) found ON expected.{key} = found.{key}
WHERE ({expected_columns}) IS DISTINCT FROM ({found_columns})
ORDER BY 1""")
_AMONG: Final = SQL(" AND {key} = ANY (%(keys)b)")
_TAKE_OVER: Final = SQL("INSERT INTO {new} ({columns}) SELECT {columns} FROM {table} WHERE log = ANY (%(logs)s)")
_LEAVE: Final = "DELETE FROM {table} WHERE log = ANY (%(logs)s)"
_SEARCH: Final = SQL("SET {local} search_path = {schemas}")


def load(connection: Connection[Any], log: str, keys: Keys, *, drafts: bool = False) -> Rows:
    """Return the working set of the rows of a log under some keys, by one query per table, or per draft of one."""
    rows = Rows({})
    for row_type, wanted in keys.items():
        cursor = connection.cursor(row_factory=args_row(row_type))
        cursor.execute(_query(_LOAD, row_type, drafts=drafts), {"log": log, "keys": list(wanted)}, binary=True)
        rows.found(row_type, wanted, cursor.fetchall())
    return rows


def row_in(connection: Connection[Any], log: str, row_type: type[R], key: Any, *, schema: str) -> R | None:
    """Return one row of the table in a schema."""
    names = _names(row_type.TABLE, row_type.KEY, columns(row_type))
    query = SQL(_LOAD).format(**names | {"table": Identifier(schema, row_type.TABLE)})
    cursor = connection.cursor(row_factory=args_row(row_type))
    return cursor.execute(query, {"log": log, "keys": [key]}, binary=True).fetchone()


def save(connection: Connection[Any], log: str, changes: Iterable[Changes], *, drafts: bool = False) -> None:
    """Write what a fold changed, by a few statements per table, which stand or fall together.

    With `drafts` it is written to the drafts of the tables.
    """
    with connection.transaction():
        cursor = cursor_on(connection)
        for row_type, added, changed, removed in changes:
            if len(added) >= _COPIED_FROM:
                _copy(cursor, _query(_COPY, row_type, drafts=drafts), row_type, added)
            elif added:
                cursor.execute(_query(_ADD, row_type, drafts=drafts), {"rows": _json(row_type, added)})
            if len(changed) >= _COPIED_FROM:
                _change(cursor, log, row_type, changed, drafts=drafts)
            elif changed:
                cursor.execute(_query(_CHANGE, row_type, drafts=drafts), {"rows": _json(row_type, changed)})
            if removed:
                cursor.execute(_query(_REMOVE, row_type, drafts=drafts), {"log": log, "keys": removed})


def _change(cursor: Cursor[Any], log: str, row_type: type[Row], rows: Sequence[Row], *, drafts: bool) -> None:
    """Write rows in the place of those with their keys, by way of a table of this connection."""
    cursor.execute(_query(_INCOMING, row_type, drafts=drafts))
    cursor.execute(_query(_EMPTY, row_type, drafts=drafts))
    _copy(cursor, _query(_COPY_CHANGED, row_type, drafts=drafts), row_type, rows)
    cursor.execute(_query(_CHANGE_MANY, row_type, drafts=drafts), {"log": log})


def _copy(cursor: Cursor[Any], statement: bytes, row_type: type[Row], rows: Sequence[Row]) -> None:
    with cursor.copy(statement) as copy:
        for piece in lines(row_type, rows):
            copy.write(piece)


def append(connection: Connection[Any], row_type: type[Row], rows: Sequence[Row]) -> None:
    """Write many rows that are new, as quickly as PostgreSQL takes them in, in the caller's transaction."""
    _copy(cursor_on(connection), _query(_COPY, row_type), row_type, rows)


def replace(connection: Connection[Any], log: str, row_type: type[Row], rows: Sequence[Row]) -> None:
    """Put `rows` in the place of all rows of a log, in the caller's transaction."""
    cursor_on(connection).execute(_query(_LEAVE, row_type), {"logs": [log]})
    append(connection, row_type, rows)


def take_over(connection: Connection[Any], logs: Sequence[str], row_type: type[Row], *, home: str, schema: str) -> None:
    """Copy the rows of some logs from the table of one schema to that of another, in the place of what it has."""
    names = _names(row_type.TABLE, row_type.KEY, columns(row_type))
    new, table = Identifier(schema, row_type.TABLE), Identifier(home, row_type.TABLE)
    cursor, parameters = cursor_on(connection), {"logs": list(logs)}
    cursor.execute(SQL(_LEAVE).format(table=new), parameters)
    cursor.execute(_TAKE_OVER.format(**names | {"new": new, "table": table}), parameters)


def look_in(connection: Connection[Any], *schemas: str) -> None:
    """Let the rest of a transaction find its tables in some schemas, and nowhere else.

    So a table that is missing there is an error, and never another one of the same name. Outside a transaction it
    holds until it is said again.
    """
    in_transaction = connection.info.transaction_status != TransactionStatus.IDLE
    local = SQL("LOCAL" if in_transaction else "")
    statement = _SEARCH.format(local=local, schemas=SQL(", ").join(map(Identifier, schemas)))
    cursor_on(connection).execute(statement)


def differing(
    connection: Connection[Any],
    log: str,
    row_type: type[Row],
    *,
    home: str,
    schema: str,
    keys: Collection[Any] | None = None,
) -> list[Any]:
    """Return the keys, in order, under which the tables of two schemas have not the same row of a log.

    With `keys` only those are looked at.
    """
    if keys is not None and not keys:
        return []
    names = _names(row_type.TABLE, row_type.KEY, columns(row_type))
    among = SQL("") if keys is None else _AMONG.format(**names)
    tables = {"expected": Identifier(schema, row_type.TABLE), "table": Identifier(home, row_type.TABLE)}
    query = _DIFFERING.format(**names | tables | {"among": among})
    parameters = {"log": log} if keys is None else {"log": log, "keys": list(keys)}
    return [key for (key,) in cursor_on(connection).execute(query, parameters, binary=True)]


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
    """Return rows as a JSON array of objects; bytes as PostgreSQL reads them, which is not in base64."""
    names, values = columns(row_type), values_of(row_type)
    if bytes in types_of(row_type).values():
        return canonical([dict(zip(names, map(_hex, values(row)), strict=True)) for row in rows]).decode()
    return canonical([dict(zip(names, values(row), strict=True)) for row in rows]).decode()


def _hex(value: Any) -> Any:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else value


@cache
def _query(template: LiteralString, row_type: type[Row], *, drafts: bool = False) -> bytes:
    table = _draft_of(row_type.TABLE) if drafts else row_type.TABLE
    return SQL(template).format(**_names(table, row_type.KEY, columns(row_type))).as_bytes()


def _draft_of(table: str) -> str:
    return f"draft_{table}"


@cache
def _names(table: str, key: str, columns: tuple[str, ...]) -> dict[str, Composable]:
    names: dict[str, Composable] = {
        "table": Identifier(table),
        "draft": Identifier(_draft_of(table)),
        "incoming": Identifier(f"incoming_{table}"),
        "key": Identifier(key),
        "columns": SQL(", ").join(map(Identifier, columns)),
        "expected_columns": SQL(", ").join(Identifier("expected", each) for each in columns),
        "found_columns": SQL(", ").join(Identifier("found", each) for each in columns),
        "assignments": SQL(", ").join(SQL("{0} = EXCLUDED.{0}").format(Identifier(each)) for each in columns),
    }
    names["taken_over"] = SQL(", ").join(SQL("{0} = incoming.{0}").format(Identifier(each)) for each in columns)
    return names | {"add": SQL(_ADD).format(**names)}
