"""A payment follows the provider's word: what is news is recorded, once, and what was paid stays paid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.events import (
    CheckoutOpened,
    DisputeClosed,
    Event,
    PaymentDisputed,
    PaymentEvent,
    PaymentExpired,
    PaymentFailed,
    PaymentPaid,
    PaymentRefunded,
    RefundFailed,
)
from ledger.facts import Fact
from ledger.payment import Payment, Word
from tests.examples import ENTRY, WEEK, at
from tests.given import given

PAYMENT = UUID(int=0xA)
PAID_AT = at("Fri 23:59:59")
ORDER: dict[str, Any] = {"amount_cents": 500, "currency": "usd", "entry": ENTRY, "kind": "buy_back", "week": WEEK}
TERMS = ORDER | {"paid_at": None, "payment_id": str(PAYMENT)}
OPENED = CheckoutOpened(**TERMS)
PAID_TERMS = TERMS | {"paid_at": PAID_AT}
PAID = PaymentPaid(**PAID_TERMS)
EXPIRED, FAILED = PaymentExpired(**TERMS), PaymentFailed(**TERMS)
REFUNDED = PaymentRefunded(**PAID_TERMS)
DISPUTED = PaymentDisputed(**PAID_TERMS)
WON, LOST = (DisputeClosed(**PAID_TERMS, outcome=outcome) for outcome in ("won", "lost"))


def part(event: type[PaymentEvent], cents: int) -> Any:
    """So much of the money went back, or came back."""
    return event(**PAID_TERMS | {"amount_cents": cents})


def said(status: str = "paid", **changes: Any) -> Word:
    """The provider's word on the payment."""
    fields: dict[str, Any] = {"payment_id": PAYMENT, "kind": "buy_back", "week": WEEK}
    fields |= {"status": status, "amount_cents": 500, "currency": "usd"}
    return Word(**fields | {"paid_at": PAID_AT if status == "paid" else None} | changes)


def hearing(status: str = "paid", **changes: Any) -> Callable[[Payment], list[Fact]]:
    return lambda payment: payment.hear(said(status, **changes))


def opening(payment: Payment) -> Fact:
    return payment.open(**ORDER)


def test_checkout_is_opened_once() -> None:
    """Asked again it is the same checkout, whatever became of it: an append in doubt is decided twice."""
    given(Payment, stream=PAYMENT).when(opening).then(OPENED)
    for history in ((OPENED,), (OPENED, PAID), (OPENED, EXPIRED)):
        again = given(Payment, *history, stream=PAYMENT).when(opening).then()
        assert opening(again) is again.opened


def test_payment_of_the_providers_is_never_opened_here() -> None:
    """A renewal has no checkout of ours."""
    given(Payment, PAID, stream=PAYMENT).when(opening).raises(ValueError, "is paid already, without a checkout")


@pytest.mark.parametrize(
    ("history", "word", "news"),
    [
        ((OPENED,), said("open"), ()),
        ((OPENED,), said("paid"), (PAID,)),
        ((OPENED,), said("expired"), (EXPIRED,)),
        ((OPENED,), said("failed"), (FAILED,)),
        ((OPENED, EXPIRED), said("paid"), (PAID,)),
        ((OPENED, FAILED), said("paid"), (PAID,)),
        ((OPENED, EXPIRED), said("failed"), ()),
        ((OPENED, FAILED), said("expired"), ()),
        ((OPENED, EXPIRED), said("open"), ()),
        ((OPENED, PAID), said("paid"), ()),
        ((OPENED, PAID), said("expired"), ()),
        ((OPENED, PAID), said("failed"), ()),
        ((OPENED, PAID), said("open"), ()),
    ],
)
def test_status_is_recorded_where_it_is_news(history: tuple[Event, ...], word: Word, news: tuple[Event, ...]) -> None:
    """A checkout that ended without money may still turn out paid; never the other way round."""
    given(Payment, *history, stream=PAYMENT).when(lambda payment: payment.hear(word)).then(*news)


@pytest.mark.parametrize(
    ("history", "refunded", "news"),
    [
        ((OPENED,), 500, (PAID, REFUNDED)),
        ((OPENED, PAID), 500, (REFUNDED,)),
        ((OPENED, PAID), 200, (part(PaymentRefunded, 200),)),
        ((OPENED, PAID, part(PaymentRefunded, 200)), 200, ()),
        ((OPENED, PAID, part(PaymentRefunded, 200)), 500, (part(PaymentRefunded, 300),)),
        ((OPENED, PAID, REFUNDED), 0, (part(RefundFailed, 500),)),
        ((OPENED, PAID, REFUNDED), 200, (part(RefundFailed, 300),)),
        ((OPENED, PAID, REFUNDED, part(RefundFailed, 500)), 500, (REFUNDED,)),
    ],
)
def test_refunds_are_recorded_by_what_they_move(
    history: tuple[Event, ...], refunded: int, news: tuple[Event, ...]
) -> None:
    """The provider gives the sum of what went back; each fact has the part that was not known before."""
    given(Payment, *history, stream=PAYMENT).when(hearing(refunded_cents=refunded)).then(*news)


