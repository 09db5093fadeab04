"""A prize is owed until it is paid, once; what keeps it back, and who may set it free, is in its stream."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ledger.events import Event, PrizeFailed, PrizeHeld, PrizePaid, PrizeReleased
from ledger.facts import Fact
from ledger.ids import prize_id
from ledger.prize_payment import PrizeNotReleasable, PrizePaidAlready, PrizePayment, PrizeTerms
from tests.examples import ENTRY, WEEK, at
from tests.given import given

PRIZE = prize_id(ENTRY)
PAID_AT = at("next Wed 12:00")
TERMS = PrizeTerms(entry=ENTRY, week=WEEK, amount_cents=5000, currency="usd")
SAID: dict[str, Any] = {
    "amount_cents": 5000,
    "currency": "usd",
    "entry": ENTRY,
    "kind": "prize",
    "paid_at": None,
    "payment_id": str(PRIZE),
    "week": WEEK,
}
PAID = PrizePaid(**SAID | {"paid_at": PAID_AT})
FAILED = PrizeFailed(**SAID, reason="account closed")


def held(reason: str, why: str = "") -> PrizeHeld:
    return PrizeHeld(**SAID, reason=reason, why=why)


def released(reason: str) -> PrizeReleased:
    return PrizeReleased(**SAID, reason=reason, why="seen to")


def holding(reason: str, why: str = "") -> Callable[[PrizePayment], Fact | None]:
    return lambda prize: prize.hold(TERMS, reason=reason, why=why)


def releasing(prize: PrizePayment) -> Fact:
    return prize.release(TERMS, why="seen to")


def failing(attempt: int) -> Callable[[PrizePayment], Fact | None]:
    return lambda prize: prize.fail(TERMS, reason="account closed", attempt=attempt)


def paying(attempt: int = 0) -> Callable[[PrizePayment], Fact | None]:
    return lambda prize: prize.pay(TERMS, paid_at=PAID_AT, attempt=attempt)


def prize_after(*history: Event) -> Any:
    return given(PrizePayment, *history, stream=PRIZE)


def test_prize_is_paid_once() -> None:
    """Asked again, it was paid the first time; a hold keeps back nothing that is on its way already."""
    prize_after().when(paying()).then(PAID)
    prize_after(held("tax")).when(paying()).then(PAID)
    again = prize_after(PAID).when(paying()).then()
    assert paying()(again) is again.paid


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ((), "identity"),
        ((), "operator"),
        ((held("tax"),), "identity"),
        ((held("tax"),), "operator"),
        ((FAILED,), "operator"),
        ((PrizeFailed(**SAID, reason="operator"),), "operator"),
        ((held("tax"), released("tax")), "identity"),
        ((held("operator"), released("operator")), "operator"),
    ],
)
def test_prize_is_held_for_what_is_found(history: tuple[Event, ...], reason: str) -> None:
    """One reason at a time, the last that was found; an operator may hold whatever is not paid."""
    prize_after(*history).when(holding(reason, "why")).then(held(reason, "why"))


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ((held("tax"),), "tax"),
        ((held("operator"),), "operator"),
        ((held("operator"),), "tax"),
        ((FAILED,), "tax"),
        ((held("tax"), released("tax")), "tax"),
        ((held("tax"), released("tax"), held("identity")), "tax"),
    ],
)
def test_hold_that_changes_nothing_is_not_recorded(history: tuple[Event, ...], reason: str) -> None:
    """Held for that already, an operator is waited for, or an operator has said that this is no reason any more."""
    assert holding(reason)(prize_after(*history).when(holding(reason)).then()) is None


@pytest.mark.parametrize("reason", ["operator", "identity", "tax", "dispute"])
def test_operator_releases_what_is_held(reason: str) -> None:
    """The reason counts no longer; asked again, it was released the first time."""
    prize = prize_after(held(reason)).when(releasing).then(released(reason))
    assert (prize.state, prize.reason, prize.released) == ("owed", None, {reason})
    again = prize_after(held(reason), released(reason)).when(releasing).then()
    assert releasing(again) is again.freed


def test_operator_has_a_failed_prize_tried_again() -> None:
    """Until then nothing is tried; the next attempt has the next number."""
    prize = prize_after(FAILED).aggregate
    assert (prize.waits_for_operator, prize.attempt) == (True, 1)
    tried = prize_after(FAILED).when(releasing).then(released("failed"))
    assert (tried.state, tried.waits_for_operator, tried.attempt) == ("owed", False, 1)


@pytest.mark.parametrize("reason", ["payout_account", "erased"])
def test_what_only_the_winner_can_mend_is_not_released(reason: str) -> None:
    """Without an account there is nowhere to pay to."""
    prize_after(held(reason)).when(releasing).raises(PrizeNotReleasable, f"{ENTRY} is held for {reason}, which only")


def test_what_is_not_held_is_not_released() -> None:
    """There is nothing to set free."""
    prize_after().when(releasing).raises(PrizeNotReleasable, "is not held")


def test_paid_prize_is_neither_held_nor_released() -> None:
    """The money has left."""
    prize_after(PAID).when(holding("operator")).raises(PrizePaidAlready, "cannot be held or released")
    prize_after(held("tax"), released("tax"), PAID).when(releasing).raises(PrizePaidAlready)


def test_attempt_fails_once() -> None:
    """Heard of twice, or late, it fails nothing else."""
    prize_after().when(failing(0)).then(FAILED)
    prize_after(FAILED).when(failing(0)).then()
    prize_after(FAILED, released("failed")).when(failing(0)).then()
    prize_after(FAILED, released("failed")).when(failing(1)).then(FAILED)


def test_prize_that_came_back_is_owed_again() -> None:
    """It is paid by the next attempt; the word that the one which came back had left is old by then."""
    back = prize_after(PAID).when(failing(0)).then(FAILED)
    assert (back.state, back.paid) == ("failed", None)
    prize_after(PAID, FAILED).when(paying(0)).then()
    prize_after(PAID, FAILED, released("failed")).when(paying(0)).then()
    prize_after(PAID, FAILED, released("failed")).when(paying(1)).then(PAID)


reasons = st.sampled_from(["payout_account", "identity", "tax", "dispute", "operator"])
attempts = st.sampled_from([0, 0, 0, -1, 1])


class PrizeMachine(RuleBasedStateMachine):
    """A prize beside a plain note of what keeps it back."""

    def __init__(self) -> None:
        super().__init__()
        self.given = given(PrizePayment, stream=PRIZE)
        self.kept_for: str | None = None
        self.is_free = False
        self.is_paid = False
        self.waived: set[str] = set()
        self.failures = 0

    @rule(reason=reasons)
    def is_held(self, reason: str) -> None:
        if self.is_paid:
            with pytest.raises(PrizePaidAlready):
                self.given.ask(holding(reason))
            return
        if reason == "operator":
            is_news = self.kept_for != "operator"
        else:
            is_news = self.kept_for not in (reason, "operator", "failed") and reason not in self.waived
        assert self.given.ask(holding(reason)) == ((held(reason),) if is_news else ())
        if is_news:
            self.kept_for, self.is_free = reason, False

    @rule()
    def is_released(self) -> None:
        if self.is_paid:
            with pytest.raises(PrizePaidAlready):
                self.given.ask(releasing)
        elif self.is_free:
            assert self.given.ask(releasing) == ()
        elif self.kept_for in (None, "payout_account"):
            with pytest.raises(PrizeNotReleasable):
                self.given.ask(releasing)
        else:
            assert self.given.ask(releasing) == (released(str(self.kept_for)),)
            self.waived.add(str(self.kept_for))
            self.kept_for, self.is_free = None, True

    @rule(off=attempts)
    def fails(self, off: int) -> None:
        happens = self.given.ask(failing(self.failures + off))
        assert happens == (() if off else (FAILED,))
        if not off:
            self.failures += 1
            self.kept_for, self.is_free, self.is_paid = "failed", False, False

    @rule(off=attempts)
    def is_paid_out(self, off: int) -> None:
        happens = self.given.ask(paying(self.failures + off))
        assert happens == (() if off or self.is_paid else (PAID,))
        if not off:
            self.kept_for, self.is_free, self.is_paid = None, False, True

    @invariant()
    def stands_as_noted(self) -> None:
        prize = self.given.aggregate
        state = "paid" if self.is_paid else "owed" if self.kept_for is None else "held"
        assert prize.state == ("failed" if self.kept_for == "failed" else state)
        assert prize.waits_for_operator == (self.kept_for in ("operator", "failed"))
        assert (set(prize.released), prize.attempt) == (self.waived, self.failures)

    @invariant()
    def money_leaves_again_only_after_it_came_back(self) -> None:
        moves = [type(fact.event) for fact in self.given.facts if isinstance(fact.event, PrizePaid | PrizeFailed)]
        assert (PrizePaid, PrizePaid) not in pairwise(moves)

    @invariant()
    def replay_gives_the_same_prize(self) -> None:
        self.given.read_again()


TestPrizePayment = PrizeMachine.TestCase
TestPrizePayment.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
