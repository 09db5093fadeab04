"""A process whose clock is wrong appends nothing: it would move the log's time for all, or take late stakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from ledger.datastore import Datastore
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from ledger.recorder import ClockWrong, LogRecorder
from ledger.seeds import SeedChain
from tests.examples import MASTER, WEEK
from tests.ledger.appending import A, append, fact
from tests.ledger.playing import PATIENCE, Clock

TOLERANCE = 600


@pytest.fixture
def strict(dsn: str) -> Iterator[Datastore]:
    """A datastore that looks at clocks."""
    with closing(Datastore(dsn, clock_tolerance_seconds=TOLERANCE)) as datastore:
        LogRecorder(datastore, WEEK).create_table()
        yield datastore


@pytest.mark.parametrize("ahead", [2 * TOLERANCE, -2 * TOLERANCE])
def test_an_append_by_a_wrong_clock_is_refused(strict: Datastore, ahead: int) -> None:
    """Ahead or behind, it leaves no trace, neither an event nor the time."""
    recorder = LogRecorder(strict, WEEK)
    before = recorder.head()
    with pytest.raises(ClockWrong, match=r"log 2026-W47: the clock of this process is -?\d\d:\d\d:\S+ ahead"):
        append(recorder, fact(A, 1), now=datetime.now(UTC) + timedelta(seconds=ahead))
    assert recorder.head() == before


def test_an_append_by_a_right_clock_is_taken(strict: Datastore) -> None:
    """Clocks are never the same to the second."""
    recorder = LogRecorder(strict, WEEK)
    append(recorder, fact(A, 1), now=datetime.now(UTC) + timedelta(seconds=TOLERANCE / 2))
    assert recorder.head().position == 1


def test_simulated_time_is_not_looked_at(recorder: LogRecorder) -> None:
    """Weeks of the past and of the future can be played, on servers of one's own."""
    append(recorder, fact(A, 1), now=datetime(2199, 1, 1, tzinfo=UTC))
    assert recorder.head().position == 1


def test_a_command_is_refused_until_the_clock_is_right(strict: Datastore) -> None:
    """Everybody is told at once, the process counts as failing, and goes on when it is mended."""
    clock = Clock(datetime.now(UTC) + timedelta(days=1))
    ledger = Ledger(strict, clock=clock, new_id=lambda: A, seeds=SeedChain(MASTER), on_death=lambda _: None)
    desk = ledger.desk(OFFICE)
    asked = [desk.ask(lambda _: "done", actor="tester", request=str(number)) for number in range(3)]
    assert all(isinstance(each.exception(PATIENCE), ClockWrong) for each in asked)
    assert ledger.is_failing
    clock.now = datetime.now(UTC)
    assert desk.ask(lambda _: "done", actor="tester", request="again").result(PATIENCE) == "done"
    assert not ledger.is_failing
    desk.close()
