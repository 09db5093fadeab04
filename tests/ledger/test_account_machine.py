"""Whatever is asked of an account, in whatever order: its credits are grant, less stakes, plus payouts."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.account import Account, BuyBackRefused, InsufficientCredits, KeyReused
from ledger.events import PayoutCorrected
from ledger.grading import Outcome
from ledger.ids import bet_id
from ledger.odds import payout
from tests.examples import ENTRY, POOL, RULES, at, offer
from tests.given import given

GRANT = 1000
prices = st.integers(-10_000, 10_000).filter(lambda price: abs(price) >= 100)
verdicts = st.sampled_from(["won", "lost", "push", "void"])


@dataclass
class ModelBet:
    """A bet as the model keeps it: what it took, what it came to, and under which resolution."""

    stake: int
    price: int
    verdict: str = "open"
    payout: int = 0
    resolution: int = 0

    def outcome(self, verdict: str) -> Outcome:
        if verdict == "won":
            return Outcome("won", payout(self.stake, self.price))
        if verdict == "lost":
            return Outcome("lost", 0)
        return Outcome("push", self.stake, "push") if verdict == "push" else Outcome("void", self.stake, "cancelled")


class AccountMachine(RuleBasedStateMachine):
    """An account beside a plain dictionary of bets."""

    bets = Bundle("bets")

    def __init__(self) -> None:
        super().__init__()
        self.given = given(Account, stream=ENTRY)
        self.model: dict[UUID, ModelBet] = {}
        self.bought = 0

    @property
    def available(self) -> int:
        taken = sum(bet.stake for bet in self.model.values())
        return GRANT + self.bought - taken + sum(bet.payout for bet in self.model.values())

    @property
    def open_bets(self) -> int:
        return sum(bet.verdict == "open" for bet in self.model.values())

    @initialize()
    def opens(self) -> None:
        self.given.ask(lambda account: account.open(pool_id=POOL, pool_name="W2026-47-A", grant=GRANT))

    @precondition(lambda self: self.available > 0)
    @rule(target=bets, share=st.integers(1, 100), price=prices)
    def stakes(self, share: int, price: int) -> UUID:
        stake = max(1, self.available * share // 100)
        bet, terms = bet_id(ENTRY, f"key {len(self.model)}"), offer(price=price)
        events = self.given.ask(lambda a: a.place_stake(bet_id=bet, offer=terms, stake=stake, rules=RULES))
        assert len(events) == 1
        self.model[bet] = ModelBet(stake, price)
        return bet

    @rule(beyond=st.integers(1, 100))
    def stakes_too_much(self, beyond: int) -> None:
        stake = max(0, self.available) + beyond
        with pytest.raises(InsufficientCredits):
            self.given.ask(lambda a: a.place_stake(bet_id=bet_id(ENTRY, "x"), offer=offer(), stake=stake, rules=RULES))

    @rule(bet=bets, off=st.integers(0, 1))
    def repeats(self, bet: UUID, off: int) -> None:
        first = self.given.aggregate.bets[bet].stake
        asked = {"market_id": first.market_id, "odds_id": first.odds_id, "outcome": "home"}
        if off:
            with pytest.raises(KeyReused):
                self.given.aggregate.placed(bet_id=bet, stake=first.stake + 1, **asked)  # type: ignore[arg-type]
        else:
            again = self.given.aggregate.placed(bet_id=bet, stake=first.stake, **asked)  # type: ignore[arg-type]
            assert again is self.given.aggregate.bets[bet].placed

    @rule(bet=bets, verdict=verdicts, ahead=st.integers(-1, 2))
    def resolves(self, bet: UUID, verdict: str, ahead: int) -> None:
        known = self.model[bet]
        resolution = max(1, known.resolution + ahead)
        outcome = known.outcome(verdict)
        events = self.given.ask(lambda a: a.resolve(bet_id=bet, outcome=outcome, resolution=resolution))
        changes = (known.verdict, known.payout) != (outcome.verdict, outcome.payout)
        if resolution <= known.resolution or not changes:
            assert events == ()
            return
        assert [isinstance(event, PayoutCorrected) for event in events] == [known.verdict != "open"]
        known.verdict, known.payout, known.resolution = outcome.verdict, outcome.payout, resolution

    @rule(payment=st.sampled_from(["p1", "p2"]))
    def buys_back(self, payment: str) -> None:
        def buying(account: Account) -> object:
            return account.buy_back(payment_id=payment, paid_at=at("Fri 12:00"), cutoff=at("Sat 00:00"), amount=GRANT)

        if self.bought or self.available > 0 or self.open_bets:
            with pytest.raises(BuyBackRefused) as refusal:
                self.given.ask(buying)
            assert refusal.value.reason == ("second" if self.bought else "not_bust")
        else:
            assert len(self.given.ask(buying)) == 1
            self.bought = GRANT

    @rule(rank=st.integers(1, 3))
    def wins_a_prize(self, rank: int) -> None:
        first = self.given.aggregate.prize
        events = self.given.ask(lambda a: a.award_prize(rank=rank, amount_cents=5000 // rank, currency="usd"))
        assert len(events) == (first is None)
        assert first is None or self.given.aggregate.prize is first

    @invariant()
    def credits_add_up(self) -> None:
        if not self.given.facts:
            return
        account = self.given.aggregate
        assert (account.available, account.open_stakes) == (self.available, self.open_bets)
        stated = [fact.event.available for fact in self.given.facts if hasattr(fact.event, "available")]
        assert stated[-1] == self.available

    @invariant()
    def bets_stand_as_they_were_last_resolved(self) -> None:
        for bet, known in self.model.items():
            outcome = self.given.aggregate.bets[bet].outcome
            assert (outcome.verdict if outcome else "open", outcome.payout if outcome else 0) == (
                known.verdict,
                known.payout,
            )

    @invariant()
    def replay_gives_the_same_account(self) -> None:
        self.given.read_again()


TestAccount = AccountMachine.TestCase
TestAccount.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
