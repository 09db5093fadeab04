"""The fold of payments: what was paid, what came of it, and how prizes are paid."""

from __future__ import annotations

import random
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier

from ledger.datastore import Datastore, cursor_on
from ledger.events import EntryWithdrawn
from ledger.ids import prize_id, registration_stream
from ledger.recorder import LogRecorder
from projections.catalogue import projections
from projections.payment_rows import AwardedPrize, Payment, PrizePayment, Purchase, WithdrawnPass
from projections.payments_fold import PaymentsProjection
from projections.rebuild import rebuild, verify
from projections.runner import Runner
from tests.projections.book import KINDS_OF_MOVES, START, Book, fold, random_week
from tests.projections.office import Office, random_office

PAY = UUID(int=1)
LATER = START + timedelta(hours=1)
MOVES = st.tuples(st.integers(0, KINDS_OF_MOVES - 1), st.integers(0, 50), st.integers(0, 500))


def payment(office: Office, id: UUID = PAY) -> Payment:
    return fold(PaymentsProjection(), office.facts).all(Payment)[id]


def purchase(book: Book, number: int) -> Purchase:
    return fold(PaymentsProjection(), book.facts).all(Purchase)[book.payment(number)]


def prize_payment(office: Office, entry: UUID) -> PrizePayment:
    return fold(PaymentsProjection(), office.facts).all(PrizePayment)[prize_id(entry)]


def test_a_checkout_is_open_until_it_is_paid() -> None:
    """The terms are those of the checkout, and `paid_at` is the provider's time."""
    office = Office()
    office.open(PAY)
    row = payment(office)
    assert (row.kind, row.week, row.entry, row.amount_cents, row.currency) == (
        "weekly_pass",
        "2026-W47",
        None,
        500,
        "usd",
    )
    assert (row.status, row.opened_at, row.paid_at, row.position) == ("open", office.facts[0].at, None, 1)
    office.hear(PAY, paid_at=LATER)
    row = payment(office)
    assert (row.status, row.opened_at, row.paid_at, row.position) == ("paid", office.facts[0].at, LATER, 2)


def test_a_renewal_begins_with_its_payment() -> None:
    """It was opened when it was recorded, and is for no week."""
    office = Office()
    office.hear(PAY, kind="subscription", week=None)
    row = payment(office)
    assert (row.kind, row.week, row.status) == ("subscription", None, "paid")
    assert (row.opened_at, row.paid_at) == (office.facts[0].at, START)


def test_refunds_add_up_and_come_off_where_they_fail() -> None:
    """The time is that of the last refund."""
    office = Office()
    for refunded in (100, 500, 450):
        office.hear(PAY, refunded_cents=refunded)
    row = payment(office)
    assert (row.amount_cents, row.refunded_cents, row.refunded_at) == (500, 450, office.facts[2].at)


@pytest.mark.parametrize(("said", "shown"), [(["open"], "open"), (["open", "won"], "won"), (["lost"], "lost")])
def test_a_dispute_shows_how_it_stands(said: list[str], shown: str) -> None:
    """And since when."""
    office = Office()
    for dispute in said:
        office.hear(PAY, dispute=dispute)
    row = payment(office)
    assert (row.status, row.dispute, row.disputed_at) == ("paid", shown, office.facts[1].at)


@given(moves=st.lists(MOVES, max_size=80))
@settings(max_examples=50, deadline=None)
def test_rows_say_what_the_ledger_knows(moves: list[tuple[int, int, int]]) -> None:
    """Whatever happened to payments and prizes: a row shows the state by which the ledger decides."""
    office = random_office(moves)
    rows = fold(PaymentsProjection(), office.facts)
    payments, prizes = rows.all(Payment), rows.all(PrizePayment)
    known = {id: each for id, each in office.payments.items() if each.version}
    paid = {entry: each for entry, each in office.prizes.items() if each.version}
    assert {id: (row.status, row.refunded_cents, row.dispute) for id, row in payments.items()} == {
        id: (each.status, each.refunded_cents, each.dispute) for id, each in known.items()
    }
    assert {row.entry: (row.state, row.reason, row.attempt, row.paid_at is None) for row in prizes.values()} == {
        entry: (each.state, each.reason, each.attempt, each.paid is None) for entry, each in paid.items()
    }


