"""The witnesses of the faults see what is wrong: each is shown a log or a book in which something is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.journal import Told, Wish
from tests.faults.oracles import STAKE, conserved, gapless, judge, paid_once, prizes_once, published

ENTRY = "3b5f41ba-5549-4b7b-b6f6-28b2cc3a2ff3"
WEEK = "2026-W49"


def test_an_acknowledged_bet_stands_once_on_its_terms() -> None:
    """What was acknowledged is in the log, what was refused is not: nothing is lost, made or doubled."""
    told = told_of(wish("a", bets=[bet(1)]), wish("b", refusals=["market_closed"]))
    assert found(told, [stake("a", 1)]) == ("", "", "")


def test_an_acknowledged_bet_that_is_not_in_the_log_is_lost() -> None:
    """Also where it stands on other terms, at another place, or for another entry."""
    told = told_of(wish("a", bets=[bet(1)]))
    for events in ([], [stake("a", 2)], [stake("a", 1, stake=4)], [stake("a", 1) | {"stream": "another"}]):
        assert found(told, events) == ("a", "", "")


def test_two_answers_that_differ_are_a_loss() -> None:
    """A bet that was acknowledged and later refused, or acknowledged in two ways, is not what its client knows."""
    refused_later = told_of(wish("a", bets=[bet(1)], refusals=["market_closed"]))
    in_two_ways = told_of(wish("a", bets=[bet(1), bet(1) | {"stake": 4}]))
    assert found(refused_later, [stake("a", 1)]) == found(in_two_ways, [stake("a", 1)]) == ("a", "", "")


def test_of_two_sent_at_once_one_may_be_refused() -> None:
    """They race; whoever asks again is told what stands."""
    told = told_of(wish("a", bets=[bet(1)], refusals=["market_closed"], at_once=2))
    assert found(told, [stake("a", 1)]) == ("", "", "")


def test_a_bet_that_nobody_was_acknowledged_is_made() -> None:
    """It was refused, never answered, or never asked for."""
    told = told_of(wish("a", refusals=["market_closed"]), wish("b"))
    for key in "abc":
        assert found(told, [stake(key, 1)]) == ("", key, "")


def test_a_bet_that_stands_twice_is_doubled() -> None:
    """Both have the key of one request."""
    assert found(told_of(wish("a", bets=[bet(1)])), [stake("a", 1), stake("a", 2)]) == ("", "", "a")


@pytest.mark.parametrize(
    "change",
    [{"position": 3}, {"version": 1}, {"recorded_at": "2026-11-29T00:00:00Z"}],
    ids=["a position is left out", "a version comes again", "time goes back"],
)
def test_gaps_are_seen(change: dict[str, Any]) -> None:
    """Positions, versions and times of a sound log are found sound, of a changed one not."""
    events = [stake("a", 1), stake("b", 2)]
    assert not gapless(events).wrong
    assert gapless([events[0], events[1] | change]).wrong


def test_sums_are_held_against_balances() -> None:
    """A stake that is taken twice, a balance that is another, and a bet that is resolved twice are seen."""
    granted = event("account.credits_granted", 1, amount=10, available=10)
    placed = event(STAKE, 2, bet_id="bet", stake=3, available=7)
    lost = event("account.bet_lost", 3, bet_id="bet", available=7)
    assert not conserved([granted, placed, lost]).wrong
    assert conserved([granted, placed, placed]).wrong
    assert conserved([granted, placed, lost, lost]).wrong
    assert conserved([granted, lost]).wrong


def test_a_payment_is_credited_or_refunded() -> None:
    """Both, neither, or one of them twice is seen; so is a credit without a payment."""
    paid = [{"payment_id": "p", "amount": 500}]
    back = [{"payment_id": "p", "amount": 500}]
    accepted, refused = (event(f"payment.{word}", 1, payment_id="p") for word in ("accepted", "refused"))
    assert not paid_once(paid, [], [accepted]).wrong
    assert not paid_once(paid, back, [refused]).wrong
    for payments, refunds, events in (
        (paid, back, [accepted]),
        (paid, [], [refused]),
        (paid, back + back, [refused]),
        (paid, [], [accepted, accepted]),
        (paid, [], []),
        ([], [], [accepted]),
    ):
        assert paid_once(payments, refunds, events).wrong


def test_a_prize_is_paid_once() -> None:
    """Twice, never, or of another amount is seen; so is one that was never awarded."""
    awarded = event("account.prize_awarded", 1, amount_cents=700)
    paid = {"entry": ENTRY, "amount": 700}
    assert not prizes_once([paid], [awarded]).wrong
    for transfers, events in (
        ([paid, paid], [awarded]),
        ([], [awarded]),
        ([paid | {"amount": 1}], [awarded]),
        ([paid], []),
    ):
        assert prizes_once(transfers, events).wrong


def test_the_stream_is_the_log() -> None:
    """A line that is missing, differs, or comes twice is seen."""
    lines = [b"one", b"two"]
    assert not published(WEEK, {1: b"one", 2: b"two"}, lines).wrong
    for stream in ({1: b"one"}, {1: b"one", 2: b"zwei"}, {1: b"one", 2: b"two", -2: b"two"}):
        assert published(WEEK, stream, lines).wrong


def found(told: Told, events: list[dict[str, Any]]) -> tuple[str, str, str]:
    """Return the keys of what is lost, made and doubled."""
    verdicts = judge(told, events)
    lost, made, doubled = ("".join(sorted(keys)) for keys in (verdicts.lost, verdicts.made, verdicts.doubled))
    return lost, made, doubled


def told_of(*wishes: Wish) -> Told:
    return Told({each.key: each for each in wishes}, [], [])


def wish(
    key: str, *, bets: list[dict[str, Any]] | None = None, refusals: list[str] | None = None, at_once: int = 1
) -> Wish:
    return Wish(key, ENTRY, {"stake": 3}, 0.0, at_once, bets=bets or [], refusals=refusals or [])


def bet(position: int) -> dict[str, Any]:
    return {"bet_id": "bet", "position": f"{WEEK}:{position}", "stake": 3, "price": -110}


def stake(key: str, position: int, *, stake: int = 3) -> dict[str, Any]:
    return event(STAKE, position, bet_id="bet", stake=stake, price=-110, available=0) | {"request": key}


def event(kind: str, position: int, **data: Any) -> dict[str, Any]:
    """Return an event of one stream, as an export has it."""
    return {
        "type": kind,
        "log": WEEK,
        "position": position,
        "version": position,
        "stream": ENTRY,
        "recorded_at": f"2026-11-30T00:00:{position:02}Z",
        "data": data,
    }
