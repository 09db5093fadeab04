"""Bust is right under races: a paid buy-back is credited once, or refused once and goes back."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest

from ledger import paying, weeks
from ledger.account import BuyBackRefused
from ledger.events import BoughtBack, PaymentAccepted, PaymentRefused
from ledger.recorder import LogNotOpen
from ledger.rules import Rules
from ledger.week import BettingClosed
from tests.examples import ENDS_AT, STARTS_AT, WEEK, at
from tests.ledger.buying import (
    OTHER,
    PAYMENT,
    accepted,
    account,
    all_staked,
    bust,
    buy_back,
    credited,
    lose,
    refuse,
    refused,
    verdicts,
    win,
)
from tests.ledger.desks import at_once, lose_the_answer, meanwhile
from tests.ledger.playing import House

TICK = timedelta(microseconds=1)
PROVISIONAL = Rules(settles_on_provisional=True)


def require(house: House, entry: UUID, week: str = WEEK) -> None:
    paying.require_buy_back(house.ledger, week=week, entry=entry)


def is_credited_once(house: House, entry: UUID, payment: UUID = PAYMENT) -> None:
    """One payment brought the grant; whatever is asked later, even as of a pass, it was accepted."""
    assert credited(house) == [BoughtBack(amount=1000, available=1000, payment_id=str(payment))]
    for kind in ("buy_back", "weekly_pass"):
        assert refuse(house, payment, kind=kind) == buy_back(house, entry, payment) == accepted(entry, payment)
    house.audit()


def is_refused(house: House, entry: UUID, reason: str) -> None:
    """Nothing was credited, and nothing will be, for the first reason."""
    assert buy_back(house, entry) == refuse(house, kind="buy_back") == refused(reason=reason)
    assert (credited(house), verdicts(house)) == ([], [refused(reason=reason)])
    house.audit()


def test_bust_entry_buys_back(house: House) -> None:
    """It has the grant again, and the purchase is accepted in the same append."""
    entry, _ = bust(house)
    require(house, entry)
    assert buy_back(house, entry) == accepted(entry)
    assert house.available(entry) == 1000
    is_credited_once(house, entry)


def test_checkout_asks_the_same_rule(house: House) -> None:
    """Not bust, then bust, then bought back; without an account, a draw or a week there is nothing to buy back."""
    with pytest.raises(LogNotOpen):
        require(house, UUID(int=1))
    entry, game = all_staked(house)
    for buyer in (entry, UUID(int=99)):
        with pytest.raises(BuyBackRefused, match="is not bust") as refusal:
            require(house, buyer)
        assert refusal.value.reason == "not_bust"
    lose(house, game)
    head = house.recorder().head()
    require(house, entry)
    assert house.recorder().head() == head
    buy_back(house, entry)
    with pytest.raises(BuyBackRefused, match="has bought back already") as refusal:
        require(house, entry)
    assert refusal.value.reason == "second"


def test_week_that_takes_no_stakes_sells_no_buy_backs(house: House) -> None:
    """Neither before the draw nor after the close."""
    house.open_week()
    entry = house.enrol(UUID(int=1))
    with pytest.raises(BettingClosed):
        require(house, entry)
    house.clock.now = STARTS_AT
    house.draw()
    house.close_week()
    with pytest.raises(BettingClosed):
        require(house, entry)


# Clocks change on the last day of the second and the third.
@pytest.mark.parametrize("week", [WEEK, "2026-W44", "2027-W10"])
def test_buy_backs_end_by_new_yorks_clocks(house: House, week: str) -> None:
    """Checkouts until Friday 23:30, payments until midnight, both exclusive; before that only being bust counts."""
    house.clock.now = weeks.starts_at(week) - timedelta(hours=1)
    house.open_week(week)
    entry = house.enrol(UUID(int=1), week)
    house.clock.now = weeks.starts_at(week)
    house.draw(week)
    closes, cutoff = at("Fri 23:30", week=week), at("Sat 00:00", week=week)
    for now, reason in ((closes - TICK, "not_bust"), (closes, "late"), (cutoff, "late")):
        house.clock.now = now
        with pytest.raises(BuyBackRefused) as refusal:
            require(house, entry, week)
        assert refusal.value.reason == reason
    for number, (paid_at, reason) in enumerate(((cutoff - TICK, "not_bust"), (cutoff, "late"))):
        payment = UUID(int=100 + number)
        asked = partial(paying.buy_back, house.ledger, entry=entry, week=week, payment_id=payment, request="fulfil")
        assert asked(paid_at=paid_at).event == refused(payment, reason=reason)
    house.audit(week)


@pytest.mark.parametrize(
    ("paid_at", "recorded_at", "verdict"),
    [
        ("Fri 23:59:59", "Fri 23:59:59", "accepted"),
        ("Fri 23:59:59.999999", "Sat 00:00", "accepted"),
        ("Fri 23:59:59", "Sun 23:59:59", "accepted"),
        ("Sat 00:00:00", "Sat 00:00:00", "late"),
        ("Sat 00:00:00", "Sun 12:00", "late"),
    ],
)
def test_what_counts_is_when_it_was_paid(house: House, paid_at: str, recorded_at: str, verdict: str) -> None:
    """Until the cutoff second by the provider's clock, however much later it is recorded while the week is grouped."""
    entry, _ = bust(house)
    house.clock.now = at(recorded_at)
    told = buy_back(house, entry, paid_at=at(paid_at))
    assert told == (accepted(entry) if verdict == "accepted" else refused(reason=verdict))
    if verdict == "accepted":
        is_credited_once(house, entry)
    else:
        is_refused(house, entry, verdict)


