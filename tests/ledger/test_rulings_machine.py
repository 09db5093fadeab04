"""Whatever feeds say and operators rule, in whatever order: each bet comes to what a plain list of the words gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger import betting, disputing, ids, settling
from ledger.account import Account
from ledger.aggregate import LedgerError
from ledger.case import CaseNotOpen, NothingProposed, PreviewOutdated, SecondOperatorNeeded
from ledger.events import StakePlaced, WeekFinalised, WeekGrouped
from ledger.facts import Fact
from ledger.proposal import Change
from ledger.settlement import Settlement, StaleChunk
from ledger.settling import PlacedBet
from tests.examples import GAME, WEEK, change, game_scheduled, opened, proposal, quoted, word
from tests.ledger.in_memory import InMemory

GRANT = 100_000
ENTRIES = (UUID(int=0xE1), UUID(int=0xE2))
OPERATORS = ("operator:ann", "operator:bob")
PAYS = {
    ("spread", (27, 20)): 210,
    ("spread", (30, 23)): 210,
    ("spread", (26, 20)): 110,
    ("spread", (30, 24)): 110,
    ("total", (30, 24)): 214,
    ("total", (30, 23)): 110,
}
"""What 110 credits on the home side at -6, and on over 53 at -105, pay at these scores; else nothing."""
SCORES = [(27, 20), (26, 20), (25, 20), (30, 24), (30, 23)]
scores = st.sampled_from(SCORES)
Score = tuple[int, int]


@dataclass
class Bet:
    """A bet as the model has it: `paid` is what it was given so far, None while it is open."""

    bet_id: UUID
    entry: UUID
    market: str
    placed: Fact
    paid: int | None = None


@dataclass
class Dispute:
    """A case as the model has it."""

    case_id: UUID
    change: Change | None = None
    proposer: str = ""
    resolution: int = 0
    needs_approval: bool = False
    is_approved: bool = False
    is_applied: bool = False
    is_closed: bool = False


class RulingsMachine(RuleBasedStateMachine):
    """A game with bets and disputes, beside the feed's last score, the operators' word, and a set of bets per void."""

    def __init__(self) -> None:
        super().__init__()
        self.log = InMemory()
        self.log.happen(ids.week_stream(WEEK), WeekGrouped())
        self.log.happen(GAME, game_scheduled(), quoted("spread"), quoted("total"))
        for entry in ENTRIES:
            self.log.happen(entry, *opened(GRANT))
        self.where: dict[str, Any] = {"week": WEEK, "game_id": GAME}
        self.bets: list[Bet] = []
        self.disputes: list[Dispute] = []
        self.feed: tuple[int, Score] | None = None
        self.operator: Score | str | None = None
        self.voids: dict[UUID, set[UUID]] = {}
        self.settling: Score | str | None = None
        self.resolution = 0
        self.cut = self.settled_to = 0
        self.is_final = False

    # Players and the feed.

    @rule(entry=st.sampled_from(ENTRIES), market=st.sampled_from(["spread", "total"]))
    def player_bets(self, entry: UUID, market: str) -> None:
        asked = betting.place_bet(
            self.log.ledger,
            week=WEEK,
            entry=entry,
            market_id=ids.market_id(GAME, market),
            odds_id=quoted(market).odds_id,
            outcome="home" if market == "spread" else "over",
            stake=110,
            key=f"bet {len(self.bets)}",
        )
        if self.feed is None and self.operator is None and not self.is_final:
            placed = asked.result()
            assert isinstance(placed.event, StakePlaced)
            self.bets.append(Bet(placed.event.bet_id, entry, market, placed))
        else:
            with pytest.raises(LedgerError):
                asked.result()

    @precondition(lambda self: len(self.bets) > 1)
    @rule(score=scores)
    def feed_says(self, score: Score) -> None:
        revision = 1 if self.feed is None else self.feed[0] + 1
        said = word(*score, revision=revision)
        settling.record_result(self.log.ledger, week=WEEK, word=said, actor="feed:feed", request="message").result()
        self.feed = (revision, score)
        self._reckon()

    @precondition(lambda self: len(self.log.facts) > 60 and self.settling is not None and not self.is_final)
    @rule()
    def week_becomes_final(self) -> None:
        self.log.happen(ids.week_stream(WEEK), WeekFinalised(standings_hash="s"))
        self.is_final = True

    # Operators.

    @rule(data=st.data(), by=st.sampled_from(OPERATORS))
    def operator_rules(self, data: st.DataObject, by: str) -> None:
        """The whole way at once, with what is known now."""
        dispute = self._open(by)
        self._propose(dispute, self._change(data), by, needs_approval=False)
        self._apply(dispute, by)
        self._apply(dispute, by)

    @rule(data=st.data(), by=st.sampled_from(OPERATORS), needs_approval=st.booleans())
    def operator_proposes(self, data: st.DataObject, by: str, needs_approval: bool) -> None:
        open_ones = [dispute for dispute in self.disputes if not dispute.is_closed]
        dispute = data.draw(st.sampled_from([None, *open_ones]), "case") or self._open(by)
        self._propose(dispute, self._change(data), by, needs_approval=needs_approval)

    def _open(self, by: str) -> Dispute:
        asked = {"week": WEEK, "subject": f"game:{GAME}", "reason": "players complain", "actor": by}
        request = f"case {len(self.disputes)}"
        fact = disputing.open_case(self.log.ledger, **asked, request=request).result()
        assert disputing.open_case(self.log.ledger, **asked, request=request).result() is fact
        self.disputes.append(Dispute(fact.stream))
        return self.disputes[-1]

    def _propose(self, dispute: Dispute, what: Change, by: str, *, needs_approval: bool) -> None:
        disputing.propose(
            self.log.ledger,
            week=WEEK,
            case_id=dispute.case_id,
            proposal=proposal(what, resolution=self.resolution, needs_approval=needs_approval),
            preview_hash="seen",
            actor=by,
            request=f"proposal {len(self.log.facts)}",
        ).result()
        dispute.change, dispute.proposer, dispute.resolution = what, by, self.resolution
        dispute.needs_approval, dispute.is_approved = needs_approval, False

    def _change(self, data: st.DataObject) -> Change:
        kinds = ["result", "operator", "market", "bet", "interval", "lift", "release"]
        kinds += ["lift", "lift"] if self.voids else []
        kind = data.draw(st.sampled_from(kinds), "kind")
        match kind:
            case "result":
                home, away = data.draw(scores)
                return change(home_score=home, away_score=away)
            case "operator":
                return change(status="operator", home_score=None, away_score=None)
            case "market":
                return change("void", market_id=ids.market_id(GAME, data.draw(st.sampled_from(["spread", "total"]))))
            case "bet" if self.bets:
                return change("void", bet_id=data.draw(st.sampled_from(self.bets)).bet_id)
            case "interval" if self.bets:
                first, last = (data.draw(st.sampled_from(self.bets)).placed.at for _ in "12")
                if first < last:
                    return change("void", placed_from=first, placed_until=last)
                return change("void", placed_from=first)
            case "lift" if self.disputes:
                known = list(self.voids) or [dispute.case_id for dispute in self.disputes]
                return change("lift", lifts=data.draw(st.sampled_from(known)))
            case _:
                return change("lift")

    @precondition(lambda self: self.disputes)
    @rule(data=st.data(), by=st.sampled_from(OPERATORS))
    def operator_approves(self, data: st.DataObject, by: str) -> None:
        dispute = data.draw(st.sampled_from(self.disputes))
        asked = disputing.approve(
            self.log.ledger,
            week=WEEK,
            case_id=dispute.case_id,
            preview_hash="seen",
            actor=by,
            request=f"approval {len(self.log.facts)}",
        )
        refusal: type[LedgerError] | None = None
        if dispute.is_closed:
            refusal = CaseNotOpen
        elif dispute.change is None:
            refusal = NothingProposed
        elif dispute.proposer == by:
            refusal = SecondOperatorNeeded
        if refusal is None:
            asked.result()
            dispute.is_approved = True
        else:
            with pytest.raises(refusal):
                asked.result()

    @precondition(lambda self: self.disputes)
    @rule(data=st.data(), by=st.sampled_from(OPERATORS))
    def operator_applies(self, data: st.DataObject, by: str) -> None:
        self._apply(data.draw(st.sampled_from(self.disputes)), by)

    def _apply(self, dispute: Dispute, by: str) -> None:
        before = len(self.log.facts)
        asked = disputing.apply(self.log.ledger, week=WEEK, case_id=dispute.case_id, actor=by)
        if dispute.is_applied:
            asked.result()
            assert len(self.log.facts) == before
        elif (refusal := self._refusal(dispute)) is not None:
            with pytest.raises(refusal):
                asked.result()
            assert len(self.log.facts) == before
        else:
            assert [fact.event.TOPIC for fact in asked.result()] == ["case.applied", "case.closed"]
            self._rule(dispute)
            assert {fact.request for fact in self.log.facts[before:]} == {f"case/{dispute.case_id}"}

    def _refusal(self, dispute: Dispute) -> type[LedgerError] | None:
        """What refuses a change, by the plain list of what stands."""
        what = dispute.change
        if dispute.is_closed:
            return CaseNotOpen
        if what is None:
            return NothingProposed
        if dispute.needs_approval and not dispute.is_approved:
            return SecondOperatorNeeded
        if dispute.resolution != self.resolution:
            return PreviewOutdated
        lifts_nothing = what.kind == "lift" and (
            what.lifts not in self.voids if what.lifts else self.operator is None or self.feed is None
        )
        repeats = what.kind == "result" and said_by(what) == self.operator and not self.is_final
        return LedgerError if lifts_nothing or repeats else None

    def _rule(self, dispute: Dispute) -> None:
        """Do in the model what was applied."""
        dispute.is_applied = dispute.is_closed = True
        what = dispute.change
        assert what is not None
        if what.kind == "result":
            self.operator = said_by(what)
        if self.is_final:
            return
        if what.kind == "void":
            self.voids[dispute.case_id] = {bet.bet_id for bet in self.bets if fits(bet, what)}
            self._resolve()
        elif what.kind == "lift" and what.lifts is not None:
            del self.voids[what.lifts]
            self._resolve()
        elif what.kind == "lift":
            self.operator = None
        self._reckon()

    @precondition(lambda self: self.disputes)
    @rule(data=st.data())
    def operator_closes(self, data: st.DataObject) -> None:
        dispute = data.draw(st.sampled_from(self.disputes))
        asked: dict[str, Any] = {
            "week": WEEK,
            "case_id": dispute.case_id,
            "outcome": "nothing wrong",
            "actor": OPERATORS[0],
        }
        closed = disputing.close_case(self.log.ledger, **asked, request=f"close {len(self.log.facts)}")
        if dispute.is_closed:
            with pytest.raises(CaseNotOpen):
                closed.result()
        else:
            closed.result()
            dispute.is_closed = True

    def _reckon(self) -> None:
        """A new resolution, where what counts says something else than what settles."""
        counts = self.operator or (self.feed[1] if self.feed is not None else None)
        if not self.is_final and counts != self.settling:
            self.settling = counts
            self._resolve()

    def _resolve(self) -> None:
        self.resolution += 1
        rulings = [fact for fact in self.log.facts if getattr(fact.event, "resolution", None) == self.resolution]
        self.cut, self.settled_to = rulings[0].position, 0

    # The settler, which may stop anywhere.

    @rule(size=st.integers(1, 3), chunks=st.integers(1, 5))
    def settler_works(self, size: int, chunks: int) -> None:
        for _ in range(chunks):
            progress = settling.progress(self.log.ledger, **self.where).result()
            if progress.is_done:
                return
            self._settle_some(size)

    def _settle_some(self, size: int) -> None:
        if self.settled_to >= self.cut:
            settling.complete(self.log.ledger, **self.where, resolution=self.resolution, staked=0).result()
            return
        found = [bet for bet in self.bets if self.settled_to < bet.placed.position <= self.cut][:size]
        to = found[-1].placed.position if len(found) == size else self.cut
        asked: dict[str, Any] = {
            "bets": [PlacedBet(bet.bet_id, bet.entry, bet.placed.position) for bet in found],
            "from_": self.settled_to + 1,
            "to": to,
            "cut": self.cut,
        }
        settling.settle_chunk(self.log.ledger, **self.where, resolution=self.resolution, **asked).result()
        with pytest.raises(StaleChunk):
            settling.settle_chunk(self.log.ledger, **self.where, resolution=self.resolution, **asked).result()
        self.settled_to = to
        for bet in found:
            bet.paid = self._pays(bet)

    def _pays(self, bet: Bet) -> int | None:
        if any(bet.bet_id in named for named in self.voids.values()) or self.settling == "operator":
            return 110
        return bet.paid if self.settling is None else PAYS.get((bet.market, self.settling), 0)  # type: ignore[arg-type]

    # What holds at all times.

    @invariant()
    def settlement_stands_where_the_model_does(self) -> None:
        settlement = self.log.aggregate(Settlement, ids.settlement_stream(GAME))
        assert (settlement.resolution, settlement.cut) == (self.resolution, self.cut)
        assert settlement.settled_to == self.settled_to
        assert settlement.voids.keys() == self.voids.keys()
        assert (settlement.settling is None) == (self.settling is None)

    @invariant()
    def every_bet_and_balance_is_what_the_model_says(self) -> None:
        for entry in ENTRIES:
            account = self.log.aggregate(Account, entry)
            bets = [bet for bet in self.bets if bet.entry == entry]
            for bet in bets:
                outcome = account.bets[bet.bet_id].outcome
                assert (outcome.payout if outcome else None) == bet.paid
            assert account.available == GRANT - 110 * len(bets) + sum(bet.paid or 0 for bet in bets)
            assert account.open_stakes == sum(bet.paid is None for bet in bets)

    def teardown(self) -> None:
        """All that is to be settled is settled: each bet then comes to what the last words and voids say."""
        while not settling.progress(self.log.ledger, **self.where).result().is_done:
            self._settle_some(2)
        self.every_bet_and_balance_is_what_the_model_says()
        for bet in self.bets:
            assert bet.placed.position > self.cut or bet.paid == self._pays(bet)


def said_by(what: Change) -> Score | str:
    """What an operator's word says."""
    if what.status == "operator":
        return "operator"
    assert what.home_score is not None
    assert what.away_score is not None
    return what.home_score, what.away_score


def fits(bet: Bet, what: Change) -> bool:
    """Whether a void names a bet that is placed already."""
    return (
        what.bet_id in (None, bet.bet_id)
        and what.market_id in (None, ids.market_id(GAME, bet.market))
        and (what.placed_from is None or bet.placed.at >= what.placed_from)
        and (what.placed_until is None or bet.placed.at < what.placed_until)
    )


TestRulings = RulingsMachine.TestCase
TestRulings.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
