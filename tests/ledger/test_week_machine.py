"""Whatever is asked of a week, at whatever time: it takes its steps in order, each in its time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger.aggregate import LedgerError
from ledger.draw import commitment
from ledger.events import WeekSettled
from ledger.week import BettingClosed, RegistrationClosed, Week
from tests.examples import ENDS_AT, RULES, STARTS_AT, WEEK
from tests.given import given

SEED = b"a seed"
HOUR = timedelta(hours=1)


class WeekMachine(RuleBasedStateMachine):
    """A week beside the number of steps it has taken. Its clock only goes forward, and stamps what happens."""

    def __init__(self) -> None:
        super().__init__()
        self.now = STARTS_AT - 12 * HOUR
        self.given = given(Week)
        self.steps: list[str] = []
        self.settlements = 0
        self.settled_at = self.now

    def asks(self, step: str, command: Callable[[Week], object], *, after: str, in_time: bool = True) -> bool:
        """Ask for a step: refused, answered with the first answer, or taken. Returns whether it was taken."""
        count = len(self.given.facts)
        if step in self.steps:
            assert self.given.ask(command) == ()
            return False
        if after not in ["", *self.steps] or not in_time:
            with pytest.raises(LedgerError):
                self.given.ask(command)
            return False
        assert len(self.given.ask(command)) == 1
        self._stamp(count)
        self.steps.append(step)
        return True

    def _stamp(self, first: int) -> None:
        for fact in self.given.facts[first:]:
            fact.recorded_at = self.now

    @initialize(steps=st.integers(0, 6))
    def has_come_some_way(self, steps: int) -> None:
        ways: list[Callable[[], object]] = [self.opens, self.freezes_the_roster, self.draws_it, self.groups]
        for number, step in enumerate([*ways, self.closes, self.settles_it][:steps]):
            self.now = (STARTS_AT, ENDS_AT)[number >= 4]
            step()

    @rule(hours=st.sampled_from([0, 1, 6, 24, 100, 168]))
    def time_passes(self, hours: int) -> None:
        self.now = self.now + hours * HOUR

    @rule()
    def opens(self) -> None:
        seed_commitment = commitment(SEED).hex()
        self.asks("open", lambda w: w.open(week=WEEK, rules=RULES, seed_commitment=seed_commitment), after="")

    @rule()
    def freezes_the_roster(self) -> None:
        def freezing(week: Week) -> object:
            return week.freeze_roster(entries=[], position=1, at=self.now)

        self.asks("frozen", freezing, after="open", in_time=self.now >= STARTS_AT)

    @rule()
    def draws_it(self) -> None:
        self.asks("drawn", lambda w: w.draw(seed=SEED, pools=[]), after="frozen")

    @rule()
    def draws_with_another_seed(self) -> None:
        self.asks("drawn", lambda w: w.draw(seed=b"another", pools=[]), after="frozen", in_time=False)

    @rule()
    def groups(self) -> None:
        self.asks("grouped", lambda w: w.group(), after="drawn")

    @rule()
    def closes(self) -> None:
        self.asks("closed", lambda w: w.close(at=self.now), after="grouped", in_time=self.now >= ENDS_AT)

    @rule(open_stakes=st.integers(0, 1), unresolved=st.sampled_from([[], ["g1"]]))
    def cannot_be_settled(self, open_stakes: int, unresolved: list[str]) -> None:
        if "closed" not in self.steps or open_stakes or unresolved:
            with pytest.raises(LedgerError):
                self.given.ask(lambda w: w.settle(unresolved=unresolved, open_stakes=open_stakes, standings_hash="s"))

    @precondition(lambda self: "closed" in self.steps and "final" not in self.steps)
    @rule()
    def settles_it(self) -> None:
        count = len(self.given.facts)
        self.settlements += 1
        events = self.given.ask(lambda w: w.settle(unresolved=[], open_stakes=0, standings_hash="s"))
        assert events == (WeekSettled(n=self.settlements, standings_hash="s"),)
        self._stamp(count)
        self.settled_at = self.now
        if self.settlements == 1:
            self.steps.append("settled")

    @rule(override=st.booleans(), waiting=st.sampled_from([0, 0, 0, 1]))
    def finalises(self, override: bool, waiting: int) -> None:
        over = self.now >= min(self.settled_at + 24 * HOUR, ENDS_AT + 72 * HOUR)
        self.asks(
            "final",
            lambda w: w.finalise(at=self.now, unresolved=["g1"][:waiting], standings_hash="s", override=override),
            after="settled",
            in_time=(over or override) and not waiting,
        )

    @invariant()
    def doors_are_open_in_their_time_only(self) -> None:
        week = self.given.aggregate
        if not self.steps:
            return
        if self.now < STARTS_AT and "frozen" not in self.steps:
            week.admit(self.now)
        else:
            with pytest.raises(RegistrationClosed):
                week.admit(self.now)
        if self.steps[-1] == "grouped":
            week.require_betting()
        else:
            with pytest.raises(BettingClosed):
                week.require_betting()

    @invariant()
    def state_is_that_of_the_last_step(self) -> None:
        last = self.steps[-1] if self.steps else "unknown"
        expected = {"open": "registering", "frozen": "registering", "drawn": "registering"}.get(last, last)
        assert self.given.aggregate.state == expected

    @invariant()
    def replay_gives_the_same_week(self) -> None:
        self.given.read_again()


TestWeek = WeekMachine.TestCase
TestWeek.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
