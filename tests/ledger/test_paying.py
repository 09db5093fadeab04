"""Payments in the office's log: opened with their row, and following the provider's word, each message taken once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.deciding import RowThere
from ledger.events import (
    CheckoutOpened,
    DisputeClosed,
    PaymentDisputed,
    PaymentExpired,
    PaymentPaid,
    PaymentRefunded,
    RefundFailed,
)
from ledger.facts import Fact
from ledger.ids import OFFICE
from ledger.payment import PaymentMoved, Word
from tests.ledger.auditing import audit
from tests.ledger.buying import (
    OTHER,
    PAID_AT,
    PAYMENT,
    has_row,
    hear,
    office,
    open_payment,
    said,
    version,
)
from tests.ledger.desks import at_once, lose_the_answer, meanwhile
from tests.ledger.playing import House


@pytest.fixture(autouse=True)
def office_is_open(house: House) -> None:
    """The office's log."""
    house.recorder(OFFICE).create_table()


def topics(house: House) -> list[type]:
    return [type(event) for event in office(house)]


def test_payment_is_opened_with_its_row(house: House) -> None:
    """The terms are in the log, and who pays is in the row alone."""
    opened = open_payment(house)
    assert office(house) == [opened.event]
    assert isinstance(opened.event, CheckoutOpened)
    assert (opened.stream, opened.event.payment_id, opened.event.paid_at) == (PAYMENT, str(PAYMENT), None)
    assert has_row(house, "key")


def test_request_opens_one_payment(house: House) -> None:
    """A second one finds the row there, whatever payment it would have been; another request opens another."""
    open_payment(house)
    for payment in (PAYMENT, OTHER):
        with pytest.raises(RowThere):
            open_payment(house, payment=payment)
    assert topics(house) == [CheckoutOpened]
    open_payment(house, payment=OTHER, key="another key")
    assert topics(house) == [CheckoutOpened] * 2


def test_request_that_comes_at_once_opens_one_payment(house: House) -> None:
    """Ten times through two services: one is opened, the others find its row."""
    houses = [house, house.another()]
    answers = at_once(
        [partial(open_payment, houses[number % 2], payment=UUID(int=100 + number)) for number in range(10)]
    )
    opened = [answer for answer in answers if isinstance(answer, Fact)]
    assert [type(answer) for answer in answers].count(RowThere) == 9
    assert office(house) == [fact.event for fact in opened]


def test_opening_in_doubt_is_found_by_its_row(house: House) -> None:
    """The commit came through and the answer was lost: decided again, it is there once, and said to be there."""
    lose_the_answer(house.ledger.desk(OFFICE))
    with pytest.raises(RowThere):
        open_payment(house)
    assert topics(house) == [CheckoutOpened]


def test_word_of_the_provider_is_recorded_with_its_message(house: House) -> None:
    """All that is news, in one append with the row."""
    open_payment(house)
    facts = hear(house, said(refunded_cents=500, dispute="lost"), known=version(house), message="evt_1")
    assert [type(fact.event) for fact in facts] == [PaymentPaid, PaymentRefunded, PaymentDisputed, DisputeClosed]
    assert [fact.event for fact in facts] == office(house)[1:]
    assert {(fact.at, fact.request, fact.actor) for fact in facts} == {(facts[0].at, "evt_1", "provider")}
    assert (has_row(house, "evt_1"), version(house)) == (True, 5)


def test_message_is_taken_once(house: House) -> None:
    """Also one that brought no news, or that concerns another payment."""
    open_payment(house)
    assert hear(house, said("open"), known=1, message="evt_1") == []
    for payment in (PAYMENT, OTHER):
        with pytest.raises(RowThere):
            hear(house, said(payment=payment), known=version(house, payment), message="evt_1")
    assert topics(house) == [CheckoutOpened]
    hear(house, said(), known=1, message="evt_2")
    assert topics(house) == [CheckoutOpened, PaymentPaid]


def test_sweep_brings_no_message(house: House) -> None:
    """What is asked without being told has no row, and records the same."""
    open_payment(house)
    assert [type(fact.event) for fact in hear(house, said("expired"), known=1)] == [PaymentExpired]
    assert hear(house, said("expired"), known=2) == []


@pytest.mark.parametrize("known", [0, 2])
def test_word_that_may_be_out_of_date_is_refused(house: House, known: int) -> None:
    """Something was recorded since the provider was asked: its message is left to be taken with the next answer."""
    open_payment(house)
    with pytest.raises(PaymentMoved, match=f"{PAYMENT} is at version 1, not {known}"):
        hear(house, said(), known=known, message="evt_1")
    assert (topics(house), has_row(house, "evt_1")) == ([CheckoutOpened], False)
    hear(house, said(), known=1, message="evt_1")
    assert (topics(house), has_row(house, "evt_1")) == ([CheckoutOpened, PaymentPaid], True)


def test_word_overtaken_between_decision_and_append_is_refused(house: House) -> None:
    """Another service hears of the refund first: the older word would have taken it back."""
    open_payment(house)
    hear(house, said(), known=1)
    other = house.another()
    meanwhile(house.ledger.desk(OFFICE), lambda: hear(other, said(refunded_cents=500), known=2, message="evt_2"))
    with pytest.raises(PaymentMoved):
        hear(house, said(refunded_cents=200), known=2, message="evt_1")
    assert topics(house) == [CheckoutOpened, PaymentPaid, PaymentRefunded]
    assert not has_row(house, "evt_1")


