"""The store."""

from __future__ import annotations

from ledger.datastore import Datastore
from ledger.recorder import LogRecorder


def test_opening_a_log_twice_changes_nothing(datastore: Datastore) -> None:
    """A log that is opened again stays as it is."""
    recorder = LogRecorder(datastore, "2026-W47")
    recorder.create_table()
    recorder.create_table()
    assert recorder.head().position == 0
