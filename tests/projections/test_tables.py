"""The SQL that all tables share."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest
from msgspec.structs import replace

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
    with datastore.connection() as connection:
        return list(tables.load(connection, log, {Market: [QUOTED.key, BARE.key]}).all(Market).values())


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


def test_many_rows_are_written_at_once(datastore: Datastore) -> None:
    """They are read as those that were saved one by one."""
    with datastore.connection() as connection, connection.transaction():
        tables.append(connection, Market, [QUOTED, BARE])
    assert rows_of(datastore, LOG) == [QUOTED, BARE]


def test_what_is_saved_as_a_draft_is_nowhere_else(datastore: Datastore) -> None:
    """A draft is empty at first, and the table stays as it is; once dropped, it can be made anew."""
    saved(datastore, BARE, found={BARE.key: None})
    changed = replace(BARE, suspended="feed")
    with datastore.connection() as connection:
        for _ in range(10):
            tables.draft(connection, Market)
            for row, found in ((BARE, None), (changed, BARE)):
                rows = tables.load(connection, LOG, {Market: [BARE.key]}, drafts=True)
                assert rows.get(Market, BARE.key) == found
                rows.put(row)
                tables.save(connection, LOG, rows.changes(), drafts=True)
            assert tables.first_difference(connection, LOG, Market, None) == (changed, BARE)
            tables.drop_draft(connection, Market)
    assert rows_of(datastore, LOG) == [BARE]


@pytest.mark.parametrize("drafts", [False, True])
def test_many_changed_rows_take_the_places_of_those_before(datastore: Datastore, drafts: bool) -> None:
    """However many a fold changes, in the tables or in drafts, all of them are there afterwards, and no others."""
    rows = [replace(BARE, market_id=UUID(int=number)) for number in range(1, 1_001)]
    changed = [replace(row, suspended="feed") for row in rows]
    with datastore.connection() as connection:
        tables.draft(connection, Market)
        for written in (rows, changed):
            working = tables.load(connection, LOG, {Market: [row.key for row in rows]}, drafts=drafts)
            for row in written:
                working.put(row)
            tables.save(connection, LOG, working.changes(), drafts=drafts)
        found = tables.load(connection, LOG, {Market: [row.key for row in rows]}, drafts=drafts)
        tables.drop_draft(connection, Market)
    assert list(found.all(Market).values()) == changed


def test_the_first_difference_is_that_of_the_lowest_key(datastore: Datastore) -> None:
    """Both rows are given, or the one that is there; equal rows and those of another log are no difference."""
    saved(datastore, QUOTED, BARE, found={QUOTED.key: None, BARE.key: None})
    changed = replace(BARE, suspended="feed")
    later = replace(BARE, market_id=UUID(int=3))
    expectations: list[tuple[list[Market], tuple[Market | None, Market | None] | None]] = [
        ([BARE, QUOTED], None),
        ([later, changed, QUOTED], (changed, BARE)),
        ([later, BARE, QUOTED], (later, None)),
        ([later, BARE], (None, QUOTED)),
        ([], (None, QUOTED)),
    ]
    with datastore.connection() as connection:
        for rows, difference in expectations:
            assert tables.first_difference(connection, LOG, Market, rows) == difference
        assert tables.first_difference(connection, OTHER, Market, []) is None
