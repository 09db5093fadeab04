"""The payments of prizes in the office's log: held, released, failed and paid, once, by whichever service."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from ledger import prize_paying
from ledger.events import PaymentEvent, PrizeFailed, PrizeHeld, PrizePaid, PrizeReleased
from ledger.facts import Fact
from ledger.ids import OFFICE, prize_id
from ledger.prize_paying import PrizeStanding
from ledger.prize_payment import PrizeNotReleasable, PrizePaidAlready, PrizeTerms
from tests.examples import ENTRY, WEEK, at
from tests.ledger.auditing import audit
from tests.ledger.desks import at_once, lose_the_answer, meanwhile
from tests.ledger.playing import PATIENCE, House

PAID_AT = at("next Wed 12:00")
TERMS = PrizeTerms(entry=ENTRY, week=WEEK, amount_cents=5000, currency="usd")
OPERATOR = {"actor": "operator:1", "request": "r1"}
OWED = PrizeStanding(state="owed", reason=None, released=frozenset(), attempt=0, waits_for_operator=False)


@pytest.fixture(autouse=True)
def office_is_open(house: House) -> None:
    """The office's log."""
    house.recorder(OFFICE).create_table()


def standing(house: House, entry: UUID = ENTRY) -> PrizeStanding:
    return prize_paying.standing(house.ledger, entry=entry).result(PATIENCE)


def hold(house: House, **terms: Any) -> Fact | None:
    asked: Future[Fact | None] = prize_paying.hold_prize(house.ledger, TERMS, **OPERATOR | terms)
    return asked.result(PATIENCE)


def release(house: House) -> Fact:
    return prize_paying.release_prize(house.ledger, TERMS, why="seen to", **OPERATOR).result(PATIENCE)


def fail(house: House, attempt: int = 0) -> Fact | None:
    asked = prize_paying.fail_prize(house.ledger, TERMS, reason="account closed", attempt=attempt, request="try")
    return asked.result(PATIENCE)


def pay(house: House, attempt: int = 0) -> Fact | None:
    asked = prize_paying.pay_prize(house.ledger, TERMS, paid_at=PAID_AT, attempt=attempt, request="try")
    return asked.result(PATIENCE)


def prizes(house: House) -> list[PaymentEvent]:
    """What the office has recorded, whose log is sound."""
    audit(OFFICE, house.facts(OFFICE))
    return house.events(PaymentEvent, week=OFFICE)


def kinds(house: House) -> list[type]:
    return [type(event) for event in prizes(house)]


def test_prize_is_owed_until_something_is_recorded(house: House) -> None:
    """Its stream is empty, and asking leaves it so."""
    assert (standing(house), prizes(house)) == (OWED, [])


def test_prize_goes_its_way(house: House) -> None:
    """Held by the service, released by an operator, tried in vain, released and paid: all in one stream, in order."""
    hold(house, reason="tax", actor="provider")
    assert standing(house) == OWED._replace(state="held", reason="tax")
    release(house)
    assert standing(house) == OWED._replace(released=frozenset({"tax"}))
    fail(house)
    assert standing(house) == PrizeStanding("failed", "account closed", frozenset({"tax"}), 1, True)
    release(house)
    paid = pay(house, attempt=1)
    assert standing(house).state == "paid"
    assert kinds(house) == [PrizeHeld, PrizeReleased, PrizeFailed, PrizeReleased, PrizePaid]
    facts = house.facts(OFFICE)
    assert {fact.stream for fact in facts} == {prize_id(ENTRY)}
    assert [fact.actor for fact in facts] == ["provider", "operator:1", "provider", "operator:1", "provider"]
    assert isinstance(paid, Fact)
    assert paid.event == PrizePaid(
        amount_cents=5000,
        currency="usd",
        entry=ENTRY,
        kind="prize",
        paid_at=PAID_AT,
        payment_id=str(prize_id(ENTRY)),
        week=WEEK,
    )


def test_operator_holds_unless_told_otherwise(house: House) -> None:
    """With a reason of their own, until they release it; a paid prize is out of reach."""
    held = hold(house, why="under review")
    assert isinstance(held, Fact)
    assert isinstance(held.event, PrizeHeld)
    assert (held.event.reason, held.event.why) == ("operator", "under review")
    assert standing(house).waits_for_operator
    assert hold(house, reason="tax") is None
    release(house)
    pay(house)
    for command in (hold, release):
        with pytest.raises(PrizePaidAlready):
            command(house)


def test_prize_that_nothing_holds_is_not_released(house: House) -> None:
    """The refusal leaves nothing in the log."""
    with pytest.raises(PrizeNotReleasable):
        release(house)
    assert prizes(house) == []


def test_prize_is_paid_once_however_often_it_is_noted(house: House) -> None:
    """Twenty times at once, through two services."""
    houses = [house, house.another()]
    answers = at_once([partial(pay, houses[number % 2]) for number in range(20)])
    assert len({answer.token for answer in answers if isinstance(answer, Fact)}) == 1
    assert kinds(house) == [PrizePaid]


@pytest.mark.parametrize(
    ("command", "kind"), [(hold, PrizeHeld), (fail, PrizeFailed), (pay, PrizePaid), (release, PrizeReleased)]
)
def test_note_in_doubt_is_there_once(house: House, command: Any, kind: type) -> None:
    """The commit came through and the answer was lost: decided again, it has happened, and nobody is refused."""
    if command is release:
        hold(house)
    lose_the_answer(house.ledger.desk(OFFICE))
    command(house)
    assert kinds(house).count(kind) == 1


def test_payment_races_with_its_return(house: House) -> None:
    """It came back before it was noted that it had left: it did not reach the winner, and is not noted as paid."""
    other = house.another()
    meanwhile(house.ledger.desk(OFFICE), lambda: fail(other))
    assert pay(house) is None
    assert kinds(house) == [PrizeFailed]
    assert standing(house).waits_for_operator


def test_release_races_with_the_service(house: House) -> None:
    """What the service found before the operator released it does not hold the prize again."""
    hold(house, reason="tax")
    other = house.another()
    meanwhile(house.ledger.desk(OFFICE), lambda: (release(other), hold(other, reason="identity")))
    assert release(house) is not None
    assert (hold(house, reason="tax"), hold(house, reason="identity")) == (None, None)
    assert kinds(house) == [PrizeHeld, PrizeReleased, PrizeHeld, PrizeReleased]
    assert standing(house) == OWED._replace(released=frozenset({"tax", "identity"}))


def test_hold_races_with_the_payment(house: House) -> None:
    """Ten of each at once: a prize that has left is not held; one that was held first was on its way already."""
    houses = [house, house.another()]
    commands = [partial(hold, houses[n // 2 % 2]) if n % 2 else partial(pay, houses[n // 2 % 2]) for n in range(20)]
    at_once(commands)
    assert kinds(house) in ([PrizePaid], [PrizeHeld, PrizePaid])
    assert standing(house).state == "paid"
