"""A week in which payments go every way that they can: a script, and what each payment must come to in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from fairpool.sandbox.errors import StripeFault
from feeds.payments.provider import Kind
from ledger.events import BoughtBack, EntryEnrolled, PaymentAccepted, PaymentEvent, PaymentRefused
from ledger.rules import Prize
from tests.feeds.payments.shop import Shop
from tests.feeds.small_week import WEEK, at

Act = Callable[[], object]
# Delivers messages, at least once each, while acts happen at the provider; messages of those included.
Deliver = Callable[[Sequence[str], Sequence[Act]], None]
PLAYERS = (
    *("ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal"),
    *("ivy", "joe", "kay", "kim", "lee", "mia", "ned", "oli", "pam"),
)
PRIZES = (Prize(rank=1, amount_cents=2000), Prize(rank=2, amount_cents=1000))


class Effect(NamedTuple):
    """What came of a payment: the office's facts, the week's decisions, how often it was given for, cents refunded."""

    facts: str
    decisions: str = ""
    given: int = 0
    refunded_cents: int = 0


SCENES = 6
OPEN_PAID = "checkout_opened paid"
BACK = f"{OPEN_PAID} refunded"
PASS_GIVEN, PASS_SECOND = Effect(OPEN_PAID, "accepted", 1), Effect(BACK, "second", 0, 500)
BUY_BACK_GIVEN, BUY_BACK_SECOND = Effect(OPEN_PAID, "accepted", 1), Effect(BACK, "second", 0, 700)
LATE = Effect(BACK, "late", 0, 700)
# Where there are several, it depends on what was heard first.
EXPECTED: dict[str, tuple[Effect, ...]] = {
    "ann weekly_pass": (Effect(f"{OPEN_PAID} disputed dispute_closed", "accepted", 1),),
    "ann buy_back": (BUY_BACK_GIVEN,),
    "bob weekly_pass": (Effect(f"{OPEN_PAID} disputed dispute_closed", "accepted", 1),),
    "bob buy_back": (BUY_BACK_GIVEN, BUY_BACK_SECOND),
    "bob buy_back again": (BUY_BACK_GIVEN, BUY_BACK_SECOND),
    "cat weekly_pass": (PASS_GIVEN,),
    "cat buy_back": (LATE,),
    "dan weekly_pass": (PASS_GIVEN,),
    "dan buy_back": (BUY_BACK_GIVEN,),
    "eve weekly_pass": (Effect("checkout_opened failed"),),
    "fay weekly_pass": (Effect("checkout_opened expired"),),
    "gus weekly_pass": (PASS_SECOND,),
    "gus buy_back": (Effect(f"{OPEN_PAID} refunded refunded", "accepted", 1, 700),),
    "hal subscription": (Effect(OPEN_PAID),),
    "hal renewal": (Effect("paid"),),
    "hal buy_back": (Effect("checkout_opened failed"),),
    "ivy subscription": (Effect(OPEN_PAID),),
    "ivy weekly_pass": (PASS_GIVEN, PASS_SECOND),
    "ivy buy_back": (LATE, LATE._replace(decisions="")),
    "joe weekly_pass": (PASS_GIVEN,),
    "joe buy_back": (Effect(f"{OPEN_PAID} disputed dispute_closed refunded", "not_admitted", 0, 700),),
    "kay weekly_pass": (PASS_GIVEN,),
    "kay buy_back": (Effect(f"{OPEN_PAID} disputed dispute_closed", "not_admitted"),),
    "kim weekly_pass": (Effect(BACK, "", 0, 500),),
    "lee weekly_pass": (Effect(BACK, "late", 0, 500),),
    "mia weekly_pass": (PASS_GIVEN,),
    "mia buy_back": (Effect(BACK, "not_bust", 0, 700),),
    "ned weekly_pass": (PASS_GIVEN,),
    "ned buy_back": (Effect("checkout_opened expired"),),
    "oli weekly_pass": (Effect(BACK, "accepted withdrawn", 1, 500),),
    "pam weekly_pass": (Effect(f"{BACK} refund_failed refunded", "late", 0, 500),),
}


class StormyWeek:
    """The script: `deliver` says how the provider's messages come. Each scene is what happens before some of them."""

    def __init__(self, shop: Shop, deliver: Deliver) -> None:
        self.shop = shop
        self.sandbox = shop.sandbox
        self.payments: dict[str, UUID] = {}
        self._deliver = deliver
        self._sessions: dict[str, str] = {}
        self._disputes: dict[str, str] = {}
        self._held: set[str] = set()

    def play(self) -> None:
        """Play the week to its end, and all that follows from it."""
        for scene in (self._sell, self._lose, self._last_minute, self._too_late, self._decide, self._award):
            self._held.clear()
            # What the provider did not do is tried once by each process, so this is another one.
            self.shop.ask(self.shop.money.close())
            self.shop.start()
            meanwhile = scene()
            self._deliver([each for each in self.sandbox.webhooks.taken() if each not in self._held], meanwhile)
            self.shop.follow_up()

    def effects(self) -> dict[str, Effect]:
        """What each payment came to, by the logs alone; prizes are told apart."""
        labels = {payment_id: label for label, payment_id in self.payments.items()}
        office: defaultdict[UUID, list[str]] = defaultdict(list)
        refunded: defaultdict[UUID, int] = defaultdict(int)
        for fact in self.shop.office():
            if isinstance(fact.event, PaymentEvent) and fact.event.kind != "prize":
                topic = fact.event.TOPIC.removeprefix("payment.")
                office[fact.stream].append(topic)
                sign = {"refunded": 1, "refund_failed": -1}.get(topic, 0)
                refunded[fact.stream] += sign * fact.event.amount_cents
        decisions, given = self._decided()
        return {
            labels.get(each, str(each)): Effect(
                " ".join(office[each]), " ".join(decisions[each]), given[each], refunded[each]
            )
            for each in office.keys() | decisions.keys() | given.keys()
        }

    def _decided(self) -> tuple[dict[UUID, list[str]], dict[UUID, int]]:
        decisions: defaultdict[UUID, list[str]] = defaultdict(list)
        given: defaultdict[UUID, int] = defaultdict(int)
        for fact in self.shop.week.facts(PaymentAccepted, PaymentRefused, EntryEnrolled, BoughtBack):
            match fact.event:
                case PaymentAccepted(payment_id=payment_id):
                    decisions[UUID(payment_id)].append("accepted")
                case PaymentRefused(payment_id=payment_id, reason=reason):
                    decisions[UUID(payment_id)].append(reason)
                case EntryEnrolled(payment_id=str(payment_id)) | BoughtBack(payment_id=payment_id):
                    given[UUID(payment_id)] += 1
        return decisions, given

    # Scenes. Each returns what happens at the provider while messages are delivered.

    def _sell(self) -> list[Act]:
        """Sunday evening: passes and subscriptions. Lee's message is held up; Kim has the money back at once."""
        self.shop.open(*PLAYERS, prizes=PRIZES)
        for name in PLAYERS:
            self._buy(name, "subscription" if name == "hal" else "weekly_pass")
        self._buy("ivy", "subscription")
        self.shop.week.enrol(WEEK, "gus")
        for name in ("cat", "eve", "pam"):
            self.sandbox.begin_slow_payment(self._sessions[f"{name} weekly_pass"])
        self._hold(self._paying("lee weekly_pass"))
        paid = [f"{name} weekly_pass" for name in ("dan", "gus", "joe", "kay", "kim", "mia", "ned", "oli")]
        for label in (*paid, "hal subscription"):
            self._paying(label)()
        self.sandbox.refund(self._intent("kim weekly_pass"))
        return [
            *map(self._paying, ("ann weekly_pass", "bob weekly_pass", "ivy weekly_pass", "ivy subscription")),
            self._ending("cat weekly_pass", succeeds=True),
            self._ending("eve weekly_pass", succeeds=False),
        ]

    def _lose(self) -> list[Act]:
        """Tuesday: Oli has left, Fay's checkout has expired, and all but Mia's bet, by a correction, are lost."""
        week = self.shop.week
        self.shop.withdraw("oli")
        self.shop.until("Mon 00:00")
        for game in ("g1", "g2"):
            week.listed(game, at("Tue 20:00"))
        for name in ("ann", "bob", "cat", "dan", "gus", "hal", "ivy", "joe", "kay", "mia", "ned"):
            week.bet(name, "g2" if name == "mia" else "g1", "spread", "home", 1000)
        self.shop.until("Tue 23:30")
        for game in ("g1", "g2"):
            week.result(game, 10, 20)
        week.react()
        for name in ("ann", "bob", "gus", "mia"):
            self._buy(name, "buy_back")
        week.result("g2", 30, 10, revision=2)
        week.react()
        self.sandbox.begin_slow_payment(self._sessions["bob buy_back"])
        self._paying("mia buy_back")()
        slow_pass = self._ending("pam weekly_pass", succeeds=True)
        return [*map(self._paying, ("ann buy_back", "gus buy_back")), slow_pass]

    def _last_minute(self) -> list[Act]:
        """Friday: Bob's slow buy-back arrives as he pays another. Dan pays in the last second, unheard of for now."""
        self.shop.until("Thu 12:00")
        self.sandbox.renew(self._subscription("hal"))
        renewal = self._first_invoice_after("hal")
        self.payments["hal renewal"] = uuid5(self.payments["hal subscription"], renewal)
        self.sandbox.refund(self._intent("gus buy_back"), amount=300)
        self.shop.until("Fri 22:00")
        self._buy("bob", "buy_back", again=" again")
        for name in ("cat", "dan", "hal", "ivy", "joe", "kay", "ned"):
            self._buy(name, "buy_back")
        for name in ("cat", "hal", "ivy", "joe", "kay"):
            self.sandbox.begin_slow_payment(self._sessions[f"{name} buy_back"])
        self.shop.until("Fri 23:59:59")
        self._hold(self._paying("dan buy_back"))
        return [
            self._paying("bob buy_back again"),
            self._ending("bob buy_back", succeeds=True),
            self._ending("hal buy_back", succeeds=False),
        ]

    def _too_late(self) -> list[Act]:
        """Half a minute after the cutoff, slow payments arrive; some are disputed at once, one refunded by hand."""
        self.shop.until("Sat 00:00:30")
        for name in ("cat", "ivy", "joe", "kay"):
            self._ending(f"{name} buy_back", succeeds=True)()
        for label in ("joe buy_back", "kay buy_back", "ann weekly_pass", "bob weekly_pass"):
            self._disputes[label] = self.sandbox.dispute(self._intent(label))["id"]
        self.sandbox.refund(self._intent("gus buy_back"), amount=400)
        intent = self._intent("pam weekly_pass")
        [refund] = [each for each in self.sandbox.objects("refund") if each["payment_intent"] == intent]
        self.sandbox.fail_refund(refund["id"])
        self.sandbox.fail_renewal(self._subscription("hal"))
        quick = [partial(self._close_dispute, label) for label in ("ann weekly_pass", "bob weekly_pass")]
        return [partial(self._refund_by_hand, "ivy buy_back"), *quick]

    def _decide(self) -> list[Act]:
        """Sunday: banks have decided about the rest."""
        self.shop.until("Sun 12:00")
        for label in ("joe buy_back", "kay buy_back"):
            self._close_dispute(label)
        return []

    def _award(self) -> list[Act]:
        """The week is final: winners say where they are to be paid."""
        self.shop.week.play_out()
        accounts = []
        for name in ("mia", "ann", "bob", "dan", "gus"):
            page = self.shop.money.payout_desk.account_page(self.shop.player(name), return_url="https://app.example")
            self.shop.ask(page)
            accounts.append(self.shop.money.payees.payee(self.shop.player(name)).account_ref)
        return [partial(self.sandbox.complete_onboarding, account) for account in accounts if account is not None]

    # What is done at the provider.

    def _buy(self, name: str, kind: Kind, *, again: str = "") -> None:
        payment = self.shop.buy(name, kind, key=f"{kind}{again}")
        label = f"{name} {kind}{again}"
        assert payment.payment_id not in self.payments.values()
        self.payments[label] = payment.payment_id
        self._sessions[label] = self.shop.session(payment)

    def _hold(self, act: Act) -> None:
        """Do something whose messages are held up."""
        before = set(self.sandbox.webhooks.taken())
        act()
        self._held |= set(self.sandbox.webhooks.taken()) - before

    def _paying(self, label: str) -> Act:
        return partial(self.sandbox.pay, self._sessions[label])

    def _ending(self, label: str, *, succeeds: bool) -> Act:
        return partial(self.sandbox.end_slow_payment, self._sessions[label], succeeds=succeeds)

    def _refund_by_hand(self, label: str) -> None:
        # The cashier may have been first.
        with suppress(StripeFault):
            self.sandbox.refund(self._intent(label))

    def _close_dispute(self, label: str) -> None:
        self.sandbox.close_dispute(self._disputes[label], won=label in ("joe buy_back", "bob weekly_pass"))

    def _session(self, label: str) -> dict[str, Any]:
        session = self.sandbox.find(self._sessions[label])
        assert session is not None
        return session

    def _intent(self, label: str) -> str:
        return str(self._session(label)["payment_intent"])

    def _subscription(self, name: str) -> str:
        return str(self._session(f"{name} subscription")["subscription"])

    def _first_invoice_after(self, name: str) -> str:
        subscription = self.sandbox.find(self._subscription(name))
        assert subscription is not None
        return str(subscription["latest_invoice"])


def unexpected(effects: dict[str, Effect], labels: Iterable[str]) -> dict[str, Effect | None]:
    """Return what came to something else than it must."""
    return {label: effects.get(label) for label in {*effects, *labels} if effects.get(label) not in EXPECTED[label]}
