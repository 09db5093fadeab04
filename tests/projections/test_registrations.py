"""Registrations."""

from __future__ import annotations

from ledger.datastore import Datastore
from ledger.ids import registration_stream
from projections.registrations import Registration, RegistrationCount, Registrations, RegistrationsProjection
from tests.projections.book import Book, fold
from tests.projections.conftest import Project


def test_an_enrolment_keeps_the_rules_that_it_accepted() -> None:
    """With the way in, and when it was."""
    book = Book()
    enrolled = book.enrol(1)
    [row] = fold(RegistrationsProjection(), book.facts).all(Registration).values()
    assert (row.entry, row.week, row.via, row.rules_hash) == (book.entry(1), "2026-W47", "free", "r0")
    assert (row.enrolled_at, row.withdrawn_at, row.position) == (enrolled.at, None, enrolled.position)


def test_who_withdraws_and_comes_back_is_counted_once() -> None:
    """A withdrawal keeps the row, and enrolling anew ends it."""
    book = Book()
    for number in (1, 2):
        book.enrol(number)
    book.withdraw(1)
    rows = fold(RegistrationsProjection(), book.facts)
    assert rows.all(Registration)[registration_stream(book.entry(1))].withdrawn_at == book.facts[-1].at
    assert [count.registered for count in rows.all(RegistrationCount).values()] == [1]
    book.enrol(1)
    rows = fold(RegistrationsProjection(), book.facts)
    assert rows.all(Registration)[registration_stream(book.entry(1))].withdrawn_at is None
    assert [count.registered for count in rows.all(RegistrationCount).values()] == [2]


def test_readers_count_entries_by_week(datastore: Datastore, project: Project) -> None:
    """A week without any is missing."""
    first, second = Book("2026-W47"), Book("2026-W48")
    for number in range(3):
        first.enrol(number)
    second.enrol(1)
    project(first)
    project(second)
    first.withdraw(2)
    project(first)
    registered = Registrations(datastore).registered(["2026-W47", "2026-W48", "2026-W49"])
    assert registered == {"2026-W47": 2, "2026-W48": 1}
