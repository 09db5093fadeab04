"""A registration is enrolled, withdrawn, and enrolled again, each once."""

from __future__ import annotations

from uuid import UUID

import pytest

from ledger.entry import AlreadyEnrolled, NotEnrolled, Registration
from ledger.events import EntryEnrolled, EntryWithdrawn, Event
from ledger.facts import Fact
from tests.examples import ENTRY
from tests.given import given

ENROLLED = EntryEnrolled(entry=ENTRY, payment_id=None, rules_hash="r1", via="free")
WITHDRAWN = EntryWithdrawn(reason="player")
PAYMENT = UUID(int=0xA)
BY_PASS = EntryEnrolled(entry=ENTRY, payment_id=str(PAYMENT), rules_hash="r1", via="week_pass")


def enrolling(registration: Registration) -> Fact:
    return registration.enrol(entry=ENTRY, via="free", rules_hash="r1")


def withdrawing(registration: Registration) -> Fact:
    return registration.withdraw(reason="player")


def test_entry_is_enrolled_once() -> None:
    """The second enrolment finds the first, whatever it says."""
    given(Registration).when(enrolling).then(ENROLLED)
    given(Registration, ENROLLED).when(enrolling).then()
    again = given(Registration, ENROLLED).aggregate
    assert again.enrol(entry=ENTRY, via="week_pass", rules_hash="r1", payment_id="p1") is again.enrolled


def test_enrolment_records_how_it_was_paid() -> None:
    """A week pass names its payment."""
    asked = given(Registration).when(
        lambda r: r.enrol(entry=ENTRY, via="week_pass", rules_hash="r1", payment_id=str(PAYMENT))
    )
    registration = asked.then(BY_PASS)
    assert registration.is_paid_by(PAYMENT)
    assert not registration.is_paid_by(UUID(int=0xB))


@pytest.mark.parametrize("history", [(), (ENROLLED,), (BY_PASS, WITHDRAWN), (BY_PASS, WITHDRAWN, ENROLLED)])
def test_pass_pays_for_the_enrolment_that_it_brought_only(history: tuple[Event, ...]) -> None:
    """Neither for one that came otherwise, nor for one that was withdrawn."""
    assert not given(Registration, *history).aggregate.is_paid_by(PAYMENT)


def test_who_takes_part_needs_no_pass() -> None:
    """Until the entry is withdrawn; asking changes nothing."""
    requiring = Registration.require_not_enrolled
    given(Registration).when(requiring).then()
    given(Registration, ENROLLED).when(requiring).raises(AlreadyEnrolled, "takes part in the week already")
    given(Registration, ENROLLED, WITHDRAWN).when(requiring).then()


def test_entry_withdraws_once_and_may_come_back() -> None:
    """A withdrawal is answered with the first one until the entry is enrolled again."""
    given(Registration, ENROLLED).when(withdrawing).then(WITHDRAWN)
    given(Registration, ENROLLED, WITHDRAWN).when(withdrawing).then()
    given(Registration, ENROLLED, WITHDRAWN).when(enrolling).then(ENROLLED)
    given(Registration, ENROLLED, WITHDRAWN, ENROLLED).when(withdrawing).then(WITHDRAWN)


def test_who_is_not_enrolled_cannot_withdraw() -> None:
    """There is nothing to withdraw."""
    given(Registration).when(withdrawing).raises(NotEnrolled)
