"""An account takes stakes that it can pay, resolves each bet once, and corrects it at most once a resolution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from ledger.account import Account, AccountNotOpen, BuyBackRefused, InsufficientCredits, KeyReused, StakeOutOfRange
from ledger.events import BetLost, BetWon, BoughtBack, Event, PrizeAwarded, StakeReturned
from ledger.facts import Fact
from ledger.grading import Outcome
from ledger.ids import bet_id
from ledger.rules import Rules
from ledger.weeks import buy_back_closes_at, buy_back_cutoff
from tests.examples import BET, ENTRY, POOL, RULES, SPREAD, WEEK, at, corrected, offer, opened, quoted, stake_placed
from tests.given import given

WON, LOST, PUSH = Outcome("won", 210), Outcome("lost", 0), Outcome("push", 110, "push")
CANCELLED = Outcome("void", 110, "cancelled")
WINS = BetWon(available=1100, bet_id=BET, payout=210, resolution=1)
LOSES = BetLost(available=890, bet_id=BET, resolution=1)
CUTOFF = buy_back_cutoff(WEEK)
TERMS: dict[str, Any] = {"market_id": SPREAD, "odds_id": quoted().odds_id, "outcome": "home", "stake": 110}


def staking(stake: int = 110, *, rules: Rules = RULES, **terms: Any) -> Callable[[Account], object]:
    return lambda account: account.place_stake(bet_id=BET, offer=offer(**terms), stake=stake, rules=rules)


def resolving(outcome: Outcome, resolution: int = 1, bet: UUID = BET) -> Callable[[Account], Fact | None]:
    return lambda account: account.resolve(bet_id=bet, outcome=outcome, resolution=resolution)


def returned(amount: int = 110, reason: str = "push", available: int = 1000, resolution: int = 1) -> StakeReturned:
    return StakeReturned(amount=amount, available=available, bet_id=BET, reason=reason, resolution=resolution)


def buying_back(payment: str = "p1", *, seconds_before: int = 1) -> Callable[[Account], Fact]:
    paid_at = CUTOFF.fromtimestamp(CUTOFF.timestamp() - seconds_before, CUTOFF.tzinfo)
    return lambda account: account.buy_back(payment_id=payment, paid_at=paid_at, cutoff=CUTOFF, amount=1000)


def test_opening_grants_the_credits_of_the_week() -> None:
    """An account is born into its pool and granted once, however often it is opened."""

    def opening(account: Account) -> None:
        account.open(pool_id=POOL, pool_name="W2026-47-A", grant=1000)

    given(Account).when(opening).then(*opened())
    given(Account, *opened()).when(opening).then()


@pytest.mark.parametrize(
    ("stake", "market", "outcome", "price", "payout"),
    [
        (110, "spread", "home", -110, 210),
        (1, "spread", "away", -110, 1),
        (50, "moneyline", "away", 120, 110),
        (50, "moneyline", "home", -140, 85),
        (1000, "total", "over", 10_000, 101_000),
    ],
)
def test_stake_leaves_the_balance_at_once(stake: int, market: str, outcome: str, price: int, payout: int) -> None:
    """The terms on offer are frozen, the floored payout with them, and the credits are gone."""
    terms = offer(market, outcome, price=price)
    placed = stake_placed(
        available=1000 - stake,
        line=terms.line,
        market=market,
        market_id=terms.market_id,
        odds_id=terms.odds_id,
        outcome=outcome,
        potential_payout=payout,
        price=price,
        stake=stake,
    )
    given(Account, *opened()).when(staking(stake, market=market, outcome=outcome, price=price)).then(placed)


def test_all_credits_may_be_staked_and_not_one_more() -> None:
    """The whole balance is a stake; a credit beyond it is refused, and so is a stake on nothing."""
    account = given(Account, *opened()).when(staking(1000))
    assert account.then(stake_placed(available=0, stake=1000, potential_payout=1909)).available == 0
    given(Account, *opened()).when(staking(1001)).raises(InsufficientCredits, "1001 credits were staked, 1000")
    given(Account, *opened(), stake_placed(available=0, stake=1000)).when(staking(1)).raises(InsufficientCredits)


@pytest.mark.parametrize(
    ("stake", "price", "rules"),
    [
        (0, -110, Rules()),
        (-5, -110, Rules()),
        (4, -110, Rules(stake_min=5)),
        (51, -110, Rules(stake_max=50)),
        (10, 10_001, Rules()),
        (10, -10_001, Rules()),
        (10, 501, Rules(price_max=500)),
    ],
)
def test_stake_outside_the_rules_is_refused(stake: int, price: int, rules: Rules) -> None:
    """Too small, too large, or at a price beyond what the week allows."""
    given(Account, *opened()).when(staking(stake, rules=rules, price=price)).raises(StakeOutOfRange)


@pytest.mark.parametrize(("stake", "price"), [(5, -110), (50, -110), (10, 10_000), (10, -10_000)])
def test_stake_at_the_edge_of_the_rules_is_taken(stake: int, price: int) -> None:
    """The limits themselves are allowed."""
    account = given(Account, *opened()).aggregate
    staking(stake, rules=Rules(stake_min=5, stake_max=50), price=price)(account)
    assert account.available == 1000 - stake


def test_entry_that_was_not_drawn_cannot_stake() -> None:
    """Without an account there are no credits."""
    given(Account).when(staking(1)).raises(AccountNotOpen, "no account")


def test_repeated_request_finds_its_first_answer() -> None:
    """The same key with the same terms is the same bet, whatever happened to it since."""
    account = given(Account, *opened(), stake_placed(), LOSES).aggregate
    first = account.placed(bet_id=BET, **TERMS)
    assert first is account.bets[BET].placed
    assert account.placed(bet_id=bet_id(ENTRY, "another key"), **TERMS) is None


@pytest.mark.parametrize(
    "other", [{"stake": 111}, {"outcome": "away"}, {"odds_id": UUID(int=9)}, {"market_id": UUID(int=9)}]
)
def test_key_that_named_another_bet_is_refused(other: dict[str, Any]) -> None:
    """A key is good for one bet: other terms under it are a mistake of the client."""
    asking_again = given(Account, *opened(), stake_placed()).when(lambda a: a.placed(bet_id=BET, **TERMS | other))
    asking_again.raises(KeyReused, str(BET))


@pytest.mark.parametrize(
    ("outcome", "event"),
    [
        (WON, WINS),
        (LOST, LOSES),
        (PUSH, returned()),
        (CANCELLED, returned(reason="cancelled")),
        (Outcome("void", 110, "late"), returned(reason="late")),
        (Outcome("void", 110, "postponed"), returned(reason="postponed")),
        (Outcome("void", 110, "no_result"), returned(reason="no_result")),
        (Outcome("void", 110, "operator"), returned(reason="operator")),
    ],
)
def test_bet_is_resolved_once(outcome: Outcome, event: Event) -> None:
    """Each outcome has its event with the balance after it; the same resolution again adds nothing."""
    account = given(Account, *opened(), stake_placed()).when(resolving(outcome)).then(event)
    assert account.open_stakes == 0
    given(Account, *opened(), stake_placed(), event).when(resolving(outcome)).then()
    given(Account, *opened(), stake_placed(), event).when(resolving(LOST)).then()


@pytest.mark.parametrize(
    ("first", "then", "balance", "reason"),
    [
        (WINS, LOST, 890, "result"),
        (WINS, PUSH, 1000, "push"),
        (WINS, CANCELLED, 1000, "cancelled"),
        (LOSES, WON, 1100, "result"),
        (LOSES, PUSH, 1000, "push"),
        (returned(), WON, 1100, "result"),
        (returned(), LOST, 890, "result"),
        (returned(), CANCELLED, 1000, "cancelled"),
        (returned(reason="no_result"), LOST, 890, "result"),
    ],
)
def test_later_resolution_moves_the_difference(first: Event, then: Outcome, balance: int, reason: str) -> None:
    """A correction says from what to what, and moves what lies between."""
    before = given(Account, *opened(), stake_placed(), first).aggregate.bets[BET].outcome
    assert before is not None
    correction = corrected(
        available=balance,
        from_outcome=before.verdict,
        from_payout=before.payout,
        to_outcome=then.verdict,
        to_payout=then.payout,
        reason=reason,
    )
    given(Account, *opened(), stake_placed(), first).when(resolving(then, 2)).then(correction)


def test_resolution_that_changes_nothing_for_the_bet_writes_nothing() -> None:
    """Neither the same outcome under a later resolution, nor an older resolution that comes late."""
    given(Account, *opened(), stake_placed(), WINS).when(resolving(WON, 2)).then()
    given(Account, *opened(), stake_placed(), WINS, corrected()).when(resolving(WON, 1)).then()
    given(Account, *opened(), stake_placed(), WINS, corrected()).when(resolving(WON, 2)).then()


def test_equal_payout_with_another_outcome_is_corrected() -> None:
    """One credit at -110 wins nothing on top of itself: turned into a push, the outcome changes and no credit moves."""
    placed = stake_placed(available=999, stake=1, potential_payout=1)
    won = BetWon(available=1000, bet_id=BET, payout=1, resolution=1)
    correction = corrected(available=1000, from_payout=1, to_outcome="push", to_payout=1, reason="push")
    given(Account, *opened(), placed, won).when(resolving(Outcome("push", 1, "push"), 2)).then(correction)


def test_correction_of_a_correction_starts_from_the_last() -> None:
    """Won, then lost, then a push: the third moves from nothing to the stake."""
    again = corrected(
        available=1000,
        from_outcome="lost",
        from_payout=0,
        to_outcome="push",
        to_payout=110,
        reason="push",
        resolution=3,
    )
    given(Account, *opened(), stake_placed(), WINS, corrected()).when(resolving(PUSH, 3)).then(again)


def test_account_driven_below_zero_stakes_again_once_it_is_back() -> None:
    """A win that was spent is taken back: stakes are refused until another payout lifts the balance above zero."""
    other = bet_id(ENTRY, "k2")
    history = (*opened(), stake_placed(), WINS, stake_placed(available=0, bet_id=other, stake=1100))
    account = given(Account, *history).when(resolving(LOST, 2)).then(corrected(available=-210))
    assert not account.is_bust
    below = (*history, corrected(available=-210))
    given(Account, *below).when(staking(1)).raises(InsufficientCredits, "-210 are available")
    back = BetWon(available=1890, bet_id=other, payout=2100, resolution=1)
    given(Account, *below).when(resolving(Outcome("won", 2100), bet=other)).then(back)
    placed = stake_placed(bet_id=bet_id(ENTRY, "k3"), available=1889, stake=1, potential_payout=1)
    given(Account, *below, back).when(
        lambda a: a.place_stake(bet_id=bet_id(ENTRY, "k3"), offer=offer(), stake=1, rules=RULES)
    ).then(placed)


BUST = (*opened(), stake_placed(available=0, stake=1000), BetLost(available=0, bet_id=BET, resolution=1))


def refused(*history: Event, command: Callable[[Account], object]) -> BuyBackRefused:
    """The refusal of a buy-back, which leaves no event."""
    account = given(Account, *history).aggregate
    with pytest.raises(BuyBackRefused) as refusal:
        command(account)
    assert account.collect_events() == []
    return refusal.value


def test_bust_entry_buys_back_once() -> None:
    """A payment in the last second before the cutoff counts; whether one comes again is the purchase's to say."""
    bought = BoughtBack(amount=1000, available=1000, payment_id="p1")
    given(Account, *BUST).when(buying_back()).then(bought)
    broke_again = stake_placed(bet_id=bet_id(ENTRY, "k2"), available=0, stake=1000)
    lost_again = BetLost(available=0, bet_id=bet_id(ENTRY, "k2"), resolution=1)
    for since in ((), (broke_again,), (broke_again, lost_again)):
        assert refused(*BUST, bought, *since, command=buying_back("p2")).reason == "second"


