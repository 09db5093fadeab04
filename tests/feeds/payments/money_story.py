"""What can happen to a shop's money, one act at a time: by players, banks, operators, the service, and crashes.

An act is a method that takes dice, by which it decides to whom and how; where nothing of its kind can happen, it does
nothing. What payers and banks did is kept in a plain model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

from fairpool.sandbox.errors import NotPossible, StripeFault
from fairpool.sandbox.faults import Harm
from feeds.payments.provider import Kind
from ledger.aggregate import LedgerError
from ledger.datastore import Datastore
from ledger.weeks import ends_at
from tests.feeds.payments.fragile import Crash, Process, Steps
from tests.feeds.payments.money_model import ModelPayment
from tests.feeds.payments.shop import shop
from tests.feeds.small_week import STARTS_AT, WEEK, at

T = TypeVar("T")
NAMES = ("ann", "bob", "cat")
MINUTE = timedelta(minutes=1)
WALLS = (
    *("Mon 00:00", "Wed 12:00", "Thu 12:00", "Fri 22:00", "Fri 23:29:59", "Fri 23:59:59", "Sat 00:00"),
    *("Sat 00:00:01", "Sun 12:00", "next Mon 00:00", "next Tue 13:00", "next Wed 14:00"),
)
STOPS = (STARTS_AT - 40 * MINUTE, *map(at, WALLS))
BEFORE: tuple[Kind, ...] = ("weekly_pass", "weekly_pass", "weekly_pass", "subscription")
WITHIN: tuple[Kind, ...] = ("buy_back", "buy_back", "buy_back", "buy_back", "weekly_pass", "subscription")
HARMS: tuple[Harm, ...] = ("error_after", "drop_after", "drop_before")
OFTEN = ("buys", "buys", "pays", "messages_come", "cashier_steps", "will_crash", "slow_payment_ends", "time_passes")
SOMETIMES = ("stakes_all", "message_is_overtaken", "refunded_by_hand", "result_comes_or_is_corrected")
SELDOM = (
    *("withdraws", "enrols_for_free", "refund_fails", "dispute_closed", "subscription_renews", "message_comes"),
    *("message_is_lost", "messages_are_swept_up", "provider_stumbles", "disputed"),
)
ACTS = (*OFTEN * 4, *SOMETIMES * 2, *SELDOM)


class MoneyStory:
    """A shop on a real database and a sandbox, whose process may die anywhere, and the model of its payments."""

    def __init__(self, dsn: str) -> None:
        self.open = ExitStack()
        self.shop = self.open.enter_context(shop(Datastore(dsn), pays_prizes=False))
        self.sandbox, self.week = self.shop.sandbox, self.shop.week
        self.steps_to_live: int | None = None
        self.overtaken_by: Callable[[], None] | None = None
        self.process = Process(self.shop, dsn, Steps(Counter(), self._is_fatal))
        self.other = Process(self.shop, dsn, Steps(Counter(), lambda place: False))
        self.open.callback(self.process.close)
        self.open.callback(self.other.close)
        self.payments: dict[UUID, ModelPayment] = {}
        self.games: dict[str, int] = {}
        self.delivered: set[str] = set()
        self.dropped: set[str] = set()

    def _is_fatal(self, place: str) -> bool:
        if place == "after payment" and self.overtaken_by is not None:
            overtake, self.overtaken_by = self.overtaken_by, None
            with ThreadPoolExecutor() as thread:
                thread.submit(overtake).result()
        if self.steps_to_live is None:
            return False
        self.steps_to_live -= 1
        if self.steps_to_live > 0:
            return False
        self.steps_to_live = None
        return True

    def begin(self, stage: str) -> None:
        """Begin before the week, in it, when two have staked all, are bust, or have seconds left to buy back."""
        self.shop.open(*NAMES)
        if stage == "begun":
            self.shop.begin("ann", "bob")
        if stage == "staked":
            self.shop.begin("ann", "bob")
            self.week.listed("g1", STARTS_AT + 60 * MINUTE)
            for name in ("ann", "bob"):
                self.week.bet(name, "g1", "spread", "home", 1000)
            self._live_until(STARTS_AT + 61 * MINUTE)
            self.games["g1"] = 0
        if stage in ("bust", "cutoff"):
            self.shop.bust("ann", "bob")
        if stage == "cutoff":
            self.shop.until("Fri 23:00")
            payments = [self._buy(name, "buy_back", "last minute") for name in ("ann", "bob")]
            self._pay(payments[0], is_slow=True)
            self.shop.until("Fri 23:59:59")

    # What players do.

    def buys(self, dice: Random) -> None:
        """Check out, and more often than not pay, at once or slowly."""
        payment, kind = None, dice.choice(BEFORE if self.shop.clock() < STARTS_AT else WITHIN)
        # Of those who have nothing left, some have open bets.
        poor = [name for name in NAMES if self._available(name) == 0] if kind == "buy_back" else []
        name = dice.choice(poor or NAMES)
        with suppress(LedgerError):
            payment = self._buy(name, kind, f"{kind} {dice.randrange(3)}")
        if payment is not None and dice.random() < 0.7:
            self._pay(payment, is_slow=dice.random() < 0.4)

    def _buy(self, name: str, kind: Kind, key: str) -> ModelPayment:
        week = None if kind == "subscription" else WEEK
        player_id = self.shop.player(name)

        def buy() -> UUID:
            checkout = self.process.money.till.checkout(
                player_id=player_id, kind=kind, week=week, key=key, admit=lambda cents: None
            )
            return self.process.ask(checkout).payment_id

        payment_id = self._surely(buy)
        ref = self.shop.money.records.ref_of(payment_id)
        assert ref is not None
        return self.payments.setdefault(payment_id, ModelPayment(payment_id, name, kind, ref))

    def pays(self, dice: Random) -> None:
        payment = self._pick(dice, lambda each: each.can_be_paid)
        if payment is not None:
            self._pay(payment, is_slow=dice.random() < 0.5)

    def _pay(self, payment: ModelPayment, *, is_slow: bool) -> None:
        if not payment.can_be_paid or self._session(payment)["status"] != "open":
            return
        if is_slow and payment.kind != "subscription":
            self.sandbox.begin_slow_payment(payment.session)
            payment.is_slow = True
        else:
            payment.subscription = self.sandbox.pay(payment.session)["subscription"]
            payment.paid_at = self._now()

    def slow_payment_ends(self, dice: Random) -> None:
        payment = self._pick(dice, lambda each: each.is_slow)
        if payment is not None:
            succeeds = dice.random() < 0.8
            self.sandbox.end_slow_payment(payment.session, succeeds=succeeds)
            payment.is_slow, payment.has_ended = False, True
            payment.paid_at = self._now() if succeeds else None

    def withdraws(self, dice: Random) -> None:
        with suppress(LedgerError):
            self.shop.withdraw(dice.choice(NAMES))

    def enrols_for_free(self, dice: Random) -> None:
        with suppress(LedgerError):
            self.week.enrol(WEEK, dice.choice(NAMES))

    def stakes_all(self, dice: Random) -> None:
        """Bet all credits on a game, which is lost, won, or not over yet."""
        name, starts, game = dice.choice(NAMES), self.shop.clock() + 2 * MINUTE, f"g{len(self.games) + 10}"
        available = self._available(name)
        if self.week.state() != "grouped" or starts > ends_at(WEEK) - 60 * MINUTE:
            return
        if available is not None and available > 0:
            self.week.listed(game, starts)
            self.week.bet(name, game, "spread", "home", available)
            self.games[game] = 0
            self._live_until(starts + MINUTE)
            if dice.random() < 0.7:
                self._result(game, is_won=dice.random() < 0.2)

    def result_comes_or_is_corrected(self, dice: Random) -> None:
        if self.games and self.week.state() in ("grouped", "closed"):
            self._result(dice.choice(list(self.games)), is_won=dice.random() < 0.5)

    def _result(self, game: str, *, is_won: bool) -> None:
        self.games[game] += 1
        home, away = (30, 10) if is_won else (10, 20)
        self.week.result(game, home, away, revision=self.games[game])
        self.week.react()

    # What banks and operators do.

    def refunded_by_hand(self, dice: Random) -> None:
        payment = self._pick(dice, lambda each: each.paid_at is not None and each.kind != "subscription")
        if payment is not None:
            with suppress(StripeFault):
                refund = self.sandbox.refund(self.intent(payment), amount=dice.choice((None, 100)))
                payment.refunded += refund["amount"]

    def refund_fails(self, dice: Random) -> None:
        standing = [each for each in self.sandbox.objects("refund") if each["status"] == "succeeded"]
        if standing:
            refund = dice.choice(standing)
            self.sandbox.fail_refund(refund["id"])
            [payment] = [each for each in self.payments.values() if self.intent(each) == refund["payment_intent"]]
            payment.refunded -= 0 if refund["metadata"] else refund["amount"]

    def disputed(self, dice: Random) -> None:
        payment = self._pick(dice, lambda each: each.paid_at is not None and each.kind != "subscription")
        if payment is not None:
            with suppress(NotPossible):
                payment.dispute_ref = self.sandbox.dispute(self.intent(payment))["id"]
                payment.dispute = "open"

    def dispute_closed(self, dice: Random) -> None:
        payment = self._pick(dice, lambda each: each.dispute == "open")
        if payment is not None:
            assert payment.dispute_ref is not None
            won = dice.random() < 0.5
            payment.dispute = self.sandbox.close_dispute(payment.dispute_ref, won=won)["status"]

    def subscription_renews(self, dice: Random) -> None:
        payment = self._pick(dice, lambda each: each.subscription is not None)
        if payment is not None:
            assert payment.subscription is not None
            dice.choice((self.sandbox.renew, self.sandbox.fail_renewal))(payment.subscription)

    # What the service does.

    def message_comes(self, dice: Random) -> None:
        """A message comes, perhaps once more."""
        sent = [each for each in self.sandbox.webhooks.taken() if each not in self.dropped]
        if sent:
            self.deliver(dice.choice(sent))

    def messages_come(self, dice: Random) -> None:
        for event_id in dice.sample(self.undelivered(), len(self.undelivered())):
            self.deliver(event_id)

    def message_is_overtaken(self, dice: Random) -> None:
        """While the provider's word is on its way, things go on there, and another process hears of them."""
        undelivered = self.undelivered()
        if not undelivered:
            return

        def go_on() -> None:
            before = self.sandbox.webhooks.taken()
            dice.choice((self.refunded_by_hand, self.refunded_by_hand, self.disputed, self.dispute_closed))(dice)
            with suppress(LedgerError):
                for event_id in self.sandbox.webhooks.taken()[len(before) :]:
                    self.other.deliver(event_id)
                self.other.step()

        self.overtaken_by = go_on
        self.deliver(dice.choice(undelivered))

    def message_is_lost(self, dice: Random) -> None:
        if self.undelivered():
            self.dropped.add(dice.choice(self.undelivered()))

    def cashier_steps(self, dice: Random) -> None:
        is_stale = dice.random() < 0.3
        self._perhaps(lambda: self.process.step(is_stale=is_stale))

    def messages_are_swept_up(self, dice: Random) -> None:
        self._perhaps(self.process.sweep)

    def will_crash(self, dice: Random) -> None:
        self.steps_to_live = dice.randint(1, 20)

    def provider_stumbles(self, dice: Random) -> None:
        self.sandbox.faults.clear()
        self.sandbox.faults.add(dice.choice(HARMS), "/v1/*", times=dice.choice((1, 4)))

    def time_passes(self, dice: Random) -> None:
        ahead = [each for each in STOPS if each > self.shop.clock()]
        if ahead:
            self._live_until(ahead[0])

    # How it is done.

    def _available(self, name: str) -> int | None:
        entry = self.shop.ledger.entries.entry_of(player_id=self.shop.player(name), week=WEEK)
        return self.week.available(name) if entry is not None else None

    def _surely(self, act: Callable[[], T]) -> T:
        """Do something, again if the process dies of it."""
        try:
            return act()
        except Crash:
            self.process.restart()
            return act()

    def _perhaps(self, act: Callable[[], object]) -> bool:
        """Do something, as far as the process and the provider let it; says whether they did."""
        try:
            act()
        except Crash:
            self.process.restart()
            return False
        except LedgerError:
            return False
        return True

    def deliver(self, event_id: str) -> None:
        if self._perhaps(lambda: self.process.deliver(event_id)):
            self.delivered.add(event_id)

    def undelivered(self) -> list[str]:
        gone = self.delivered | self.dropped
        return [each for each in self.sandbox.webhooks.taken() if each not in gone]

    def _live_until(self, instant: datetime) -> None:
        self.week.live_until(instant)
        self.sandbox.tick()

    def _pick(self, dice: Random, fits: Callable[[ModelPayment], bool]) -> ModelPayment | None:
        found = [each for each in self.payments.values() if fits(each)]
        return dice.choice(found) if found else None

    def _session(self, payment: ModelPayment) -> dict[str, Any]:
        session = self.sandbox.find(payment.session)
        assert session is not None
        return session

    def intent(self, payment: ModelPayment) -> str:
        return str(self._session(payment)["payment_intent"])

    def _now(self) -> datetime:
        """The provider's present second."""
        return self.shop.clock().replace(microsecond=0)