def test_payment_recorded_behind_the_close_is_refused(house: House) -> None:
    """It was paid in time, and the week is over all the same."""
    entry, _ = bust(house)
    house.close_week()
    assert buy_back(house, entry) == refused(reason="late")
    is_refused(house, entry, "late")


@pytest.mark.parametrize("is_closed_first", [True, False])
def test_buy_back_races_with_the_close(house: House, is_closed_first: bool) -> None:
    """Whichever is appended first: what was decided before the other is decided again behind it."""
    entry, _ = bust(house)
    other = house.another()
    house.clock.now = ENDS_AT
    if is_closed_first:
        meanwhile(house.ledger.desk(WEEK), other.close_week)
        assert buy_back(house, entry) == refused(reason="late")
        is_refused(house, entry, "late")
    else:
        meanwhile(other.ledger.desk(WEEK), lambda: buy_back(house, entry))
        other.close_week()
        is_credited_once(house, entry)


def test_same_payment_is_credited_once_however_often_it_is_fulfilled(house: House) -> None:
    """Twenty times at once, through two services: one credit, one verdict, one answer."""
    entry, _ = bust(house)
    houses = [house, house.another()]
    answers = at_once([partial(buy_back, houses[number % 2], entry) for number in range(20)])
    assert answers == [accepted(entry)] * 20
    assert verdicts(house) == [accepted(entry)]
    is_credited_once(house, entry)


def test_payment_in_doubt_is_credited_once(house: House) -> None:
    """The commit came through and the answer was lost."""
    entry, _ = bust(house)
    lose_the_answer(house.ledger.desk(WEEK))
    assert buy_back(house, entry) == accepted(entry)
    is_credited_once(house, entry)


@pytest.mark.parametrize("services", [1, 2])
def test_two_payments_at_once_credit_one(house: House, services: int) -> None:
    """By one service or by two of them: the other is a second one, and goes back."""
    entry, _ = bust(house)
    houses = [house, house.another()][:services]
    answers = at_once([partial(buy_back, houses[n % services], entry, p) for n, p in enumerate((PAYMENT, OTHER))])
    kinds = [type(answer) for answer in answers]
    assert sorted(kind.__name__ for kind in kinds) == ["PaymentAccepted", "PaymentRefused"]
    won = (PAYMENT, OTHER)[kinds.index(PaymentAccepted)]
    lost = (PAYMENT, OTHER)[kinds.index(PaymentRefused)]
    assert buy_back(house, entry, lost) == refused(lost, reason="second")
    is_credited_once(house, entry, won)


def test_entry_that_is_bust_again_does_not_buy_back_again(house: House) -> None:
    """Once a week."""
    entry, _ = bust(house)
    buy_back(house, entry)
    again = house.list_game("g2", starts_at=at("Sun 13:00"))
    house.must_bet(entry, again, stake=1000, key="k2")
    house.clock.now = at("Sun 13:00")
    lose(house, again)
    assert account(house, entry) == (0, 0)
    assert buy_back(house, entry, OTHER) == refused(OTHER, reason="second")
    assert len(credited(house)) == 1
    house.audit()