def test_buy_back_lifts_a_balance_below_zero_by_the_grant() -> None:
    """What a correction took stays taken: the grant is added to the debt."""
    other = bet_id(ENTRY, "k2")
    history = (*opened(), stake_placed(), WINS, stake_placed(available=0, bet_id=other, stake=1100))
    lost = BetLost(available=0, bet_id=other, resolution=1)
    given(Account, *history, lost, corrected(available=-210)).when(buying_back()).then(
        BoughtBack(amount=1000, available=790, payment_id="p1")
    )


@pytest.mark.parametrize("seconds_before", [0, -1])
def test_buy_back_at_the_cutoff_is_refused(seconds_before: int) -> None:
    """Saturday 00:00 in New York is too late already."""
    assert at("Sat 00:00") == CUTOFF
    assert refused(*BUST, command=buying_back(seconds_before=seconds_before)).reason == "late"


def test_what_may_be_bought_back_is_known_before_it_is_paid() -> None:
    """The same rule answers at the checkout, and changes nothing."""
    until = buy_back_closes_at(WEEK)
    given(Account, *BUST).when(lambda account: account.require_buy_back(at=at("Fri 23:29:59"), until=until)).then()
    late = refused(*BUST, command=lambda account: account.require_buy_back(at=until, until=until))
    assert (late.reason, "buy-backs end at 2026-11-21T04:30:00" in str(late)) == ("late", True)


