"""Weeks."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from ledger import events
from ledger.datastore import Datastore
from ledger.rules import Rules
from projections.weeks import Week, Weeks, WeeksProjection, week_of
from tests.projections.book import START, Book, fold
from tests.projections.conftest import Project


def week(book: Book) -> Week:
    return fold(WeeksProjection(), book.facts).all(Week)[book.week]


def test_an_open_week_registers_under_its_rules() -> None:
    """The rules are kept as the canonical JSON whose hash the week published."""
    book = Book()
    opened = book.open_week(Rules(grant=500))
    row = week(book)
    assert (row.state, row.log, row.week, row.position) == ("registering", "2026-W47", "2026-W47", opened.position)
    assert hashlib.sha256(row.rules.encode()).hexdigest() == row.rules_hash
    assert '"grant":500' in row.rules
    assert (row.starts_at, row.ends_at) == (START, START + timedelta(days=7))


def test_a_week_goes_through_its_states() -> None:
    """Each event of the week sets its state, its time, and what it tells."""
    book = Book()
    book.open_week()
    book.draw({"A": 2})
    drawn = week(book)
    assert (drawn.state, drawn.roster_size, drawn.roster_hash, drawn.seed) == ("grouped", 2, "h0", "5eed")
    closed = book.week_event(events.WeekClosed())
    assert (week(book).state, week(book).closed_at) == ("closed", closed.at)
    book.week_event(events.WeekSettled(n=1, standings_hash="s1"))
    settled = book.week_event(events.WeekSettled(n=2, standings_hash="s2"))
    assert (week(book).state, week(book).settled_n, week(book).settled_at) == ("settled", 2, settled.at)
    assert week(book).standings_hash == "s2"
    finalised = book.week_event(events.WeekFinalised(standings_hash="s2"))
    book.week_event(events.WeekSealed())
    assert (week(book).state, week(book).finalised_at, week(book).position) == (
        "final",
        finalised.at,
        finalised.position,
    )


@pytest.mark.parametrize(("log", "expected"), [("2026-W47", "2026-W47"), ("2026-W47.c2", "2026-W47")])
def test_a_log_belongs_to_a_week(log: str, expected: str) -> None:
    """A cell's log belongs to the week before the dot."""
    assert week_of(log) == expected


def test_readers_find_weeks(datastore: Datastore, project: Project) -> None:
    """By log, by an instant in it (its end excluded), newest first, and those that may still move."""
    first, second = Book("2026-W47"), Book("2026-W48")
    for book in (first, second):
        book.open_week()
    first.week_event(events.WeekFinalised(standings_hash="s"))
    project(first)
    project(second)
    weeks = Weeks(datastore)
    assert weeks.week("2026-W47") == week(first)
    assert weeks.week("2026-W49") is None
    assert [row.week for row in weeks.weeks(limit=2)] == ["2026-W48", "2026-W47"]
    assert [row.week for row in weeks.weeks(week="2026-W48")] == ["2026-W47"]
    assert [row.week for row in weeks.weeks(week="2026-W46", is_back=True)] == ["2026-W47", "2026-W48"]
    assert [row.week for row in weeks.unfinished()] == ["2026-W48"]
    assert weeks.week_at(START) == week(first)
    assert weeks.week_at(START + timedelta(days=7)) is None
