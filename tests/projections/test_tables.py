"""The SQL that all tables share."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid5

from ledger.datastore import Datastore
from projections import tables
from projections.board import Market
from projections.rows import Rows

LOG, OTHER = "2026-W47", "2026-W48"
GAME = UUID(int=7)
QUOTED = Market(
    LOG,
    UUID(int=1),
    GAME,
    "total",
    odds_id=uuid5(GAME, "odds"),
    line='45.5\t"quoted"\\N',
    prices={"under": -110, "over": -105},
)
BARE = Market(LOG, UUID(int=2), GAME, "spread")


def saved(datastore: Datastore, *rows: Market, found: dict[UUID, Market | None]) -> None:
    with datastore.connection() as connection, connection.transaction():
        working = Rows({Market: found})
        for row in rows:
            working.add(row)
        tables.save(connection, LOG, working.changes())


def rows_of(datastore: Datastore, log: str) -> list[Market]:
    with datastore.connection() as connection, connection.transaction():
        return list(tables.scan(connection, log, Market))


def test_what_was_saved_is_loaded_as_it_was(datastore: Datastore) -> None:
    """Ids, texts with any characters, JSON and nulls survive; a key without a row is None."""
    saved(datastore, QUOTED, BARE, found={QUOTED.key: None, BARE.key: None})
    with datastore.connection() as connection:
        rows = tables.load(connection, LOG, {Market: [QUOTED.key, BARE.key, UUID(int=3)]})
    assert rows.get(Market, QUOTED.key) == QUOTED
    assert rows.get(Market, BARE.key) == BARE
    assert rows.get(Market, UUID(int=3)) is None


def test_saving_again_updates_and_removes(datastore: Datastore) -> None:
    """A changed row replaces what is under its key, a removed one goes."""
    saved(datastore, QUOTED, BARE, found={QUOTED.key: None, BARE.key: None})
    changed = replace(QUOTED, prices={"over": 100, "under": -120}, suspended="feed")
    with datastore.connection() as connection, connection.transaction():
        rows = tables.load(connection, LOG, {Market: [QUOTED.key, BARE.key]})
        rows.put(changed)
        rows.remove(BARE)
        tables.save(connection, LOG, rows.changes())
    assert rows_of(datastore, LOG) == [changed]


def test_a_log_is_replaced_alone(datastore: Datastore) -> None:
    """The rows of another log stay, even under the same key."""
    elsewhere = replace(BARE, log=OTHER)
    with datastore.connection() as connection, connection.transaction():
        tables.replace(connection, LOG, Market, [QUOTED, BARE])
        tables.replace(connection, OTHER, Market, [elsewhere])
        tables.replace(connection, LOG, Market, [QUOTED])
    assert rows_of(datastore, LOG) == [QUOTED]
    assert rows_of(datastore, OTHER) == [elsewhere]
