"""What PostgreSQL receives is the array that was given, of any length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ledger.arrays import Array, byteas, instants, int2s, int4s, int8s, texts, uuids
from ledger.datastore import Datastore, cursor_on

MOMENT = datetime(2026, 11, 17, 15, 0, 0, 1, tzinfo=UTC)
COLUMNS: list[tuple[str, Callable[[Any], Array], Sequence[Any]]] = [
    ("smallint", int2s, [1, -1, 32_767]),
    ("int", int4s, [0, -1, 2**31 - 1]),
    ("bigint", int8s, [0, -1, 2**63 - 1]),
    ("text", texts, ["", "same", "same", "Zürich \\ {,}"]),
    ("bytea", byteas, [b"", b"\0\xff", b"{}"]),
    ("uuid", uuids, [UUID(int=0), UUID(int=2**128 - 1)]),
    ("timestamptz", instants, [MOMENT, MOMENT, datetime(1970, 1, 1, tzinfo=UTC), MOMENT + timedelta(days=1)]),
]


@pytest.mark.parametrize(("of", "array", "values"), COLUMNS, ids=[column[0] for column in COLUMNS])
def test_array_arrives_as_it_was(
    datastore: Datastore, of: str, array: Callable[[Any], Array], values: Sequence[Any]
) -> None:
    """Empty, too."""
    with datastore.connection() as connection:
        for given in ([], values):
            statement = f"SELECT %(values)b::{of}[]"
            [(found,)] = cursor_on(connection).execute(statement, {"values": array(given)}, binary=True)
            assert found == given
