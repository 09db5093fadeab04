"""Whatever the sources say, in whatever order: what settles is what a plain ranking of their words gives."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger.events import ResultRecorded
from ledger.rules import Rules
from ledger.settlement import CLOCK, OPERATOR, ConflictingResult, Settlement, StaleChunk, Word
from tests.examples import GAME, SOURCE, word
from tests.given import given

Content = tuple[str, int | None, int | None]
scores = st.sampled_from([(21, 20), (20, 21), (20, 20)])
revisions = st.integers(1, 4)
NEVER = (-1, False)


class SettlementMachine(RuleBasedStateMachine):
    """A settlement beside the latest word of each kind, ranked by revision, a status after its result."""

    week_rules = Rules()

    def __init__(self) -> None:
        super().__init__()
        self.given = given(Settlement)
        self.said: dict[str, tuple[tuple[int, bool], Content]] = {}
        self.settling: Content | None = None
        self.resolution = 0
        self.settled_to = 0
        self.is_done = False
        self.is_final = False

    @rule(revision=revisions, score=scores, certainty=st.sampled_from(["official", "provisional"]))
    def source_gives_a_result(self, revision: int, score: tuple[int, int], certainty: str) -> None:
        said = word(*score, certainty=certainty, revision=revision)
        self._hear(certainty, (revision, False), said)

    @rule(status=st.sampled_from(["cancelled", "abandoned"]))
    def source_gives_a_status(self, status: str) -> None:
        known = [self.said[kind][0][0] for kind in ("official", "provisional", "postponed") if kind in self.said]
        self._hear("official", (max(known, default=0), True), self._status(status, SOURCE))

    @rule()
    def game_moves_out(self) -> None:
        known = [self.said[kind][0][0] for kind in ("official", "provisional", "postponed") if kind in self.said]
        self._hear("postponed", (max(known, default=0), True), self._status("postponed", SOURCE))

    @rule(revision=revisions, score=scores)
    def operator_decides(self, revision: int, score: tuple[int, int]) -> None:
        self._hear("operator", (revision, False), word(*score, source=OPERATOR, revision=revision))

    @precondition(lambda self: self.resolution == 0)
    @rule()
    def deadline_passes(self) -> None:
        provisional = self.said.get("provisional")
        if provisional is None:
            self._hear("clock", (0, True), self._status("no_result", CLOCK))
        else:
            _, (_, home, away) = provisional
            self._hear("clock", (0, False), word(home, away, source=CLOCK, revision=None))

    @rule()
    def week_becomes_final(self) -> None:
        self.is_final = True

    @staticmethod
    def _status(status: str, source: str) -> Word:
        return word(None, None, status=status, source=source, revision=None)

    def _hear(self, kind: str, order: tuple[int, bool], said: Word) -> None:
        content = (said.status, said.home_score, said.away_score)
        known, before = self.said.get(kind, (NEVER, None))
        if kind == "provisional" and kind not in self.said and "official" in self.said:
            known = max(known, self.said["official"][0])
        if order == known and before is not None and before != content:
            with pytest.raises(ConflictingResult):
                self.given.ask(lambda s: s.record(said, rules=self.week_rules, final=self.is_final))
            return
        events = self.given.ask(lambda s: s.record(said, rules=self.week_rules, final=self.is_final))
        if order <= known:
            assert events == ()
            return
        self.said[kind] = (order, content)
        counts = None if self.is_final else self._counts()
        changes = counts is not None and counts != self.settling
        if changes:
            self.settling, self.settled_to, self.is_done = counts, 0, False
            self.resolution += 1
        (event,) = events
        assert isinstance(event, ResultRecorded)
        assert event.resolution == (self.resolution if changes else None)
        assert event.applied == (counts is not None and counts == content)
        assert (event.revision, event.game_id) == (order[0], GAME)

    def _counts(self) -> Content | None:
        ranked = ["operator", "postponed", "official"]
        if self.week_rules.settles_on_provisional or "clock" in self.said:
            ranked.append("provisional")
        return next((self.said[kind][1] for kind in [*ranked, "clock"] if kind in self.said), None)

    @rule(size=st.integers(1, 5), off=st.sampled_from([0, 0, 0, 1, -1]), stale=st.sampled_from([0, 0, 0, 1]))
    def settler_settles_a_chunk(self, size: int, off: int, stale: int) -> None:
        from_, to = self.settled_to + 1 + off, self.settled_to + size
        asked = {"resolution": self.resolution - stale, "from_": from_, "to": to, "bets": 1, "paid": 10}
        if self.resolution == 0 or self.is_done or off or stale:
            with pytest.raises(StaleChunk):
                self.given.ask(lambda s: s.settle_chunk(**asked))
        else:
            assert len(self.given.ask(lambda s: s.settle_chunk(**asked))) == 1
            self.settled_to = to

    @precondition(lambda self: self.resolution > 0)
    @rule()
    def settler_completes(self) -> None:
        cut = self.given.aggregate.cut
        if self.settled_to < cut:
            with pytest.raises(StaleChunk):
                self.given.ask(lambda s: s.complete(resolution=self.resolution, staked=0))
        else:
            events = self.given.ask(lambda s: s.complete(resolution=self.resolution, staked=0))
            assert len(events) == (not self.is_done)
            self.is_done = True

    @precondition(lambda self: self.resolution > 0 and not self.is_final)
    @rule()
    def real_start_is_learnt(self) -> None:
        assert len(self.given.ask(lambda s: s.reconsider())) == 1
        self.resolution += 1
        self.settled_to, self.is_done = 0, False

    @invariant()
    def settlement_stands_where_the_model_does(self) -> None:
        settlement = self.given.aggregate
        assert (settlement.resolution, settlement.settled_to) == (self.resolution, self.settled_to)
        assert settlement.is_resolved == self.is_done
        if self.settling is not None:
            assert settlement.content[:3] == self.settling

    @invariant()
    def replay_gives_the_same_settlement(self) -> None:
        self.given.read_again()


class ProvisionalMachine(SettlementMachine):
    """The same, in a week that settles on provisional results."""

    week_rules = Rules(settles_on_provisional=True)


TestSettlement = SettlementMachine.TestCase
TestSettlement.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSettlementOnProvisional = ProvisionalMachine.TestCase
TestSettlementOnProvisional.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
