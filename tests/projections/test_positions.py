"""Positions, and waiting for them."""

from __future__ import annotations

import pytest

from ledger.datastore import Datastore
from ledger.events import BetWon
from ledger.recorder import LogRecorder
from projections.catalogue import projections
from projections.positions import Positions
from projections.runner import Runner
from tests.projections.book import Book
from tests.projections.conftest import Project

NAMES = [projection.name for projection in projections()]
FOR_EVER = 10_000.0


@pytest.fixture
def book() -> Book:
    """A week that is open."""
    book = Book()
    book.open_week()
    return book


def test_what_is_reached_is_not_waited_for(datastore: Datastore, project: Project, book: Book) -> None:
    """A position that stands is answered at once, even with no time to wait."""
    project(book)
    assert Positions(datastore, NAMES).wait_for(book.log, 1, timeout=0)


def test_what_is_not_reached_in_time_is_said(datastore: Datastore, project: Project, book: Book) -> None:
    """A projection that is behind, and a log without positions, are waited for no longer than asked."""
    project(book)
    positions = Positions(datastore, NAMES)
    assert not positions.wait_for(book.log, 2, timeout=0.02)
    assert not positions.wait_for("2026-W48", 1, timeout=0.02)


def test_only_the_named_projections_are_waited_for(datastore: Datastore, book: Book) -> None:
    """Whoever reads bets need not wait for the board."""
    book.append_to(LogRecorder(datastore, book.log))
    Runner(datastore, projections("bets")).step()
    positions = Positions(datastore, NAMES)
    assert positions.wait_for(book.log, 1, timeout=0, names=["bets"])
    assert not positions.wait_for(book.log, 1, timeout=0, names=["bets", "board"])


def test_logs_have_come_to_where_the_slowest_projection_is(datastore: Datastore, project: Project, book: Book) -> None:
    """What a read of any projection shows, and nothing for a log that one of them has not begun."""
    positions = Positions(datastore, NAMES)
    book.append_to(LogRecorder(datastore, book.log))
    Runner(datastore, projections("bets")).step()
    assert positions.come_to([book.log, "2026-W48"]) == {}
    project(book)
    book.add(book.entry(0), BetWon(available=1, bet_id=book.entry(1), payout=1, resolution=1))
    project(book)
    assert positions.come_to([book.log, "2026-W48"]) == {book.log: 1}


def test_a_stopped_projection_is_not_waited_for(datastore: Datastore, project: Project, book: Book) -> None:
    """It would not come: the answer is no, at once; what it had reached before is reached still."""
    project(book)
    book.add(book.entry(0), BetWon(available=1, bet_id=book.entry(1), payout=1, resolution=1))
    project(book)
    positions = Positions(datastore, NAMES)
    assert not positions.wait_for(book.log, 2, timeout=FOR_EVER)
    assert positions.wait_for(book.log, 1, timeout=0)
    assert positions.wait_for(book.log, 2, timeout=0, names=["weeks", "board"])
