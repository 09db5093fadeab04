"""Every message of a stormy week twenty times, in any order, to eight processes that crash between any two steps."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from random import Random
from typing import Any

from fairpool.sandbox.faults import Harm
from feeds.payments.messages import Messages
from feeds.payments.prizes import PrizePolicy
from feeds.payments.reconcile import reconcile
from feeds.settler import ProjectionBehind
from ledger.aggregate import LedgerError
from ledger.datastore import Datastore
from ledger.events import PrizeAwarded, PrizePaid
from ledger.ids import OFFICE
from ledger.ledger import Ledger
from projections.rebuild import verify
from tests.feeds.payments.fragile import Crash, Process, Steps, now_and_then, own_ledger, seldom_slow
from tests.feeds.payments.shop import PRICES, Shop, shop
from tests.feeds.payments.stormy_week import EXPECTED, SCENES, Act, StormyWeek, unexpected
from tests.feeds.small_week import WEEK

TIMES = 20
PROCESSES = 8
WITH_LEDGERS_OF_THEIR_OWN = 4
CRASHES = 0.012
HARMS: tuple[Harm, ...] = ("error_after", "drop_after", "drop_before")
TERMS: dict[str, Any] = {"policy": PrizePolicy(identity_required=False)}
Card = Callable[[Process], None]


class Storm:
    """Deals what is to be done to processes, in bursts of the same message, and starts anew who crashes."""

    def __init__(self, shop: Shop, dsn: str, *, seed: int) -> None:
        self.shop = shop
        self.random = Random(seed)
        self.crashes: Counter[str] = Counter()
        self.delivered: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.failures: list[BaseException] = []
        self._scenes_left = SCENES
        self._bursts: list[list[Card]] = []
        self._lock = threading.RLock()
        self._shared: Ledger = own_ledger(shop, dsn)
        self.processes = [self._process(dsn, number) for number in range(PROCESSES)]

    def _process(self, dsn: str, number: int) -> Process:
        chance = now_and_then(Random(self.random.random()), self.crashes, share=CRASHES)
        ledger = None if number < WITH_LEDGERS_OF_THEIR_OWN else self._shared
        latency = seldom_slow(Random(self.random.random()), share=0.05, seconds=0.4)
        return Process(self.shop, dsn, Steps(self.crashes, chance, latency=latency), ledger=ledger)

    def close(self) -> None:
        for process in self.processes:
            process.close()
        self._shared.close()

    def deliver(self, messages: Sequence[str], meanwhile: Sequence[Act]) -> None:
        """Deliver messages, some of the twenty times now and the rest in the scenes to come, and do what follows."""
        self._scenes_left -= 1
        self._deal(burst for each in messages for burst in self._deliveries(each))
        self._deal([partial(self._happen, act)] for act in meanwhile)
        for _ in range(2 + len(messages) // 20):
            self._deal([[_step] * 2, [_step_on_old_news]])
        if len(messages) == len(self.shop.sandbox.webhooks.taken()):
            # It would find a message that is held up.
            self._deal([[Process.sweep] * 2])
        for harm in HARMS:
            self.shop.sandbox.faults.add(harm, "/v1/*", times=self.random.randint(1, 4))
        self.shop.sandbox.faults.add("error_kept", "/v1/refunds", method="POST")
        self._blow()
        self.shop.sandbox.faults.clear()
        self._settle()
        # What the processes did themselves at the provider comes as messages, too: here or in the next scene.
        late = [each for each in self.shop.sandbox.webhooks.taken() if self.delivered[each] < TIMES]
        if late and not self._scenes_left:
            self._deal(burst for each in late for burst in self._deliveries(each))
            self._blow()
            self._settle()

    def told(self) -> str:
        """Return what it was like."""
        crashes = f"{sum(self.crashes.values())} crashes at {len(self.crashes)} places"
        deliveries, requests = sum(self.delivered.values()), len(self.shop.sandbox.requests())
        return f"{deliveries} deliveries, {crashes}, {requests} requests, refused: {dict(self.refused)}"

    def _deliveries(self, event_id: str) -> Iterator[list[Card]]:
        """Yield what is left to deliver of a message, or half of it where more scenes come, in bursts."""
        left = TIMES - self.delivered[event_id]
        number = (left + 1) // 2 if self._scenes_left else left
        while number > 0:
            burst = min(number, self.random.choice((1, 1, 2, 4)))
            yield [partial(self._deliver, event_id)] * burst
            number -= burst

    def _deliver(self, event_id: str, process: Process) -> None:
        process.deliver(event_id)
        self.delivered[event_id] += 1

    def _happen(self, act: Act, process: Process) -> None:
        """Have something happen at the provider, and its messages come among the others."""
        with self._lock:
            before = set(self.shop.sandbox.webhooks.taken())
            act()
            news = [each for each in self.shop.sandbox.webhooks.taken() if each not in before]
            self._deal(burst for each in news for burst in self._deliveries(each))

    def _deal(self, bursts: Iterable[list[Card]]) -> None:
        with self._lock:
            for burst in bursts:
                self._bursts.insert(self.random.randint(0, len(self._bursts)), list(burst))

    def _draw(self) -> Card | None:
        with self._lock:
            if not self._bursts or self.failures:
                return None
            card = self._bursts[-1].pop()
            if not self._bursts[-1]:
                self._bursts.pop()
            return card

    def _blow(self) -> None:
        threads = [threading.Thread(target=self._work, args=[process]) for process in self.processes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert self.failures == []

    def _work(self, process: Process) -> None:
        while (card := self._draw()) is not None:
            if self._is_cut_short(process, card):
                self._deal([[card]])

    def _is_cut_short(self, process: Process, card: Card) -> bool:
        """Do what a card says, and say whether it is to be done again."""
        try:
            card(process)
        except Crash:
            process.restart()
            return True
        except (LedgerError, ProjectionBehind) as error:
            self.refused[type(error).__name__] += 1
            return True
        except BaseException as error:
            self.failures.append(error)
        return False

    def _settle(self) -> None:
        """Do what is left to do, still on shaky ground."""
        done = [1]
        while self._is_cut_short(self.processes[0], lambda process: done.append(process.step())) or done[-1]:
            assert self.failures == []


def _step(process: Process) -> None:
    process.step()


def _step_on_old_news(process: Process) -> None:
    process.step(is_stale=True)


def in_order(shop: Shop) -> Callable[[Sequence[str], Sequence[Act]], None]:
    """Return how messages come on a calm day: once each, in order, and nothing crashes."""
    delivered: set[str] = set()

    def deliver(messages: Sequence[str], meanwhile: Sequence[Act]) -> None:
        known = set(shop.sandbox.webhooks.taken())
        for act in meanwhile:
            act()
        news = [each for each in shop.sandbox.webhooks.taken() if each not in known]
        fresh = [each for each in [*messages, *news] if each not in delivered]
        shop.deliver(*fresh) if fresh else None
        delivered.update(fresh)

    return deliver


def require_books_to_agree(week: StormyWeek) -> None:
    """Hold the provider's books against ours, to the cent, and all projections against the logs."""
    shop = week.shop
    result = shop.ask(reconcile(shop.ledger, shop.money.view, shop.provider, week=WEEK, now=shop.clock()))
    by_hand = week.payments["gus buy_back"]
    assert [(each.what, each.id) for each in result.differences] == [("credited_and_refunded", str(by_hand))]
    shop.week.audit()
    assert verify(shop.week.datastore, log=OFFICE) == []
    with shop.sandbox.acting() as store:
        balance = store.balance["usd"]
    totals = result.totals
    of_week = sum(total.ours.net_cents for total in totals.money if total.kind != "prize")
    prizes = sum(total.ours.net_cents for total in totals.money if total.kind == "prize")
    lost = PRICES.cents["weekly_pass"] + PRICES.cents["buy_back"]
    before_the_week = 2 * PRICES.cents["subscription"]
    assert balance == of_week + before_the_week - prizes - lost


