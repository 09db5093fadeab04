"""What is asked of payments and prizes."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from ledger.datastore import Datastore
from projections.payments import Payment, PaymentsView, Prize, PrizeTotal
from tests.projections.book import START, Book
from tests.projections.conftest import Project
from tests.projections.office import Office

PAY = UUID(int=1)
LATER = START + timedelta(hours=1)


def ids(found: list[Payment]) -> list[UUID]:
    return [each.payment_id for each in found]


def entries(found: list[Prize]) -> list[UUID]:
    return [each.entry for each in found]


def test_paid_and_undecided_payments_are_to_be_fulfilled(datastore: Datastore, project: Project) -> None:
    """Of all weeks, the oldest first; not subscriptions, nor what is open, decided, or all given back."""
    office, weeks = Office(), [Book("2026-W47"), Book("2026-W48")]
    first, second = weeks
    office.open(first.payment(1))
    for number in (2, 3, 4, 5, 6):
        office.hear(first.payment(number), paid_at=START + timedelta(minutes=10 - number))
    office.hear(second.payment(1), kind="buy_back", week=second.week, paid_at=START)
    office.hear(PAY, kind="subscription", week=None)
    office.hear(first.payment(5), refunded_cents=500)
    office.hear(first.payment(6), refunded_cents=499)
    project(office)
    view = PaymentsView(datastore)
    assert ids(view.to_fulfil(limit=9)) == [second.payment(1), *map(first.payment, (6, 4, 3, 2))]
    first.buy_pass(2)
    first.refuse(3)
    project(first)
    found = view.to_fulfil(limit=2)
    assert ids(found) == [second.payment(1), first.payment(6)]
    assert found[1].paid_at is not None
    assert ids(view.to_fulfil(after=(found[1].paid_at, found[1].payment_id), limit=2)) == [first.payment(4)]
    second.refuse(1, kind="buy_back")
    first.refuse(4)
    first.refuse(6)
    project(first)
    project(second)
    assert view.to_fulfil(limit=9) == []


def test_refused_payments_are_to_be_refunded(datastore: Datastore, project: Project) -> None:
    """What is left of them; not while a dispute is open, nor after it was lost."""
    office, book = Office(), Book()
    for number in range(8):
        office.hear(book.payment(number), paid_at=START + timedelta(minutes=number))
    book.buy_pass(0)
    for number in range(1, 7):
        book.refuse(number)
    office.hear(book.payment(0), refunded_cents=500)
    office.hear(book.payment(1), refunded_cents=500)
    office.hear(book.payment(2), refunded_cents=200)
    office.hear(book.payment(3), dispute="open")
    office.hear(book.payment(4), dispute="lost")
    office.hear(book.payment(5), dispute="won")
    project(office)
    project(book)
    view = PaymentsView(datastore)
    found = view.to_refund(limit=9)
    assert ids(found) == [book.payment(number) for number in (2, 5, 6)]
    assert ids(view.to_refund(limit=1)) == ids(found[:1])
    assert found[0].paid_at is not None
    assert view.to_refund(after=(found[0].paid_at, found[0].payment_id), limit=9) == found[1:]
    office.hear(book.payment(1), refunded_cents=0)
    project(office)
    assert ids(view.to_refund(limit=1)) == [book.payment(1)]


def test_withdrawn_passes_are_found_until_refused(datastore: Datastore, project: Project) -> None:
    """In order of payment, whichever was withdrawn first."""
    office, book = Office(), Book()
    for number in range(4):
        office.hear(book.payment(number), paid_at=START + timedelta(minutes=number))
        book.buy_pass(number)
    for number in (3, 1):
        book.withdraw(number)
    project(office)
    project(book)
    view = PaymentsView(datastore)
    found = view.withdrawn_passes(limit=9)
    assert ids(found) == [book.payment(1), book.payment(3)]
    assert found[0].paid_at is not None
    assert view.withdrawn_passes(after=(found[0].paid_at, found[0].payment_id), limit=9) == found[1:]
    book.refuse(1, reason="withdrawn")
    project(book)
    assert view.withdrawn_passes(limit=9) == found[1:]


def test_open_checkouts_are_found_by_age(datastore: Datastore, project: Project) -> None:
    """Those opened before a time, the oldest first; what has ended is not among them."""
    office = Office()
    opened = [uuid5(PAY, str(number)) for number in range(4)]
    for each in opened:
        office.open(each)
        project(office)
    office.hear(opened[1], status="expired")
    project(office)
    view = PaymentsView(datastore)
    found = view.still_open(before=office.facts[3].at, limit=9)
    assert ids(found) == [opened[0], opened[2]]
    assert view.still_open(before=LATER, after=(found[0].opened_at, opened[0]), limit=1) == found[1:]


def test_payments_are_found_by_id_and_week(datastore: Datastore, project: Project) -> None:
    """With their disputes, as long as these keep the money from us; unknown ids are passed over."""
    office, book = Office(), Book()
    numbered = sorted(map(book.payment, range(4)))
    for each, dispute in zip(numbered, (None, "open", "won", "lost"), strict=True):
        office.hear(each, dispute=dispute)
    office.hear(PAY, week="2026-W48")
    book.refuse(1)
    project(office)
    project(book)
    view = PaymentsView(datastore)
    assert view.payments([PAY]) == [view.payment(PAY)]
    assert ids(view.payments_of_week("2026-W48")) == [PAY]
    assert view.payment(UUID(int=99)) is None
    assert ids(view.payments([numbered[2], numbered[0], UUID(int=99)])) == [numbered[0], numbered[2]]
    assert ids(view.payments_of_week("2026-W47")) == numbered
    assert [(each.payment_id, each.verdict) for each in view.purchases_of_week("2026-W47")] == [
        (book.payment(1), "refused")
    ]
    assert view.purchases_of_week("2026-W48") == []
    assert ids(view.open_disputes([*numbered[:3], PAY])) == [numbered[1]]
    assert ids(view.open_disputes(numbered)) == [numbered[1], numbered[3]]


@pytest.fixture
def winners(project: Project) -> tuple[Office, Book, list[UUID]]:
    """A week with four winners, awarded in turn: owed, held, failed, and paid."""
    office, book = Office(), Book()
    book.open_week()
    won = book.draw({"A": 2, "B": 2})
    for number, entry in enumerate(won):
        book.award(entry, 1000 + number)
        project(book)
    office.hold(won[1], "tax")
    project(office)
    office.fail(won[2], "refused")
    office.pay(won[3], LATER, amount_cents=1003)
    project(office)
    return office, book, won


def test_prizes_show_how_they_stand(datastore: Datastore, winners: tuple[Office, Book, list[UUID]]) -> None:
    """With their pool; one of which the office says nothing is owed."""
    office, book, won = winners
    view = PaymentsView(datastore)
    assert view.prize(won[0]) == Prize(
        entry=won[0],
        week="2026-W47",
        pool_id=book.pool("A"),
        pool_name="A",
        rank=1,
        amount_cents=1000,
        currency="usd",
        awarded_at=next(fact.at for fact in book.facts if fact.event.TOPIC == "account.prize_awarded"),
        state="owed",
        reason=None,
        why=None,
        attempt=0,
        paid_at=None,
        changed_at=None,
    )
    assert view.prize(UUID(int=99)) is None
    [held, failed, paid] = view.prizes_of(won[1:])
    assert (held.state, held.reason, held.changed_at) == ("held", "tax", office.facts[0].at)
    assert (failed.state, failed.reason, failed.attempt) == ("failed", "refused", 1)
    assert (paid.state, paid.paid_at, paid.pool_name) == ("paid", LATER, "B")
    assert entries(view.prizes_of_week("2026-W47")) == won
    assert view.prizes_of_week("2026-W48") == []


def test_prizes_are_open_until_paid(datastore: Datastore, winners: tuple[Office, Book, list[UUID]]) -> None:
    """The oldest first, and on from behind any of them."""
    _, _, won = winners
    view = PaymentsView(datastore)
    found = view.open_prizes(limit=9)
    assert entries(found) == won[:3]
    assert view.open_prizes(after=(found[0].awarded_at, won[0]), limit=1) == found[1:2]


def test_prizes_are_listed_in_pages(datastore: Datastore, winners: tuple[Office, Book, list[UUID]]) -> None:
    """Newest first and back again, of one week or one state where asked."""
    _, _, won = winners
    view = PaymentsView(datastore)
    newest = view.prizes_page(limit=2)
    assert entries(newest) == [won[3], won[2]]
    place = newest[1].awarded_at, newest[1].entry
    assert entries(view.prizes_page(place=place)) == [won[1], won[0]]
    oldest = view.prizes_of_week("2026-W47")[0]
    back = view.prizes_page(place=(oldest.awarded_at, oldest.entry), is_back=True, limit=2)
    assert entries(back) == [won[1], won[2]]
    assert entries(view.prizes_page(week="2026-W47", state="owed")) == [won[0]]
    assert view.prizes_page(week="2026-W48") == []


def test_prizes_are_added_up(datastore: Datastore, winners: tuple[Office, Book, list[UUID]]) -> None:
    """By state for a week; by entries, for what was paid from one time on and before another."""
    _, _, won = winners
    view = PaymentsView(datastore)
    assert view.prize_totals("2026-W47") == [
        PrizeTotal(state, "usd", 1, cents)
        for state, cents in (("failed", 1002), ("held", 1001), ("owed", 1000), ("paid", 1003))
    ]
    assert view.paid_cents(won, since=LATER, until=LATER + timedelta(seconds=1)) == 1003
    assert view.paid_cents(won, since=START, until=LATER) == 0
    assert view.paid_cents(won[:3], since=START, until=LATER + timedelta(days=1)) == 0
