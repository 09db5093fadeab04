"""The table of checkpoints."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from feeds.checkpoints import Checkpoints, SignedCheckpoint
from ledger.datastore import Datastore, cursor_on

LOG = "2026-W47"
AT = datetime(2026, 11, 16, tzinfo=UTC)


def signed(size: int, *, log: str = LOG) -> SignedCheckpoint:
    return SignedCheckpoint(log, size, bytes([size]) * 32, f"note of {log} at {size}\n")


def test_checkpoints_are_read_by_size(datastore: Datastore) -> None:
    """The newest, the newest up to a size, the one that covers a position, and all in order; each log by itself."""
    checkpoints = Checkpoints(datastore)
    assert checkpoints.newest(LOG) is None
    assert checkpoints.covering(LOG, 1) is None
    for size in (5, 3, 9):
        assert checkpoints.add(signed(size), signed_at=AT)
    checkpoints.add(signed(20, log="office"), signed_at=AT)
    assert checkpoints.newest(LOG) == signed(9)
    assert checkpoints.newest(LOG, 8) == signed(5)
    assert checkpoints.newest(LOG, 2) is None
    assert [checkpoints.covering(LOG, position) for position in (9, 10)] == [signed(9), None]
    assert list(checkpoints.all(LOG)) == [signed(3), signed(5), signed(9)]
    assert list(checkpoints.all(LOG, 5)) == [signed(3), signed(5)]
    assert list(checkpoints.all(LOG, after=3)) == [signed(5), signed(9)]


def test_the_first_of_two_checkpoints_of_one_size_stays(datastore: Datastore) -> None:
    """Whoever comes second is told."""
    checkpoints = Checkpoints(datastore)
    other = SignedCheckpoint(LOG, 3, bytes(32), "another note\n")
    assert (checkpoints.add(signed(3), signed_at=AT), checkpoints.add(other, signed_at=AT)) == (True, False)
    assert checkpoints.newest(LOG) == signed(3)


def test_nobody_changes_a_checkpoint(datastore: Datastore, dsn: str) -> None:
    """The service has no right to, and the owner is refused by a trigger."""
    Checkpoints(datastore).add(signed(3), signed_at=AT)
    for statement in ("UPDATE checkpoints SET size = 4", "DELETE FROM checkpoints", "TRUNCATE checkpoints"):
        with datastore.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            cursor_on(connection).execute(statement.encode())
        with psycopg.connect(dsn) as owner, pytest.raises(psycopg.errors.RestrictViolation, match="append-only"):
            owner.execute(statement.encode())


def test_logs_that_end_elsewhere_than_their_newest_checkpoint_are_unsigned(datastore: Datastore, dsn: str) -> None:
    """Because they went on, or because they were cut off."""
    checkpoints = Checkpoints(datastore)
    assert checkpoints.unsigned() == []
    for head, unsigned in ((5, ["office"]), (3, []), (2, ["office"])):
        with psycopg.connect(dsn) as owner:
            owner.execute("UPDATE heads SET position = %s WHERE log = 'office'", (head,))
        checkpoints.add(signed(3, log="office"), signed_at=AT) if head == 3 else None
        assert checkpoints.unsigned() == unsigned