def test_word_in_doubt_is_recorded_once(house: House) -> None:
    """Decided again it is out of date, and asked again it finds its message taken."""
    open_payment(house)
    lose_the_answer(house.ledger.desk(OFFICE))
    with pytest.raises(PaymentMoved):
        hear(house, said(), known=1, message="evt_1")
    with pytest.raises(RowThere):
        hear(house, said(), known=version(house), message="evt_1")
    assert topics(house) == [CheckoutOpened, PaymentPaid]


def test_version_is_the_logs_and_not_a_desks(house: House) -> None:
    """What another service recorded counts, however much this one has in its cache."""
    open_payment(house)
    other = house.another()
    assert (version(house), version(other)) == (1, 1)
    hear(house, said(), known=1)
    assert version(other) == 2
    assert version(other, OTHER) == 0


def listen(house: House, message: str) -> list[Fact]:
    """Take a message as a webhook does: ask how the payment stands until what it says is not out of date."""
    while True:
        try:
            return hear(house, said(refunded_cents=500), known=version(house), message=message)
        except PaymentMoved:
            continue


def test_messages_that_come_at_once_have_one_effect(house: House) -> None:
    """Four messages, each delivered five times through two services: one payment, one refund, four rows."""
    open_payment(house)
    houses = [house, house.another()]
    answers = at_once([partial(listen, houses[number % 2], f"evt_{number % 4}") for number in range(20)])
    assert [type(answer) for answer in answers].count(RowThere) == 16
    assert topics(house) == [CheckoutOpened, PaymentPaid, PaymentRefunded]
    assert all(has_row(house, f"evt_{number}") for number in range(4))


def test_renewal_that_is_not_paid_yet_leaves_nothing_behind(house: House) -> None:
    """Neither in the log nor in the desk's memory: the terms are those that it is paid by."""
    assert hear(house, said("open", kind="subscription", week=None, amount_cents=1), known=0) == []
    hear(house, said(kind="subscription", week=None, amount_cents=900), known=0, message="evt_1")
    (paid,) = office(house)
    assert isinstance(paid, PaymentPaid)
    assert (paid.kind, paid.week, paid.entry, paid.amount_cents) == ("subscription", None, None, 900)


steps = st.lists(
    st.one_of(
        st.sampled_from(["expire", "pay", "fail"]).map(lambda name: (name,)),
        st.tuples(st.just("refund"), st.sampled_from([0, 200, 500])),
        st.tuples(st.just("dispute"), st.sampled_from(["open", "won", "lost"])),
        st.tuples(st.just("ask"), st.integers(0, 2)),
        st.tuples(st.just("hear"), st.integers(0, 2), st.integers(0, 1)),
    ),
    max_size=20,
)


class Telling:
    """A provider whose payment changes, and three workers who ask how it stands, and pass that on some time later."""

    def __init__(self, houses: list[House], payment: UUID) -> None:
        self.houses = houses
        self.payment = payment
        self.state: dict[str, Any] = {"status": "open"}
        self.answers: dict[int, tuple[int, Word]] = {}

    def expire(self) -> None:
        self._end("expired")

    def fail(self) -> None:
        self._end("failed")

    def pay(self) -> None:
        self.state |= {"status": "paid", "paid_at": PAID_AT}

    def refund(self, cents: int) -> None:
        if self.state["status"] == "paid":
            self.state |= {"refunded_cents": cents}

    def dispute(self, outcome: str) -> None:
        if self.state["status"] == "paid":
            self.state |= {"dispute": outcome}

    def ask(self, worker: int) -> None:
        known = version(self.houses[0], self.payment)
        self.answers[worker] = (known, said(payment=self.payment, **self.state))

    def hear(self, worker: int, desk: int) -> None:
        if worker not in self.answers:
            return
        known, word = self.answers[worker]
        if version(self.houses[0], self.payment) == known:
            hear(self.houses[desk], word, known=known)
        else:
            with pytest.raises(PaymentMoved):
                hear(self.houses[desk], word, known=known)

    def _end(self, status: str) -> None:
        if self.state["status"] == "open":
            self.state |= {"status": status}


@pytest.fixture
def next_telling(house: House) -> Callable[[], Telling]:
    """Payments that nothing was said of yet."""
    houses, payments = [house, house.another()], map(UUID, map("{:032x}".format, range(1000, 2000)))
    return lambda: Telling(houses, next(payments))


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=steps)
def test_log_ends_as_the_provider_has_it(
    house: House, next_telling: Callable[[], Telling], history: list[tuple[Any, ...]]
) -> None:
    """Whatever was passed on late, by whichever service: one more question, and the log says what the provider does."""
    telling = next_telling()
    open_payment(house, payment=telling.payment, key=str(telling.payment))
    for name, *terms in history:
        getattr(telling, name)(*terms)
    telling.ask(0)
    telling.hear(0, 1)
    facts = [event for event in office(house) if event.payment_id == str(telling.payment)]
    back = sum(event.amount_cents for event in facts if isinstance(event, PaymentRefunded))
    returned = sum(event.amount_cents for event in facts if isinstance(event, RefundFailed))
    assert back - returned == telling.state.get("refunded_cents", 0)
    assert sum(isinstance(event, PaymentPaid) for event in facts) == (telling.state["status"] == "paid")
    disputes = [event for event in facts if isinstance(event, PaymentDisputed | DisputeClosed)]
    last = getattr(disputes[-1], "outcome", "open") if disputes else None
    assert last == telling.state.get("dispute")
    audit(OFFICE, house.facts(OFFICE))