def require_one_effect_each(week: StormyWeek) -> None:
    """Each payment came to what the script says, one of two that were at once was credited, and prizes were paid."""
    effects = week.effects()
    assert unexpected(effects, week.payments) == {}
    assert effects["bob buy_back"] != effects["bob buy_back again"]
    charges = [each for each in week.sandbox.objects("charge") if each["status"] == "succeeded"]
    assert len({each["payment_intent"] for each in charges}) == len(charges)
    by_hand = 2
    standing = Counter(each["charge"] for each in week.sandbox.objects("refund") if each["status"] == "succeeded")
    assert sorted(standing.values())[-2:] == [1, by_hand]
    require_prizes_paid_once(week)


def require_prizes_paid_once(week: StormyWeek) -> None:
    """Each winner was paid, but Ann, whose lost dispute holds hers."""
    held, owed, paid = week.shop.week.entry("ann"), Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    for fact in [*week.shop.week.facts(PrizeAwarded), *week.shop.office()]:
        match fact.event:
            case PrizeAwarded(amount_cents=cents):
                owed[str(fact.stream), cents] += 1
            case PrizePaid(entry=entry, amount_cents=cents):
                paid[str(entry), cents] += 1
    [of_ann] = [each for each in owed if each[0] == str(held)]
    del owed[of_ann]
    transfers = week.sandbox.objects("transfer")
    sent = Counter((each["transfer_group"].rpartition("/")[2], each["amount"]) for each in transfers)
    assert paid == sent == owed
    assert set(paid.values()) == {1}


def require_all_messages_taken(week: StormyWeek) -> None:
    """Each message that speaks of something of ours is noted, so that no process looks into it once more."""
    sent = [each for each in week.sandbox.objects("event") if "account" not in each]
    known = Messages(week.shop.week.datastore, clock=week.shop.clock).known([each["id"] for each in sent])
    assert {each["id"] for each in sent} - known == set()


def test_on_a_calm_day_the_week_comes_to_what_is_expected(datastore: Datastore) -> None:
    """Each message delivered once, in order: what payments come to is what every other order must come to."""
    with shop(datastore, **TERMS) as opened:
        week = StormyWeek(opened, in_order(opened))
        week.play()
        assert week.effects().keys() == EXPECTED.keys()
        require_one_effect_each(week)
        require_books_to_agree(week)


def test_whatever_the_weather_each_payment_has_one_effect(datastore: Datastore, dsn: str) -> None:
    """Twenty deliveries of each message, in any order, to processes that crash: the week is that of a calm day."""
    seed = int(os.environ.get("STORM_SEED", "0")) or time.time_ns() % 1_000_000
    with shop(datastore, **TERMS) as opened, closing(Storm(opened, dsn, seed=seed)) as storm:
        week = StormyWeek(opened, storm.deliver)
        week.play()
        sys.stdout.write(f"seed {seed}: {storm.told()}\n")
        require_one_effect_each(week)
        require_books_to_agree(week)
        require_all_messages_taken(week)
        assert set(storm.delivered) == set(opened.sandbox.webhooks.taken())
        assert set(storm.delivered.values()) == {TIMES}
