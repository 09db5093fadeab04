"""Whatever payers, banks, operators, the clock and crashes do, in whatever order: credits add up, one effect each."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from random import Random
from typing import ClassVar

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from feeds.payments.reconcile import reconcile
from ledger.replay import Replay
from tests.database import Database
from tests.feeds.payments.money_model import WeekModel
from tests.feeds.payments.money_story import ACTS, NAMES, MoneyStory
from tests.feeds.small_week import WEEK

EXAMPLES, STEPS = 8, 40
STAGES = ("registering", "registering", "begun", "staked", "staked", "bust", "cutoff", "cutoff")


class MoneyMachine(RuleBasedStateMachine):
    """A story told beside a plain model."""

    new_dsn: ClassVar[Callable[[], AbstractContextManager[str]]]

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.story = MoneyStory(self.open.enter_context(type(self).new_dsn()))
        self.open.callback(self.story.open.close)
        self.happened = 0

    @initialize(seed=st.integers(0, 2**32))
    def begins(self, seed: int) -> None:
        stage = Random(f"{seed}").choice(STAGES)
        note(stage)
        self.story.begin(stage)

    @rule(seed=st.integers(0, 2**32))
    def something_happens(self, seed: int) -> None:
        """Have one thing happen; the seed says what, to whom and how.

        Drawn one by one, choices come out too much alike for anything to come of them in a short story.
        """
        self.happened += 1
        dice = Random(f"{seed}/{self.happened}")
        act = dice.choice(ACTS)
        note(act)
        getattr(self.story, act)(dice)

    # What holds.

    @invariant()
    def credits_add_up_and_payments_have_one_effect(self) -> None:
        if self.story.shop.ledger.weeks():
            self._judged()
            self._require_true_facts()

    def _require_true_facts(self) -> None:
        """The office does not tell of more than has happened at the provider."""
        told = Counter((fact.stream, fact.event.TOPIC.removeprefix("payment.")) for fact in self.story.shop.office())
        refunds = self.story.sandbox.objects("refund")
        for payment_id, payment in self.story.payments.items():
            of_it = [each for each in refunds if each["payment_intent"] == self.story.intent(payment)]
            assert told[payment_id, "paid"] <= int(payment.paid_at is not None)
            assert told[payment_id, "refunded"] <= len(of_it)
            assert told[payment_id, "refund_failed"] <= len([each for each in of_it if each["status"] == "failed"])
            assert told[payment_id, "disputed"] <= int(payment.dispute is not None)
            assert told[payment_id, "dispute_closed"] <= int(payment.dispute in ("won", "lost"))

    def _judged(self) -> WeekModel:
        entries = self.story.shop.ledger.entries
        known = {name: entries.entry_of(player_id=self.story.shop.player(name), week=WEEK) for name in NAMES}
        model = WeekModel(
            WEEK, self.story.payments, {name: entry for name, entry in known.items() if entry is not None}
        )
        facts = self.story.week.facts()
        model.judge(facts)
        model.require_at_most_one_effect()
        replay = Replay(WEEK).fold(facts)
        assert (replay.faults, replay.unbalanced()) == ([], [])
        return model

    def teardown(self) -> None:
        """When all is delivered and done, each paid payment was given for or went back, once, and the books agree."""
        try:
            if self.story.shop.ledger.weeks():
                self._converge()
        finally:
            self.open.close()

    def _converge(self) -> None:
        self.story.steps_to_live = self.story.overtaken_by = None
        self.story.sandbox.faults.clear()
        # What the provider did not do is tried once by each process, so this is another one.
        self.story.process.restart()
        self.story.process.sweep()
        while self.story.process.step() or self.story.undelivered():
            for event_id in self.story.undelivered():
                self.story.deliver(event_id)
        self.story.process.projections.catch_up()
        refunded: Counter[str] = Counter()
        for refund in self.story.sandbox.objects("refund"):
            refunded[refund["payment_intent"]] += refund["amount"] if refund["status"] == "succeeded" else 0
        standing = Counter(
            {each.payment_id: refunded[self.story.intent(each)] for each in self.story.payments.values()}
        )
        self._judged().require_convergence(standing)
        self._require_books_to_agree()

    def _require_books_to_agree(self) -> None:
        shop, by_hand = (
            self.story.shop,
            {str(each.payment_id) for each in self.story.payments.values() if each.refunded},
        )
        result = shop.ask(reconcile(shop.ledger, shop.money.view, shop.provider, week=WEEK, now=shop.clock()))
        differences = {(each.what, each.id) for each in result.differences}
        assert differences <= {("credited_and_refunded", each) for each in by_hand}, result.differences
        self.story.week.audit()


def test_whatever_happens_each_payment_has_one_effect(database: Database) -> None:
    """Invariants 1 and 5 after every step of any story; at its end every payment was given for or went back.

    `MONEY_EXAMPLES` sets how many stories are told, and has one that fails be made as short as can be.
    """
    numbers = count()

    @contextmanager
    def new_dsn() -> Iterator[str]:
        next(numbers)
        database.empty()
        yield database.dsn

    machine = type("Machine", (MoneyMachine,), {"new_dsn": staticmethod(new_dsn)})
    wanted = os.environ.get("MONEY_EXAMPLES")
    told = settings(
        max_examples=int(wanted or EXAMPLES),
        stateful_step_count=STEPS,
        deadline=None,
        phases=tuple(Phase) if wanted else (Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=told)
    assert next(numbers) > int(wanted or EXAMPLES) // 2
