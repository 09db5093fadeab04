"""Rows as PostgreSQL's COPY reads them."""

from __future__ import annotations

from uuid import UUID

import pytest

from ledger.datastore import Datastore
from projections import tables
from projections.board import Market
from projections.cases import SettledGame
from projections.rows import Changes, Row
from projections.tree import Tile

LOG = "2026-W47"
HARD = "".join(map(chr, range(1, 128))) + 'null, "a"]\n["b" \\n \\u0041 \\ é €'


def game(number: int, settled: str) -> SettledGame:
    return SettledGame(LOG, UUID(int=number), settled)


@pytest.mark.parametrize(
    "row",
    [
        game(1, HARD),
        game(1, "null"),
        game(1, ""),
        Market(LOG, UUID(int=1), UUID(int=2), "total", prices={"over": -110, HARD: 1}, line="null"),
        Tile(LOG, 1, bytes(range(256)) * 2),
    ],
    ids=["control characters", "the word null", "nothing", "a mapping", "bytes"],
)
def test_what_is_copied_is_read_back_as_it_was(datastore: Datastore, row: Row) -> None:
    """Whatever text stands in it."""
    with datastore.connection() as connection:
        tables.append(connection, type(row), [row])
        assert tables.row_in(connection, LOG, type(row), row.key, schema="public") == row


def test_many_rows_are_changed_as_few_are(datastore: Datastore) -> None:
    """Those that were there have their new values, and no other has."""
    before = [game(number, "before") for number in range(1_000)]
    after = [game(number, HARD) for number in range(0, 1_000, 2)]
    with datastore.connection() as connection:
        for _ in range(2):
            with connection.transaction():
                tables.replace(connection, LOG, SettledGame, before)
                tables.save(connection, LOG, [Changes(SettledGame, [], list(after), [])])
            keys = [row.game_id for row in before]
            found = tables.load(connection, LOG, {SettledGame: keys})
            settled = [found.need(SettledGame, key).settled for key in keys]
            assert settled == [HARD, "before"] * 500