@pytest.mark.parametrize(
    "history",
    [
        (),
        opened(),
        (*opened(), stake_placed(available=0, stake=1000)),
        (*opened(), stake_placed(available=1, stake=999), BetLost(available=1, bet_id=BET, resolution=1)),
    ],
)
def test_only_a_bust_entry_buys_back(history: tuple[Event, ...]) -> None:
    """Credits left, a bet still open, or no account at all: there is nothing to buy back."""
    assert refused(*history, command=buying_back()).reason == "not_bust"


def test_correction_after_a_buy_back_leaves_it_standing() -> None:
    """Nothing later undoes a buy-back: the bet that made the entry bust may turn out won."""
    bought = BoughtBack(amount=1000, available=1000, payment_id="p1")
    correction = corrected(
        available=2909, from_outcome="lost", from_payout=0, to_outcome="won", to_payout=1909, reason="result"
    )
    account = given(Account, *BUST, bought).when(resolving(Outcome("won", 1909), 2)).then(correction)
    assert account.bought_back is not None


FIRST_PRIZE = PrizeAwarded(amount_cents=5000, currency="usd", rank=1)


def test_prize_is_awarded_once_and_moves_no_credits() -> None:
    """Money is not credits; what was awarded stands, and answers whoever asks again, for whatever prize."""
    winning = given(Account, *opened()).when(lambda a: a.award_prize(rank=1, amount_cents=5000, currency="usd"))
    assert winning.then(FIRST_PRIZE).available == 1000
    again = given(Account, *opened(), FIRST_PRIZE).when(
        lambda a: a.award_prize(rank=2, amount_cents=3000, currency="usd")
    )
    assert again.then().prize is again.facts[-1]
