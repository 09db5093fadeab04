"""What the tests of the ledger share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.datastore import Datastore
from ledger.recorder import LogRecorder
from tests.examples import WEEK
from tests.ledger.playing import House


@pytest.fixture
def recorder(datastore: Datastore) -> LogRecorder:
    """The recorder of a log that was just opened."""
    recorder = LogRecorder(datastore, WEEK)
    recorder.create_table()
    return recorder


@pytest.fixture
def house(dsn: str) -> Iterator[House]:
    """A service on an empty database, an hour before the week starts."""
    with House(dsn) as house:
        yield house
