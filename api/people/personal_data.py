"""All that is kept about a person, for the person: every table that refers to them, and their part of the ledger."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from psycopg.rows import dict_row

from ledger.facts import export_line
from ledger.ids import registration_stream
from ledger.ledger import Ledger
from ledger.sql import queries

TABLES: Final = (
    "players",
    "sessions",
    "proofs",
    "api_keys",
    "restrictions",
    "spend_limits",
    "devices",
    "people_log",
    "entries",
    "payers",
    "subscriptions",
    "payees",
)
"""The tables that say something about a person, each with the query that reads what it says."""

WITHHELD: Final = frozenset(
    {
        "players.password_hash",
        "sessions.series",
        "sessions.token",
        "sessions.used_token",
        "sessions.salt",
        "proofs.code",
        "api_keys.secret",
    }
)
"""The columns that are left out: hashes of secrets, of use only to whoever tries to break them."""


def tables_about(ledger: Ledger, player_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Return the rows about a person, by table."""
    sql = queries("api.people", "personal_data.sql")
    with ledger.datastore.connection() as connection, connection.transaction():
        cursor = connection.cursor(row_factory=dict_row)
        return {table: cursor.execute(sql[table], {"player_id": player_id}).fetchall() for table in TABLES}


def facts_of_entry(ledger: Ledger, *, week: str, entry: UUID) -> list[dict[str, Any]] | None:
    """Return the facts of an entry's enrolment and account, as the lines of the ledger's export, in their order.

    None where the week is archived: its export, which is public, has them.
    """
    if ledger.archives.is_away(week):
        return None
    records = ledger.recorder(week).read_streams([registration_stream(entry), entry])
    return [json.loads(export_line(record)) for record in sorted(records, key=lambda record: record.position)]