@pytest.mark.parametrize(
    ("history", "dispute", "news"),
    [
        ((OPENED,), "open", (PAID, DISPUTED)),
        ((OPENED, PAID), "open", (DISPUTED,)),
        ((OPENED, PAID), "lost", (DISPUTED, LOST)),
        ((OPENED, PAID, DISPUTED), None, ()),
        ((OPENED, PAID, DISPUTED), "open", ()),
        ((OPENED, PAID, DISPUTED), "won", (WON,)),
        ((OPENED, PAID, DISPUTED, WON), "won", ()),
        ((OPENED, PAID, DISPUTED, WON), None, ()),
        ((OPENED, PAID, DISPUTED, WON), "open", (DISPUTED,)),
        ((OPENED, PAID, DISPUTED, WON), "lost", (DISPUTED, LOST)),
    ],
)
def test_disputes_open_before_they_close(
    history: tuple[Event, ...], dispute: str | None, news: tuple[Event, ...]
) -> None:
    """One that is heard of late is recorded in both steps; behind one that ended there may be another."""
    given(Payment, *history, stream=PAYMENT).when(hearing(dispute=dispute)).then(*news)


def test_word_that_speaks_of_no_money_moves_none() -> None:
    """Only of a payment that it calls paid does the provider know refunds and disputes."""
    for status in ("open", "expired", "failed"):
        given(Payment, OPENED, PAID, REFUNDED, stream=PAYMENT).when(hearing(status)).then()


def test_renewal_is_known_from_the_provider_alone() -> None:
    """It is recorded by the provider's terms, and is nobody's entry; until it is paid there is nothing to record."""
    renewal = TERMS | {"entry": None, "kind": "subscription", "week": None, "paid_at": PAID_AT}
    unheard = given(Payment, stream=PAYMENT)
    unheard.when(hearing("open", kind="subscription", week=None)).then()
    paid = unheard.when(hearing(kind="subscription", week=None)).then(PaymentPaid(**renewal))
    assert (paid.status, paid.opened) == ("paid", None)


def test_word_without_news_leaves_nothing_behind() -> None:
    """A checkout that is heard of before it is opened here is opened all the same."""
    given(Payment, stream=PAYMENT).when(lambda payment: (payment.hear(said("open")), opening(payment))).then(OPENED)


words = st.builds(
    said,
    st.sampled_from(["open", "paid", "paid", "paid", "expired", "failed"]),
    refunded_cents=st.sampled_from([0, 200, 500]),
    dispute=st.sampled_from([None, None, "open", "won", "lost"]),
)


class PaymentMachine(RuleBasedStateMachine):
    """A payment beside the list of all that was said of it: how it stands follows from the list alone."""

    def __init__(self) -> None:
        super().__init__()
        self.given = given(Payment, stream=PAYMENT)
        self.words: list[Word] = []
        self.is_opened = False

    @rule()
    def is_asked_for(self) -> None:
        if self.given.facts and not self.is_opened:
            with pytest.raises(ValueError, match="without a checkout"):
                self.given.ask(opening)
        else:
            assert self.given.ask(opening) == (() if self.is_opened else (OPENED,))
            self.is_opened = True

    @rule(word=words)
    def hears(self, word: Word) -> None:
        self.given.ask(lambda payment: payment.hear(word))
        self.words.append(word)
        assert self.given.ask(lambda payment: payment.hear(word)) == ()

    @invariant()
    def stands_as_the_provider_said(self) -> None:
        paid = [word for word in self.words if word.status == "paid"]
        ended = [word.status for word in self.words if word.status in ("expired", "failed")]
        status = "paid" if paid else (ended or ["open" if self.is_opened else "unknown"])[0]
        disputes = [word.dispute for word in paid if word.dispute is not None]
        payment = self.given.aggregate
        assert (payment.status, payment.refunded_cents, payment.dispute) == (
            status,
            paid[-1].refunded_cents if paid else 0,
            disputes[-1] if disputes else None,
        )

    @invariant()
    def log_adds_up_by_itself(self) -> None:
        events = [fact.event for fact in self.given.facts]
        back = sum(event.amount_cents for event in events if isinstance(event, PaymentRefunded))
        returned = sum(event.amount_cents for event in events if isinstance(event, RefundFailed))
        assert back - returned == self.given.aggregate.refunded_cents
        assert sum(isinstance(event, PaymentPaid) for event in events) <= 1
        disputes = [type(event) for event in events if isinstance(event, PaymentDisputed | DisputeClosed)]
        assert disputes == ([PaymentDisputed, DisputeClosed] * len(disputes))[: len(disputes)]

    @invariant()
    def replay_gives_the_same_payment(self) -> None:
        self.given.read_again()


TestPayment = PaymentMachine.TestCase
TestPayment.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
