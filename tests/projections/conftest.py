"""What the tests of projections share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.datastore import Datastore
from ledger.recorder import LogRecorder
from projections.catalogue import projections
from projections.runner import Runner
from tests.projections.book import Book

Project = Callable[[Book], Runner]


@pytest.fixture
def project(datastore: Datastore) -> Project:
    """Appends what is new in a book and takes it to all projections; returns their runner."""
    runner = Runner(datastore, projections())

    def follow(book: Book) -> Runner:
        book.append_to(LogRecorder(datastore, book.log))
        while runner.step():
            pass
        return runner

    return follow
