"""Each thing that can be wrong with a week's money, planted by itself, is named by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.payments import differences
from feeds.payments.differences import Amount, Awarded, Bought, Difference, Journal
from feeds.payments.provider import Transferred
from feeds.payments.reconcile import of_sums, totals_of
from ledger.ids import prize_id
from ledger.payment import Word

WEEK = "2026-W47"
PAYMENT, OTHER, ENTRY = UUID(int=1), UUID(int=2), UUID(int=3)
PRIZE = prize_id(ENTRY)
GRANT = 1000
PRICE = Amount(5000, "usd")
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)


def word(status: str = "paid", **changes: Any) -> Word:
    """A buy-back, as anybody says it."""
    fields: dict[str, Any] = {"kind": "buy_back", "week": WEEK, "amount_cents": 700, "currency": "usd"}
    fields |= {"payment_id": PAYMENT, "paid_at": NOON if status == "paid" else None}
    return Word(status=status, **fields | changes)


def transfer(ref: str = "tr_1", **changes: Any) -> Transferred:
    """What pays the prize."""
    sent = Transferred(ref, PRIZE, f"{WEEK}/W2026-47-A/{ENTRY}", 5000, "usd", NOON, is_reversed=False)
    return replace(sent, **changes)


def names(found: Any) -> list[str]:
    return [difference.what for difference in found]


def by_id(*words: Word) -> dict[UUID, Word]:
    return {word.payment_id: word for word in words}


@pytest.mark.parametrize("status", ["open", "paid", "expired", "failed"])
def test_what_both_sides_say_is_no_difference(status: str) -> None:
    """In any state, with all that may have happened to it."""
    said = word(status, refunded_cents=700, dispute="won") if status == "paid" else word(status)
    assert list(differences.of_payments([said], by_id(said))) == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"status": "open"}, "status_differs"),
        ({"status": "expired"}, "status_differs"),
        ({"kind": "weekly_pass"}, "purpose_differs"),
        ({"week": "2026-W48"}, "purpose_differs"),
        ({"amount_cents": 701}, "amount_differs"),
        ({"currency": "eur"}, "amount_differs"),
        ({"refunded_cents": 1}, "refunds_differ"),
        ({"dispute": "open"}, "dispute_differs"),
    ],
)
def test_what_one_side_says_otherwise_is_named(changes: dict[str, Any], what: str) -> None:
    """Whichever side it is."""
    one, other = word(), msgspec.structs.replace(word(), **changes)
    for there, here in ((one, other), (other, one)):
        [found] = differences.of_payments([there], by_id(here))
        assert (found.what, found.id) == (what, str(PAYMENT))


def test_what_ended_unpaid_is_the_same_however_it_did() -> None:
    """A checkout that failed here because it could not be opened again has expired at the provider."""
    assert list(differences.of_payments([word("expired")], by_id(word("failed")))) == []


def test_a_payment_that_one_side_does_not_know_is_named() -> None:
    """Money that was taken and that nothing here tells of, and the other way round."""
    assert names(differences.of_payments([word()], {})) == ["unknown_here"]
    assert names(differences.of_payments([], by_id(word()))) == ["unknown_at_provider"]


@pytest.mark.parametrize("status", ["open", "expired", "failed"])
def test_a_checkout_that_nobody_paid_may_be_known_to_one_side(status: str) -> None:
    """It may have been opened here and never there, or be that of another system with the same account."""
    assert list(differences.of_payments([word(status)], {})) == []
    assert list(differences.of_payments([], by_id(word(status)))) == []


def test_a_payment_that_was_taken_twice_is_named() -> None:
    """Not where another checkout of it lapsed."""
    assert names(differences.of_payments([word(), word()], by_id(word()))) == ["charged_twice"]
    assert names(differences.of_payments([word("expired"), word()], by_id(word()))) == []


@pytest.mark.parametrize(
    ("bought", "payment"),
    [
        (Bought("buy_back", given=1, credits=GRANT, in_use=True), word()),
        (Bought("buy_back", given=1, credits=GRANT, in_use=True), word(dispute="lost")),
        (Bought("weekly_pass", given=1, in_use=True), word(kind="weekly_pass")),
        (Bought("weekly_pass", "withdrawn", given=1), word(kind="weekly_pass", refunded_cents=700)),
        (Bought(refused="late"), word(refunded_cents=700)),
        (Bought(refused="late"), word(dispute="open")),
        (Bought(refused="late"), word(dispute="lost")),
        (Bought(), word(refunded_cents=700)),
        (Bought(), word(kind="subscription")),
        (Bought(refused="second"), word(kind="subscription", refunded_cents=700)),
        (Bought(), word("open")),
        (Bought(), word("expired")),
        (Bought(), None),
    ],
)
def test_what_was_given_or_paid_back_is_no_difference(bought: Bought, payment: Word | None) -> None:
    """What was paid is given; what is refused goes back; what a dispute keeps cannot; what nobody paid buys nothing."""
    assert list(of_purchases(bought, payment)) == []


@pytest.mark.parametrize(
    ("what", "bought", "payment"),
    [
        ("undecided", Bought(), word()),
        ("undecided", Bought(), word(refunded_cents=699)),
        ("not_refunded", Bought(refused="late"), word()),
        ("not_refunded", Bought(refused="late"), word(refunded_cents=699, dispute="won")),
        ("not_refunded", Bought(refused="second"), word(kind="subscription")),
        ("credited_and_refunded", Bought("buy_back", given=1, credits=GRANT, in_use=True), word(refunded_cents=1)),
        ("credited_and_refunded", Bought("buy_back", "late", given=1, credits=GRANT, in_use=True), word()),
        ("withdrawn_not_refused", Bought("weekly_pass", given=1), word(kind="weekly_pass")),
        ("credited_unpaid", Bought("buy_back", given=1, credits=GRANT, in_use=True), None),
        ("credited_unpaid", Bought("buy_back", given=1, credits=GRANT, in_use=True), word("expired")),
        ("credited_twice", Bought("buy_back", given=2, credits=2 * GRANT, in_use=True), word()),
        ("not_credited", Bought("buy_back"), word()),
        ("not_accepted", Bought(given=1, credits=GRANT, in_use=True), word()),
        ("purpose_differs", Bought("weekly_pass", given=1, in_use=True), word()),
        ("credits_differ", Bought("buy_back", given=1, credits=GRANT - 1, in_use=True), word()),
    ],
)
def test_what_was_paid_and_given_otherwise_is_named(what: str, bought: Bought, payment: Word | None) -> None:
    """Once, as the first thing that is wrong with it."""
    [found] = of_purchases(bought, payment)
    assert (found.what, found.id) == (what, str(PAYMENT))


def of_purchases(bought: Bought, payment: Word | None) -> list[Difference]:
    payments = by_id(payment) if payment is not None else {}
    return list(differences.of_purchases({PAYMENT: bought}, payments, grant=GRANT))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"issued": 4001}, ["issuance_differs"]),
        ({"accounts": 2}, ["issuance_differs"]),
        ({"bought_back": 0}, ["issuance_differs"]),
        ({"faults": ("one", "two")}, ["journal_fault", "journal_fault"]),
    ],
)
def test_credits_come_from_grants_and_buy_backs_alone(changes: dict[str, Any], expected: list[str]) -> None:
    """What the books hold beyond that is named, and what is wrong with them."""
    journal = Journal(WEEK, accounts=3, grant=GRANT, bought_back=GRANT, issued=4000)
    found = list(differences.of_credits(replace(journal, **changes)))
    assert names(found) == expected
    assert all(difference.id == WEEK for difference in found)


AWARDS = {PRIZE: Awarded(ENTRY, PRICE)}
PAID = {PRIZE: PRICE}


@pytest.mark.parametrize(
    ("awards", "paid", "transfers"),
    [
        (AWARDS, {}, []),
        (AWARDS, PAID, [transfer()]),
        (AWARDS, PAID, [transfer(is_reversed=True), transfer("tr_2")]),
        (AWARDS, {}, [transfer(is_reversed=True)]),
        ({}, {}, [transfer(is_reversed=True)]),
    ],
)
def test_a_prize_that_waits_or_was_sent_is_no_difference(
    awards: dict[UUID, Awarded], paid: dict[UUID, Amount], transfers: list[Transferred]
) -> None:
    """Also one that came back and was sent again, or waits to be."""
    assert list(differences.of_prizes(awards, paid, transfers)) == []


@pytest.mark.parametrize(
    ("what", "awards", "paid", "transfers"),
    [
        ("prize_paid_twice", AWARDS, PAID, [transfer(), transfer("tr_2")]),
        ("prize_not_awarded", {}, {}, [transfer()]),
        ("prize_not_awarded", {}, PAID, []),
        ("prize_amount_differs", AWARDS, PAID, [transfer(amount_cents=5001)]),
        ("prize_amount_differs", AWARDS, PAID, [transfer(currency="eur")]),
        ("prize_amount_differs", AWARDS, {PRIZE: Amount(4999, "usd")}, [transfer()]),
        ("prize_reversed", AWARDS, PAID, [transfer(is_reversed=True)]),
        ("prize_not_transferred", AWARDS, PAID, []),
        ("prize_not_recorded", AWARDS, {}, [transfer()]),
    ],
)
def test_a_prize_that_was_sent_otherwise_is_named(
    what: str, awards: dict[UUID, Awarded], paid: dict[UUID, Amount], transfers: list[Transferred]
) -> None:
    """By its entry, or its own id where nobody won it."""
    [found] = differences.of_prizes(awards, paid, transfers)
    assert (found.what, found.id) == (what, str(ENTRY if awards else PRIZE))


def test_a_table_that_shows_what_the_log_does_not_say_is_named() -> None:
    """Another value, a row too many, a row too few."""
    shown = {PAYMENT: {"status": "open"}, OTHER: {"status": "paid"}}
    log = {PAYMENT: {"status": "paid"}, ENTRY: {"status": "paid"}}
    found = list(differences.of_projection("payments", log, shown))
    assert names(found) == ["projection_differs"] * 3
    assert {difference.id for difference in found} == {str(PAYMENT), str(OTHER), str(ENTRY)}
    assert list(differences.of_projection("payments", log, log)) == []


def test_sums_that_differ_are_named_by_kind_and_currency() -> None:
    """Also where as much is left on both sides."""
    there = [word(refunded_cents=700), word(payment_id=OTHER, currency="eur")]
    here = [word(payment_id=OTHER, currency="eur")]
    [found] = of_sums(totals_of(there, [], here, []))
    assert (found.what, found.id) == ("sums_differ", "buy_back usd")


WORDS = st.builds(
    word,
    st.sampled_from(["open", "paid", "expired", "failed"]),
    payment_id=st.sampled_from([PAYMENT, OTHER, uuid5(PAYMENT, "third")]),
    kind=st.sampled_from(["buy_back", "weekly_pass"]),
    amount_cents=st.integers(1, 3),
    refunded_cents=st.integers(0, 1),
)


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4, unique_by=lambda said: said.payment_id))
def test_where_no_payment_differs_the_sums_are_equal(there: list[Word], here: list[Word]) -> None:
    """To the cent, whatever the lists hold: no difference can hide behind another."""
    if not list(differences.of_payments(there, by_id(*here))):
        assert list(of_sums(totals_of(there, [], here, []))) == []
