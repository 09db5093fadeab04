"""The tests' database: made once and emptied before each test, which is many times quicker than making one anew."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from fairpool.schema import all_migrations
from ledger.migrate import migrate

_NAME: Final = "test"
_CARETAKER: Final = "caretaker"

_END_CONNECTIONS: Final = f"""
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend'
AND pid <> pg_backend_pid() AND application_name <> '{_CARETAKER}'
"""

_EMPTY: Final = """
DO $$
DECLARE
  name text;
BEGIN
  -- Whole partitions go, as no event can be deleted. The office's stays: to let its few events go is quicker.
  FOREACH name IN ARRAY ARRAY(
    SELECT inhrelid::regclass::text FROM pg_inherits
    WHERE inhparent = 'events'::regclass AND inhrelid <> 'events_office'::regclass
  ) LOOP
    EXECUTE 'DROP TABLE ' || name;
  END LOOP;
  ALTER TABLE events_office DISABLE TRIGGER append_only;
  DELETE FROM events_office;
  ALTER TABLE events_office ENABLE ALWAYS TRIGGER append_only;
  -- No trigger takes note of what is deleted, and no reference asks for an order.
  SET LOCAL session_replication_role = replica;
  FOR name IN SELECT oid::regclass FROM pg_class
              WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                AND relname NOT IN ('migrations', 'projection_tables') LOOP
    EXECUTE 'DELETE FROM ' || name;
  END LOOP;
  FOR name IN SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname ~ '_g[0-9]+$' LOOP
    EXECUTE 'DROP SCHEMA ' || name || ' CASCADE';
  END LOOP;
  PERFORM setval(seqrelid, seqstart, false) FROM pg_sequence;
  INSERT INTO heads (log) VALUES ('office');
END $$
"""

# How many parts there are and which transaction wrote the last: whatever is made, changed or dropped shows. But for
# the logs' partitions, of which the office's is at times made anew.
_SCHEMA: Final = """
WITH lasting AS (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition)
SELECT count(*), max(xmin::text::bigint) FROM pg_attribute WHERE attrelid IN (SELECT oid FROM lasting)
UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_constraint WHERE conrelid IN (SELECT oid FROM lasting)
UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_trigger WHERE tgrelid IN (SELECT oid FROM lasting)
UNION ALL SELECT count(*), max(xmin::text::bigint) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""


class Database:
    """A migrated database of a server; `empty` makes it as good as new."""

    def __init__(self, server: str) -> None:
        self._server = server
        self.dsn = make_conninfo(server, dbname=_NAME)
        self._make()

    def empty(self) -> None:
        """End all connections and delete all rows; if a test changed the schema, make a new database."""
        end_connections(self._caretaker)
        self._caretaker.execute(_EMPTY)
        if self._caretaker.execute(_SCHEMA).fetchall() != self._schema:
            self.close()
            self._make()

    def close(self) -> None:
        """Close the connection that stays open from test to test, as most of the time went into making one."""
        self._caretaker.close()

    def _make(self) -> None:
        name = sql.Identifier(_NAME)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
        migrate(self.dsn, all_migrations())
        self._caretaker = psycopg.connect(self.dsn, autocommit=True, application_name=_CARETAKER)
        self._schema = self._caretaker.execute(_SCHEMA).fetchall()


def end_connections(connection: Connection[Any]) -> int:
    """End all other connections to a database, as a restart of the server would, and return how many there were.

    The one that only empties the database stays.
    """
    ended = len(connection.execute(_END_CONNECTIONS).fetchall())
    # PostgreSQL itself would look ten times a second whether they have gone, and most go at once.
    while connection.execute(_END_CONNECTIONS).fetchall():
        pass
    return ended