def test_refusing_races_with_crediting(house: House) -> None:
    """Ten of each at the same moment by two services: one verdict, and that for ever."""
    entry, _ = bust(house)
    houses = [house, house.another()]
    commands = [partial(refuse, houses[n // 2 % 2], kind="buy_back") for n in range(20)]
    commands[::2] = [partial(buy_back, houses[n // 2 % 2], entry) for n in range(0, 20, 2)]
    answers = at_once(commands)
    (verdict,) = verdicts(house)
    assert answers == [verdict] * 20
    assert len(credited(house)) == isinstance(verdict, PaymentAccepted)
    assert buy_back(house, entry) == refuse(house, kind="weekly_pass") == verdict
    house.audit()


def test_last_stake_that_is_open_may_still_win(house: House) -> None:
    """There is nothing to buy back before it is lost; what was refused stays so, and another payment is credited."""
    entry, game = all_staked(house)
    assert buy_back(house, entry) == refused(reason="not_bust")
    lose(house, game)
    is_refused(house, entry, "not_bust")
    assert buy_back(house, entry, OTHER) == accepted(entry, OTHER)
    house.audit()


def test_last_stake_is_lost_while_the_buy_back_is_decided(house: House) -> None:
    """The refusal was decided when the stake was open, and is not appended behind its end: it is decided again."""
    entry, game = all_staked(house)
    other = house.another()
    meanwhile(house.ledger.desk(WEEK), lambda: lose(other, game))
    assert buy_back(house, entry) == accepted(entry)
    is_credited_once(house, entry)


def test_last_stake_is_won_after_all_while_the_buy_back_is_decided(house: House) -> None:
    """The credit was decided when the entry was bust, and is not appended behind the correction."""
    entry, game = bust(house)
    other = house.another()
    meanwhile(house.ledger.desk(WEEK), lambda: win(other, game, revision=2))
    assert buy_back(house, entry) == refused(reason="not_bust")
    is_refused(house, entry, "not_bust")


def test_provisional_result_leaves_the_stake_open(house: House) -> None:
    """Where the week does not settle on it, it decides nothing: the entry is not bust yet."""
    entry, game = all_staked(house)
    house.result(game, 20, 21, certainty="provisional")
    assert account(house, entry) == (0, 1)
    assert buy_back(house, entry) == refused(reason="not_bust")
    is_refused(house, entry, "not_bust")


@pytest.mark.parametrize(("rules", "certainty"), [(PROVISIONAL, "provisional"), (Rules(), "official")])
def test_correction_undoes_no_buy_back(house: House, rules: Rules, certainty: str) -> None:
    """The stake that made the entry bust turns out won, and lost once more: the grant stays beside what it comes to."""
    entry, game = all_staked(house, rules=rules)
    lose(house, game, certainty=certainty)
    assert buy_back(house, entry) == accepted(entry)
    win(house, game, revision=2)
    assert house.available(entry) == 1000 + 1909
    lose(house, game, revision=3)
    assert house.available(entry) == 1000
    is_credited_once(house, entry)


def test_debt_of_a_correction_is_not_bought_off(house: House) -> None:
    """An entry below zero is bust; the grant is added to what it owes."""
    (entry,) = house.grouped(1)
    games = [house.list_game("g1"), house.list_game("g2", starts_at=at("Fri 13:00"))]
    house.must_bet(entry, games[0], stake=1000)
    house.clock.now = at("Thu 20:15")
    win(house, games[0])
    house.must_bet(entry, games[1], stake=1909, key="k2")
    house.clock.now = at("Fri 13:00")
    lose(house, games[1])
    lose(house, games[0], revision=2)
    assert account(house, entry) == (-1909, 0)
    assert buy_back(house, entry) == accepted(entry)
    assert house.available(entry) == 1000 - 1909
    house.audit()


def test_many_payments_across_the_cutoff_second_credit_one(house: House) -> None:
    """Twenty at once, half of them paid in the last second: one is credited, the others are second or late."""
    entry, _ = bust(house)
    houses = [house, house.another()]
    house.clock.now = at("Sat 00:00")
    times = [at("Fri 23:59:59"), at("Sat 00:00:00")] * 10
    answers = at_once(
        [
            partial(buy_back, houses[n // 2 % 2], entry, UUID(int=100 + n), paid_at=paid_at)
            for n, paid_at in enumerate(times)
        ]
    )
    in_time, late = answers[::2], answers[1::2]
    assert [getattr(answer, "reason", "credited") for answer in late] == ["late"] * 10
    reasons = sorted(getattr(answer, "reason", "credited") for answer in in_time)
    assert reasons == ["credited"] + ["second"] * 9
    assert (len(credited(house)), len(verdicts(house))) == (1, 20)
    house.audit()
