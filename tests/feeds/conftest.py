"""What the tests of the feeds share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ledger.datastore import Datastore
from tests.feeds.small_week import SmallWeek

MakeWeek = Callable[..., SmallWeek]


@pytest.fixture
def make_week(datastore: Datastore) -> Iterator[MakeWeek]:
    """Makes a small week that is not open yet, with the options of `SmallWeek`."""
    with ExitStack() as stack:

        def make(**options: object) -> SmallWeek:
            week = SmallWeek(datastore, **options)  # type: ignore[arg-type]
            stack.callback(week.close)
            return week

        yield make


@pytest.fixture
def week(make_week: MakeWeek) -> SmallWeek:
    """A week that takes bets of Ann and Bob."""
    week = make_week()
    week.begin("ann", "bob")
    return week