def test_a_purchase_shows_the_last_verdict() -> None:
    """A pass that is refused after its player withdrew keeps its entry; what is refused at once has none."""
    book = Book()
    accepted = book.buy_pass(1)
    row = purchase(book, 1)
    assert (row.week, row.kind, row.entry, row.verdict, row.reason) == (
        "2026-W47",
        "weekly_pass",
        book.entry(1),
        "accepted",
        None,
    )
    assert (row.decided_at, row.position) == (accepted.at, accepted.position)
    book.withdraw(1)
    refused = book.refuse(1, reason="withdrawn")
    row = purchase(book, 1)
    assert (row.entry, row.verdict, row.reason, row.position) == (
        book.entry(1),
        "refused",
        "withdrawn",
        refused.position,
    )
    book.refuse(2, kind="buy_back")
    assert (purchase(book, 2).entry, purchase(book, 2).reason) == (None, "late")


def test_a_pass_is_withdrawn_until_it_is_refused() -> None:
    """Also where its player came back by another one; who takes part for free withdraws no pass."""
    book = Book()
    for number in (1, 2):
        book.buy_pass(number)
    book.enrol(3)
    for number in (1, 3):
        book.withdraw(number)
    book.enrol(1)
    book.accept(4, kind="weekly_pass", entry=book.entry(1))
    withdrawn = fold(PaymentsProjection(), book.facts).all(WithdrawnPass)
    assert list(withdrawn) == [book.payment(1)]
    book.refuse(1, reason="withdrawn")
    assert fold(PaymentsProjection(), book.facts).all(WithdrawnPass) == {}
    book.add(registration_stream(book.entry(1)), EntryWithdrawn(reason="player"))
    assert list(fold(PaymentsProjection(), book.facts).all(WithdrawnPass)) == [book.payment(4)]


def test_a_prize_is_that_of_its_entry() -> None:
    """With its rank and amount, from when it was awarded."""
    book = Book()
    [winner, _] = book.draw({"A": 2})
    fact = book.award(winner, 4000, rank=2)
    assert fold(PaymentsProjection(), book.facts).all(AwardedPrize) == {
        winner: AwardedPrize(book.log, winner, "2026-W47", 2, 4000, "usd", fact.at, fact.position)
    }


def test_a_held_prize_shows_why() -> None:
    """An operator says so in words, a rule by its reason alone; a release ends both."""
    office = Office()
    entry = UUID(int=7)
    office.hold(entry, "identity")
    row = prize_payment(office, entry)
    assert (row.entry, row.week, row.amount_cents, row.currency) == (entry, "2026-W47", 5000, "usd")
    assert (row.state, row.reason, row.why, row.paid_at) == ("held", "identity", None, None)
    office.hold(entry, "operator", "looks odd")
    row = prize_payment(office, entry)
    assert (row.state, row.reason, row.why, row.changed_at) == ("held", "operator", "looks odd", office.facts[1].at)
    office.release(entry, "asked and answered")
    row = prize_payment(office, entry)
    assert (row.state, row.reason, row.why, row.position) == ("owed", None, "asked and answered", 3)


def test_a_prize_that_comes_back_is_not_paid() -> None:
    """It has failed once more, and has no time of payment."""
    office = Office()
    entry = UUID(int=7)
    office.fail(entry, "account_closed")
    office.release(entry, "new account")
    office.pay(entry, LATER)
    row = prize_payment(office, entry)
    assert (row.state, row.reason, row.why, row.attempt, row.paid_at) == ("paid", None, None, 1, LATER)
    office.fail(entry, "reversed")
    row = prize_payment(office, entry)
    assert (row.state, row.reason, row.attempt, row.paid_at) == ("failed", "reversed", 2, None)


def test_live_rows_equal_rebuilt_rows(datastore: Datastore) -> None:
    """In the office as in a week, taken in small batches, and after a rebuild."""
    chance = random.Random(1)
    moves = [(chance.randrange(KINDS_OF_MOVES), chance.randrange(50), chance.randrange(500)) for _ in range(300)]
    runner = Runner(datastore, projections("payments"))
    for book in (random_office(moves), random_week("2026-W47", moves)):
        book.append_to(LogRecorder(datastore, book.log))
        while runner.step(limit=chance.randrange(1, 30)):
            pass
    assert verify(datastore, name="payments") == []
    rebuild(datastore, name="payments")
    assert verify(datastore, name="payments") == []
    with datastore.connection() as connection:
        for table in PaymentsProjection.tables:
            statement = SQL("SELECT count(*) FROM {}").format(Identifier(table.TABLE))
            assert cursor_on(connection).execute(statement).fetchone() != (0,), f"nothing was put into {table.TABLE}"


def test_a_week_without_payments_has_no_rows() -> None:
    """Who plays for free, withdraws, bets and wins costs nothing here."""
    free = [(number % 15, number * 7, number * 11) for number in range(150)]
    rows = fold(PaymentsProjection(), random_week("2026-W47", free).facts)
    assert not any(rows.all(table) for table in PaymentsProjection.tables)
