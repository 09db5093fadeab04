"""Payers: the month for which a spend limit holds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from api.people.payers import month_of
from ledger.weeks import NEW_YORK


@pytest.mark.parametrize(
    ("instant", "since", "until"),
    [
        ("2026-11-15T05:00:00Z", "2026-11-01T00:00:00-04:00", "2026-12-01T00:00:00-05:00"),
        ("2026-12-01T04:59:59Z", "2026-11-01T00:00:00-04:00", "2026-12-01T00:00:00-05:00"),
        ("2026-12-01T05:00:00Z", "2026-12-01T00:00:00-05:00", "2027-01-01T00:00:00-05:00"),
        ("2026-12-31T12:00:00Z", "2026-12-01T00:00:00-05:00", "2027-01-01T00:00:00-05:00"),
    ],
)
def test_a_month_is_that_of_new_york(instant: str, since: str, until: str) -> None:
    """From midnight on the first to midnight on the next first, also where clocks change in between."""
    month = month_of(datetime.fromisoformat(instant))
    assert [each.isoformat() for each in month] == [since, until]
    assert month_of(month.since) == month_of(month.until - timedelta(seconds=1)) == month
    assert month.since.tzinfo is NEW_YORK
