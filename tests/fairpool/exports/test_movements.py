"""Events as movements: balanced, on the accounts of double entry."""

from __future__ import annotations

from uuid import UUID

import pytest

from fairpool.exports.movements import Bookkeeper, Movement, UnbookableEvent
from ledger.events import BetLost, BetWon, BoughtBack, Event, PayoutCorrected, PrizeAwarded, StakeReturned
from ledger.facts import Fact
from tests.examples import BET, SPREAD, WEEK, at, corrected, opened, stake_placed

ENTRY = UUID(int=1)
POOL = "W2026-47-A"
ESCROW, HOUSE, OURS = f"escrow:{POOL}:{SPREAD}", f"house:{POOL}", f"entry:{ENTRY}"


def booked(*events: Event) -> list[Movement]:
    """The movements of an account's history."""
    books = Bookkeeper()
    facts = [
        Fact(
            log=WEEK,
            stream=ENTRY,
            version=position,
            event=event,
            actor="tester",
            request="test",
            position=position,
            recorded_at=at("Tue 12:00"),
        )
        for position, event in enumerate(events, start=1)
    ]
    return [movement for movement in map(books.book, facts) if movement is not None]


def postings(*events: Event) -> dict[str, int]:
    """Those of the last movement, once all are seen to be balanced."""
    movements = booked(*events)
    for movement in movements:
        assert sum(posting.credits for posting in movement.postings) == 0
        assert movement.postings[0].account == OURS
    return dict(movements[-1].postings)


def test_what_is_granted_or_bought_back_is_issued() -> None:
    """By the pool, which is that much in debt."""
    assert postings(*opened()) == {OURS: 1000, f"issuance:{POOL}": -1000}
    back = BoughtBack(amount=1000, available=2000, payment_id="p")
    assert postings(*opened(), back) == {OURS: 1000, f"issuance:{POOL}": -1000}


def test_a_stake_lies_in_escrow_until_it_is_resolved() -> None:
    """Then the house has what the entry does not get, and pays what it gets more."""
    placed = (*opened(), stake_placed(stake=110))
    assert postings(*placed) == {OURS: -110, ESCROW: 110}
    assert postings(*placed, BetWon(available=1100, bet_id=BET, payout=210, resolution=1)) == {
        OURS: 210,
        ESCROW: -110,
        HOUSE: -100,
    }
    assert postings(*placed, BetLost(available=890, bet_id=BET, resolution=1)) == {OURS: 0, ESCROW: -110, HOUSE: 110}
    returned = StakeReturned(amount=110, available=1000, bet_id=BET, reason="push", resolution=1)
    assert postings(*placed, returned) == {OURS: 110, ESCROW: -110}


def test_a_correction_moves_the_difference() -> None:
    """Between entry and house; none where only the outcome has another name."""
    resolved = (*opened(), stake_placed(), BetWon(available=1100, bet_id=BET, payout=210, resolution=1))
    assert postings(*resolved, corrected()) == {OURS: -210, HOUSE: 210}
    renamed = PayoutCorrected(
        available=1100,
        bet_id=BET,
        from_outcome="push",
        from_payout=110,
        reason="result",
        resolution=2,
        to_outcome="void",
        to_payout=110,
    )
    assert postings(*resolved, renamed) == {OURS: 0}


def test_a_movement_says_where_it_comes_from() -> None:
    """Its event, its bet, the day in UTC and the balance that the event states."""
    grant, stake = booked(*opened(), stake_placed(available=890))
    assert (grant.token, grant.topic, grant.bet_id, grant.available) == (
        "2026-W47:2",
        "account.credits_granted",
        None,
        1000,
    )
    assert (stake.bet_id, stake.available, stake.pool, str(stake.day)) == (BET, 890, POOL, "2026-11-17")


def test_a_prize_moves_no_credits() -> None:
    """It is money, and no part of the journals."""
    assert len(booked(*opened(), PrizeAwarded(amount_cents=500, currency="usd", rank=1))) == 1


def test_a_log_that_resolves_what_is_not_open_is_refused() -> None:
    """The error names event and bet; a bet that was resolved is not open any more."""
    lost = BetLost(available=890, bet_id=BET, resolution=1)
    with pytest.raises(UnbookableEvent, match=f"2026-W47:3 resolves bet {BET}, which is not open"):
        booked(*opened(), lost)
    with pytest.raises(UnbookableEvent, match="2026-W47:5"):
        booked(*opened(), stake_placed(), lost, lost)


def test_a_log_that_moves_credits_of_nobody_is_refused() -> None:
    """An entry without an account has no credits."""
    with pytest.raises(UnbookableEvent, match=f"2026-W47:1 moves credits of entry {ENTRY}"):
        booked(stake_placed())
